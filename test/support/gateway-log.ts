// An audit log as a gateway writes and signs it, without the gateway.

import { join } from 'node:path'
import { readFloor } from '../../src/adapters/audit/floor.ts'
import { TreeFile } from '../../src/adapters/audit/tree-file.ts'
import { verifyFolder } from '../../src/adapters/audit/verify-folder.ts'
import { readVkey } from '../../src/audit/note.ts'
import { Findings, type Finding } from '../../src/audit/verify.ts'
import { openAudit } from '../../src/compose/audit.ts'
import type { EventEncoder } from '../../src/audit/encode.ts'
import { silentLogger } from './silent-logger.ts'

/** Appends these lines to the log of a data directory, and signs it. */
export async function signedLog(dataDir: string, lines: (encoder: EventEncoder) => readonly string[] = () => []): Promise<void> {
  const parts = { logger: silentLogger(), onGroup: () => {}, now: Date.now, monotonic: () => performance.now() }
  const { log, encoder } = await openAudit({ dataDir, ...parts })
  for (const line of [encoder.lifecycle('start'), ...lines(encoder)]) await log.append(line)
  await log.close()
}

/** What is wrong with a log: every line, hash and checkpoint, and the last signed checkpoint of `trust/audit.json`. */
export async function findingsIn(dataDir: string): Promise<readonly Finding[]> {
  const dir = join(dataDir, 'audit')
  const { last } = readFloor(dataDir)
  const file = TreeFile.read(dir)
  if (!last || !file) throw new Error('nothing was signed here')
  const kept = {
    firstSegment: file.name?.firstSegment ?? 1,
    tiles: file.tiles,
    leavesOf: (tile: number) => file.leavesOf(tile),
    segments: () => file.segments(),
    checkpoints: file.checkpoints(1000).map(({ note }) => note),
  }
  const log = { origin: last.origin, keys: last.vkeys.map(readVkey).filter(key => typeof key !== 'string') }
  const findings = new Findings()
  await verifyFolder(dir, kept, { log, witnesses: [], external: [last.note], asOf: Date.now() }, findings)
  file.close()
  return findings.list
}
