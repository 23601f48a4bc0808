// The system calls of a writer: the sync must be over before the acknowledgement, which no kill and no return value can show.

import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const probe = spawnSync('strace', ['-e', 'trace=none', 'true'], { encoding: 'utf8' })
const obstacle = probe.error
  ? 'strace is not installed'
  : probe.status === 0
    ? undefined
    : `strace may not trace here: ${probe.stderr.trim().split('\n')[0]}`

type Call = { readonly name: string; readonly args: string; readonly result: string; readonly begun: number; readonly ended: number }

/** One entry per system call, with its places in the trace: a call of one thread may begin before and end after calls of others. */
function callsOf(trace: string): Call[] {
  const begun = new Map<string, { name: string; args: string; at: number }>()
  const calls: Call[] = []
  for (const [at, line] of trace.split('\n').entries()) {
    const whole = /^(?:\[pid +)?(\d+)\]? +(\w+)\((.*)\) += (.+)$/.exec(line)
    const start = /^(?:\[pid +)?(\d+)\]? +(\w+)\((.*) <unfinished \.\.\.>$/.exec(line)
    const end = /^(?:\[pid +)?(\d+)\]? +<\.\.\. (\w+) resumed>(.*)\) += (.+)$/.exec(line)
    if (start) begun.set(start[1]!, { name: start[2]!, args: start[3]!, at })
    else if (end) {
      const first = begun.get(end[1]!)
      if (first !== undefined && first.name === end[2])
        calls.push({ name: end[2], args: first.args + end[3]!, result: end[4]!, begun: first.at, ended: at })
    } else if (whole) calls.push({ name: whole[2]!, args: whole[3]!, result: whole[4]!, begun: at, ended: at })
  }
  return calls
}

/** The calls of append-child.ts in a mode. */
async function traced(mode: string): Promise<Call[]> {
  const dir = await mkdtemp(join(tmpdir(), 'audit-trace-'))
  const file = join(dir, 'trace')
  const child = join(import.meta.dirname, 'append-child.ts')
  const names = 'trace=openat,write,pwrite64,writev,fsync,fdatasync,rename,mkdir'
  try {
    await promisify(execFile)('strace', ['-f', '-s', '4096', '-e', names, '-o', file, process.execPath, child, join(dir, 'audit'), mode])
    return callsOf(await readFile(file, 'utf8'))
  } finally {
    await rm(dir, { recursive: true })
  }
}

describe.skipIf(obstacle !== undefined)(`the order of system calls${obstacle ? ` (skipped: ${obstacle})` : ''}`, () => {
  it('every acknowledgement comes after a completed fdatasync of the log, which came after the write of its row', async () => {
    const calls = await traced('single')
    const opened = calls.find(({ name, args }) => name === 'openat' && args.includes('events-000001.jsonl') && args.includes('O_APPEND'))
    const fd = opened?.result ?? 'none'
    expect(fd).toMatch(/^\d+$/)
    const onLog = (call: Call): boolean => call.args === fd || call.args.startsWith(`${fd},`)
    const writes = calls.filter(call => /^p?write/.test(call.name) && onLog(call))
    const syncs = calls.filter(call => call.name === 'fdatasync' && onLog(call) && call.result === '0')
    const acknowledgements = calls.filter(call => call.name === 'write' && /^1, "(intent|outcome) c\d+\\n"/.test(call.args))
    expect(acknowledgements).toHaveLength(40)

    for (const acknowledgement of acknowledgements) {
      const [, type, request] = /"(\w+) (c\d+)\\n"/.exec(acknowledgement.args) ?? []
      const write = writes.find(({ args }) => args.includes(`\\"type\\":\\"${type}\\"`) && args.includes(`\\"request\\":\\"${request}\\"`))
      expect(write, `the write of ${type} ${request}`).toBeDefined()
      const sync = syncs.find(({ begun, ended }) => begun > write!.ended && ended < acknowledgement.begun)
      expect(sync, `a sync between the write and the acknowledgement of ${type} ${request}`).toBeDefined()
    }
    // One commit, one sync: none is missing and none is one too many. The last is of closing.
    expect(writes.length).toBeGreaterThanOrEqual(40)
    expect(syncs).toHaveLength(writes.length)
    // The name of the file was made durable before its first row was acknowledged.
    const directories = calls.filter(
      call => call.name === 'fsync' && call.result === '0' && call.begun > opened!.ended && call.ended < acknowledgements[0]!.begun,
    )
    expect(directories.length).toBeGreaterThan(0)
  })

  it('a checkpoint is told after a completed sync of the tree, which came after the last write of its commit', async () => {
    const calls = await traced('signed')
    const opened = calls.filter(({ name, args }) => name === 'openat' && args.includes('tree.db-wal'))
    expect(opened).toHaveLength(1)
    const fd = opened[0]!.result
    const onTree = calls.filter(call => call.begun > opened[0]!.ended && (call.args === fd || call.args.startsWith(`${fd},`)))
    const writes = onTree.filter(({ name }) => /^p?write/.test(name))
    const syncs = onTree.filter(({ name, result }) => /^f(data)?sync$/.test(name) && result === '0')
    const told = calls.filter(call => call.name === 'write' && /^1, "signed \d+\\n"/.test(call.args))
    expect(told).toHaveLength(4)

    let since = opened[0]!.ended
    for (const checkpoint of told) {
      const write = writes.findLast(({ begun, ended }) => begun > since && ended < checkpoint.begun)
      expect(write, `a write of the tree before ${checkpoint.args}`).toBeDefined()
      const sync = syncs.find(({ begun, ended }) => begun > write!.ended && ended < checkpoint.begun)
      expect(sync, `a sync of the tree between its last write and ${checkpoint.args}`).toBeDefined()
      since = checkpoint.ended
    }
  })
})

it('reads a trace in which threads overlap', () => {
  const trace = [
    '100 openat(AT_FDCWD, "x", O_RDWR) = 7',
    '101 fdatasync(7 <unfinished ...>',
    '100 write(1, "ack", 3) = 3',
    '101 <... fdatasync resumed>)         = 0',
  ].join('\n')
  expect(callsOf(trace)).toEqual([
    { name: 'openat', args: 'AT_FDCWD, "x", O_RDWR', result: '7', begun: 0, ended: 0 },
    { name: 'write', args: '1, "ack", 3', result: '3', begun: 2, ended: 2 },
    { name: 'fdatasync', args: '7', result: '0', begun: 1, ended: 3 },
  ])
})
