import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CallEnd, DemoHost } from '../../src/demo/host.ts'
import { closing, stepText } from '../../src/demo/report.ts'
import { ANSWERS, walk, type Step } from '../../src/demo/walk.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-walk-'))
  mkdirSync(join(folder, 'audit'))
  writeFileSync(join(folder, 'welcome.txt'), 'welcome\nall\n')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const alice = { principal: { subject: 'alice' } }
const entry = (type: string, server: string | undefined, name: string | undefined, more: object = {}): object => ({
  v: 1,
  type,
  time: '2026-11-21T12:00:00.000Z',
  call: name,
  subject: { endpoint: '/mcp', method: name === undefined ? 'tools/list' : 'tools/call', ...(server && { server }), ...(name && { name }) },
  ...alice,
  ...more,
})
const ask = entry('server-request', 'booking', 'book_table', { decision: 'allowed', rules: ['b'] })
const intent = entry('intent', 'booking', 'book_table', { rules: ['b'], round: 1 })
const outcome = entry('outcome', 'booking', 'book_table', { outcome: 'input' })
const LOG = [
  { v: 1, type: 'lifecycle', what: 'start' },
  entry('decision', undefined, undefined),
  entry('intent', 'files', 'read_text_file', { rules: ['f'] }),
  entry('outcome', 'files', 'read_text_file', { outcome: 'ok', resultBytes: 7 }),
  ...[intent, ask, outcome, intent, ask, outcome, intent, outcome],
  entry('refusal', 'files', 'write_file', { reason: 'denied' }),
]

type Lies = {
  readonly tools?: readonly string[]
  readonly ends?: Readonly<Record<string, CallEnd>>
  readonly questions?: readonly string[]
  readonly states?: readonly string[]
  readonly log?: readonly object[]
}

/** Walks a host that does everything right but what the test says. */
async function walked(lies: Lies = {}): Promise<Step[]> {
  const log = lies.log ?? LOG
  writeFileSync(join(folder, 'audit', 'events-000001.jsonl'), log.map(line => `${JSON.stringify(line)}\n`).join('') + '{"torn":')
  const asked: { question: string; answer: (typeof ANSWERS)[number] }[] = []
  const ends: Record<string, CallEnd> = {
    files__read_text_file: { text: 'welcome\nall\n' },
    booking__book_table: { text: 'Booked: Trattoria da Anna, Friday, a table for 4.' },
    files__write_file: { code: -32602, message: 'Unknown name' },
    ...lies.ends,
  }
  const host: DemoHost = {
    version: '2026-07-28',
    peer: 'gatehouse',
    asked,
    states: lies.states ?? ['opaque'],
    tools: async () => lies.tools ?? ['files__read_text_file', 'booking__book_table'],
    call: async name => {
      if (name === 'booking__book_table')
        (lies.questions ?? ['When?', 'Friday, 4: book it?']).forEach((question, i) => asked.push({ question, answer: ANSWERS[i] ?? {} }))
      return ends[name] ?? { text: '' }
    },
    close: async () => {},
  }
  const world = { host, person: 'alice', workspace: folder, dataDir: folder, aliases: ['files', 'booking'], cwd: folder }
  const steps: Step[] = []
  for await (const step of walk({ ...world, offered: async alias => (alias === 'files' ? ['write_file'] : ['get-env']) })) steps.push(step)
  return steps
}
const failedOf = (steps: readonly Step[]): string[] =>
  steps.flatMap(({ number, checks }) => checks.filter(({ isTrue }) => !isTrue).map(({ claim }) => `${number}: ${claim}`))

describe('the walk', () => {
  it('claims nothing that is not so', async () => {
    const steps = await walked()
    expect(failedOf(steps)).toEqual([])
    expect(closing(steps, 5)).toContain('Every step did what it says')
  })

  it.each<[string, Lies, string[]]>([
    ['a list that shows what nobody may use', { tools: ['files__write_file', 'booking__x'] }, ['1: the list does not']],
    ['a list with a server missing', { tools: ['files__a'] }, ['1: every server is in the list, and nothing else']],
    [
      'an answer that is not the file',
      { ends: { files__read_text_file: { text: 'welcome' } } },
      ['2: the answer is the file, byte for byte'],
    ],
    [
      'one question instead of two',
      { questions: ['When?'] },
      ['3: the server asked twice', '3: its second question holds the first answer'],
    ],
    [
      'a state that can be read',
      { states: [`x.${Buffer.from('{"evening":"Friday"}').toString('base64url')}`] },
      ['3: what the host carried tells it nothing'],
    ],
    ['a refused call that went through', { ends: { files__write_file: { text: 'written' } } }, ['4: the host got an error']],
  ])('sees %s', async (_name, lies, claims) => {
    const steps = await walked(lies)
    expect(failedOf(steps)).toEqual(claims)
    expect(closing(steps, 5)).toContain(claims[0]!.slice(3))
  })

  it.each<[string, (log: readonly object[]) => readonly object[], string[]]>([
    ['an entry that is missing', log => log.filter(line => line !== LOG[3]), ['5: step 2 left the entries it must']],
    ['a refusal that was not recorded', log => log.slice(0, -1), ['5: step 4 left the entries it must']],
    ['a question that was not recorded', log => log.filter((_, i) => i !== 5), ['5: both questions are recorded']],
    [
      'somebody else in the log',
      log => log.map(line => (line === LOG[2] ? { ...line, principal: { subject: 'bob' } } : line)),
      ["5: all of it is alice's"],
    ],
    [
      'rounds that fell apart',
      log => log.map((line, i) => (i === 7 ? { ...line, call: 'other' } : line)),
      ['5: all rounds of the booking are one call'],
    ],
    [
      'an argument in the log',
      log => [...log, entry('decision', undefined, 'x', { detail: 'Trattoria' })],
      ['5: no argument, answer or result stands in it'],
    ],
  ])('sees %s', async (_name, change, claims) => {
    expect(failedOf(await walked({ log: change(LOG) }))).toEqual(claims)
  })

  it('is told in words, with the entries as a table', async () => {
    const steps = await walked()
    const text = steps.map(stepText).join('')
    expect(text).toContain('4     refusal         files/write_file      no rule names this tool; nothing left the gateway')
    expect(text).toContain('round 2, permitted by rule b; now it goes to the server')
    expect(text).toContain('  ok      the server asked twice')
    expect(closing(steps.slice(0, 3), 5)).toContain('did not come to its end')
  })
})
