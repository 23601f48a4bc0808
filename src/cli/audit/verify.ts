// `gatehouse audit verify`: a log in its folder, an export bundle, or one event with its proof. Offline, and without the gateway.

import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { verifyBundle, type Verified } from '../../adapters/audit/bundle-file.ts'
import { KeptLog } from '../../adapters/audit/kept-log.ts'
import { readKeptValues } from '../../adapters/sqlite/kept-values.ts'
import { verifyFolder } from '../../adapters/audit/verify-folder.ts'
import { verifyProof } from '../../audit/proof.ts'
import { Findings, type Finding } from '../../audit/verify.ts'
import { inertLine } from '../../kernel/json-string.ts'
import { EXIT, type CommandArgs } from '../command.ts'
import { required } from '../signing/presented.ts'
import { floorNote, logPlace, type LogPlace } from './place.ts'
import { logWith, trustOf, type GivenTrust } from './trust.ts'
import { judgeTrust, vouched } from './vouched.ts'
import { tellingUsage, UsageError } from '../usage.ts'

const MAX_FILE = 8 * 1024 * 1024

export const run = tellingUsage('audit verify', async args => {
  if (args.text('proof') !== undefined || args.text('event') !== undefined) return await verifyOne(args)
  return await verifyLog(args)
})

async function verifyLog(args: CommandArgs): Promise<number> {
  const trust = await trustOf(args)
  const findings = new Findings()
  const [name] = args.positionals
  const path = name === undefined ? undefined : resolve(args.io.cwd, name)
  const takenAt = takenAtOf(args)
  const verified =
    path !== undefined && statSync(path).isFile()
      ? await verifyBundle(path, ({ origin, vkeys }) => logWith(trust, origin, vkeys), trust, findings)
      : await verifyPlace(await logPlace(args, name), { trust, asOf: takenAt ?? args.io.now() }, findings)
  const aged = verified && { ...verified, asOf: takenAt ?? verified.asOf }
  if (aged) judgeTrust(aged, trust, findings)
  return report(args, aged, trust, findings)
}

function takenAtOf(args: CommandArgs): number | undefined {
  const text = args.text('taken-at')
  if (text === undefined) return undefined
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new UsageError('--taken-at: expected a time, such as 2026-07-28T12:00:00Z')
  return time
}

async function verifyPlace(
  place: LogPlace,
  { trust, asOf: at }: { readonly trust: GivenTrust; readonly asOf: number },
  findings: Findings,
): Promise<Verified> {
  const log = KeptLog.open(place.dir)
  // Beside the log's own folder stands what rules recorded; of the folder alone nothing is known of it.
  const values = place.dataDir === undefined ? undefined : readKeptValues(join(place.dataDir, 'audit-values.db'))
  try {
    const { tree } = log
    const floor = floorNote(place)
    const kept = { ...tree, checkpoints: floor === undefined ? tree.checkpoints : [...tree.checkpoints, floor] }
    return await verifyFolder(
      place.dir,
      kept,
      { ...trust, log: logWith(trust, log.origin, log.vkeys), asOf: at, hasValue: values?.has },
      findings,
    )
  } finally {
    values?.close()
    log.close()
  }
}

function report(args: CommandArgs, verified: Verified | undefined, trust: GivenTrust, findings: Findings): number {
  const list = [...findings.list].sort((a, b) => placeOf(a) - placeOf(b))
  const isOk = verified !== undefined && findings.count === 0
  const by = verified ? vouched(verified) : undefined
  const covered = verified?.matched.at(-1)?.size ?? 0
  if (args.json) {
    const log = verified && {
      origin: verified.log.origin,
      from: verified.from,
      size: verified.size,
      covered,
      checkpoints: verified.matched.length,
      vouched: by,
    }
    args.io.out(`${JSON.stringify({ ok: isOk, log, findings: list, findingsInAll: findings.count })}\n`)
    return isOk ? EXIT.ok : EXIT.failed
  }
  if (!isOk || by === undefined) {
    args.io.out(`NOT VERIFIED\n${list.map(found => `${textOf(found)}\n`).join('')}`)
    if (findings.count > list.length) args.io.out(`and ${findings.count - list.length} more\n`)
    return EXIT.failed
  }
  args.io.out(
    `verified: ${verified.size - verified.from} events of ${verified.log.origin}, from ${verified.from} to ${verified.size - 1}; ${verified.matched.length} checkpoints, the last over ${covered} events\n`,
  )
  for (const who of by.by) args.io.out(`vouched for by ${who}\n`)
  if (by.size < verified.size)
    args.io.out(`from event ${by.size} on nothing but the log's own key vouches for them: whoever holds it can have written them anew\n`)
  if (trust.keys.length === 0) args.io.out('the key of the log is the one that it tells itself; give the one you know with --key\n')
  return EXIT.ok
}

const placeOf = (found: Finding): number =>
  found.is === 'event' ? found.seq : found.is === 'events' ? found.from : found.is === 'checkpoint' ? found.size : -1

function textOf(found: Finding): string {
  switch (found.is) {
    case 'event':
      return `event ${found.seq}: ${found.why}`
    case 'events':
      return `events ${found.from} to ${found.to - 1}: ${found.why}`
    case 'checkpoint':
      return `checkpoint of ${found.size} events: ${found.why}`
    case 'file':
      return inertLine(`${found.where}: ${found.why}`)
  }
}

/** One event and its proof, by the log's key from elsewhere. */
async function verifyOne(args: CommandArgs): Promise<number> {
  const [proofFile, eventFile] = [args.text('proof'), args.text('event')]
  if (proofFile === undefined || eventFile === undefined || args.list('key').length === 0)
    throw new UsageError('--proof, --event and --key: expected all three')
  const proof = (await required(resolve(args.io.cwd, proofFile), MAX_FILE)).toString('utf8')
  const bytes = await required(resolve(args.io.cwd, eventFile), MAX_FILE)
  // The line break at its end is not part of an event.
  const event = bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes
  const trust = await trustOf({ ...args, flag: name => name === 'unsafe-local' || args.flag(name) })
  const origin = trust.keys[0]?.name ?? ''
  const proven = verifyProof(proof, event, logWith(trust, origin, []), trust.witnesses)
  const missing =
    typeof proven === 'string' ? [] : trust.witnesses.filter(({ name }) => !proven.checkpoint.witnesses.some(by => by.name === name))
  const why =
    typeof proven === 'string'
      ? proven
      : missing.length > 0
        ? `the witness \`${missing.map(({ name }) => name).join('`, `')}\` did not sign it`
        : undefined
  if (typeof proven === 'string' || why !== undefined) {
    args.io.out(args.json ? `${JSON.stringify({ ok: false, why })}\n` : `NOT VERIFIED\n${inertLine(why ?? '')}\n`)
    return EXIT.failed
  }
  const { seq, checkpoint } = proven
  if (args.json) {
    args.io.out(`${JSON.stringify({ ok: true, origin, seq, size: checkpoint.size, witnesses: checkpoint.witnesses })}\n`)
    return EXIT.ok
  }
  args.io.out(`verified: this is event ${seq} of ${origin}, in its tree of ${checkpoint.size} events\n`)
  for (const { name, time } of checkpoint.witnesses) args.io.out(`seen by the witness ${name} at ${new Date(time * 1000).toISOString()}\n`)
  if (checkpoint.witnesses.length === 0) args.io.out('nothing but the log’s own key vouches for that; --witness asks for more\n')
  return EXIT.ok
}
