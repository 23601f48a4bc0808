// Export bundles of a made-up log, and what was done to them.

import { bundleHead, bundleLine, BUNDLE_END } from '../../src/audit/bundle.ts'
import { checkpointText, signCheckpoint } from '../../src/audit/checkpoint.ts'
import { cosignatureLine, noteKey, vkeyOf } from '../../src/audit/note.ts'
import { frontierAt, leafHash, rootAt } from '../../src/audit/tree.ts'
import type { Finding } from '../../src/audit/verify.ts'
import { nodesOver, seededKey, SignedLog } from './signed-log.ts'

export const WITNESS = noteKey('witness.example/w1', 0x04, seededKey(2))

export const eventOf = (seq: number, padding?: string): string =>
  JSON.stringify({
    call: `0199d0c4-${String(seq).padStart(12, '0')}`,
    id: `0199d0c4-7e7b-7d2f-9c1e-${String(seq).padStart(12, '0')}`,
    ...(padding !== undefined && { detail: padding }),
    outcome: seq % 7 === 0 ? 'error' : 'ok',
    principal: { issuer: 'https://idp.example', subject: `user-${seq % 13}` },
    time: new Date(Date.UTC(2026, 6, 28) + seq * 10).toISOString(),
    type: 'outcome',
    v: 1,
  })

export type Bundle = {
  readonly log: SignedLog
  readonly bytes: Buffer
  readonly lines: readonly string[]
  readonly headBytes: number
  readonly from: number
  readonly sizes: readonly number[]
}

/** Events `from` to the last of `sizes`, with a checkpoint at each of `sizes`; the one of `cosigned` events, by default the last, is cosigned. */
export function makeBundle(sizes: readonly number[], from = 0, padding?: string, cosigned = sizes.at(-1)!): Bundle {
  const to = sizes.at(-1)!
  const lines = Array.from({ length: to }, (_, seq) => eventOf(seq, padding))
  const log = new SignedLog()
  for (const line of lines) log.leaves.push(leafHash(Buffer.from(line)))
  const nodeAt = nodesOver(log.leaves)
  const notes = sizes.map(size => signCheckpoint({ origin: log.origin, size, root: rootAt(size, nodeAt) }, log.privateKey))
  const cosignature = cosignatureLine(
    checkpointText({ origin: log.origin, size: cosigned, root: rootAt(cosigned, nodeAt) }),
    { name: WITNESS.name, privateKey: seededKey(2) },
    1_790_000_000,
  )
  const checkpoints = notes.map((note, i) => (sizes[i] === cosigned ? note + cosignature : note))
  const head = bundleHead({ origin: log.origin, from, to, before: frontierAt(from, nodeAt), vkeys: [vkeyOf(log.key)], checkpoints })
  const body = lines.slice(from).map((line, i) => bundleLine(from + i, log.leaves[from + i]!.toString('base64'), line))
  return { log, lines, from, sizes, headBytes: head.length, bytes: Buffer.concat([head, Buffer.from(body.join('') + BUNDLE_END)]) }
}

/** Which event's line holds this byte; undefined in the head and in the end. The line break belongs to its line. */
export function eventAt({ bytes, headBytes, from, lines }: Bundle, at: number): number | undefined {
  if (at < headBytes) return undefined
  const before = bytes.subarray(headBytes, at)
  let seq = from
  for (const byte of before) if (byte === 0x0a) seq += 1
  return seq < lines.length ? seq : undefined
}

/** Whether one of the findings names the event, or a range with it. */
export const names = (findings: readonly Finding[], seq: number): boolean =>
  findings.some(found => (found.is === 'event' && found.seq === seq) || (found.is === 'events' && found.from <= seq && seq < found.to))
