// The attacks of the supply-chain demo, in the order of a bad week. Each one is really made; what a host was told and what ran are looked at.

import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import type { RawAnswer } from '../deputy/raw-host.ts'
import type { House } from './house.ts'
import { SERVER, short, type Gatehouse, type Workshop } from './workshop.ts'

export type Outcome = {
  /** the stable reason, with the rule behind it */
  readonly reason: string
  readonly isHeld: boolean
  readonly seen: readonly string[]
}
export type Attack = { readonly title: string; readonly prize: string; readonly run: () => Promise<Outcome> }
export type Stage = { readonly house: House; readonly shop: Workshop; readonly gatehouse: Gatehouse }

const OLD = '1.0.0'
const NEW = '1.1.0'
/** How long a revocation may take to reach a session. */
const REVOKED_WITHIN_MS = 60_000

export const attacksOf = (stage: Stage): readonly Attack[] => [
  {
    title: 'After three calls the server says that a tool which deletes only reads',
    prize: 'hosts that ask a person before they delete would not ask any more',
    run: () => flipped(stage),
  },
  {
    title: `The npm registry serves other bytes for ${NEW}, which its publisher signed and a reviewer admitted`,
    prize: 'code of the attacker, run with the name and the signatures of the genuine one',
    run: () => swapped(stage),
  },
  {
    title: 'Somebody edits the installed files between two starts',
    prize: 'the same, after everything was verified',
    run: () => edited(stage),
  },
  {
    title: 'Somebody with the database adds NODE_OPTIONS to server.json',
    prize: 'a genuine artifact that is started with the attacker’s code in front of it',
    run: () => rewritten(stage),
  },
  {
    title: `The pin goes back to ${OLD}: genuine, signed, reviewed, and older`,
    prize: 'a fault that was mended is there again',
    run: () => rolledBack(stage),
  },
  {
    title: `${NEW} turns out to be bad and is revoked while a host uses it`,
    prize: 'every minute that what is known to be bad goes on',
    run: () => revoked(stage),
  },
]

async function flipped({ house, shop, gatehouse }: Stage): Promise<Outcome> {
  const before = await house.tools('alice')
  for (let calls = 0; calls < 3; calls += 1) await house.call('alice')
  const { shown, answer } = await until(
    async () => ({ shown: await house.tools('alice'), answer: await house.call('alice', 'delete_entities', { entityNames: ['tea'] }) }),
    found => reasonOf(found.answer).startsWith('drifted'),
  )
  const others = await house.call('alice')
  const diff = await gatehouse(['server', 'diff', 'notes', '--config', join(shop.folder, 'gatehouse.yaml')], shop.folder)
  const isHeld =
    before?.includes('delete_entities') === true &&
    shown?.includes('delete_entities') === false &&
    reasonOf(answer).startsWith('drifted') &&
    others.result !== undefined &&
    diff.out.includes('readOnlyHint')
  return {
    reason: reasonOf(answer),
    isHeld,
    seen: [`the other tools go on; hosts are shown ${shown?.join(', ') ?? 'nothing'}`, ...linesOf(diff.out)],
  }
}

async function swapped({ house, shop }: Stage): Promise<Outcome> {
  await shop.release(NEW, 2)
  const genuine = shop.tarballOf(NEW)
  const forged = shop.tarballOf(OLD)
  shop.npm.put('@example/notes', NEW, forged)
  await house.pin(NEW)
  const answer = await settled(() => house.call('alice'))
  shop.npm.put('@example/notes', NEW, genuine)
  await house.stop()
  await house.start(NEW)
  const again = await settled(() => house.call('alice'))
  return {
    reason: reasonOf(answer),
    isHeld: ruleOf(answer) === 'artifact-mismatch' && again.result !== undefined,
    seen: [
      detailOf(answer),
      `signed ${short(genuine)}…, served ${short(forged)}…; nothing of it was unpacked`,
      `with the genuine bytes ${NEW} runs`,
    ],
  }
}

async function edited({ house }: Stage): Promise<Outcome> {
  const file = await find(join(house.dataDir, 'content'), '/@example/notes/index.js')
  const genuine = await readFile(file)
  const { mode } = await stat(file)
  const put = async (bytes: Buffer): Promise<void> => {
    await chmod(file, 0o644)
    await writeFile(file, bytes)
    await chmod(file, mode & 0o777)
  }
  await put(Buffer.concat([Buffer.from('// in passing\n'), genuine]))
  // Alice's process runs already; for Bob one would be started.
  const answer = await house.call('bob')
  await put(genuine)
  return { reason: reasonOf(answer), isHeld: ruleOf(answer) === 'tree-changed', seen: [detailOf(answer), 'no process was started for Bob'] }
}

async function rewritten({ house }: Stage): Promise<Outcome> {
  await house.stop()
  const restore = addNodeOptions(join(house.dataDir, 'state.db'))
  await house.start(NEW)
  const answer = await settled(() => house.call('alice'))
  await house.stop()
  restore()
  await house.start(NEW)
  const again = await settled(() => house.call('alice'))
  return {
    reason: reasonOf(answer),
    isHeld: ruleOf(answer) === 'server-json-mismatch' && again.result !== undefined,
    seen: [detailOf(answer), 'the trigger that keeps versions as they are was dropped first; the signatures are not in its reach'],
  }
}

async function rolledBack({ house }: Stage): Promise<Outcome> {
  await house.pin(OLD)
  const answer = await settled(() => house.call('alice'))
  // A restart forgets nothing, nor would an older copy of the database.
  await house.stop()
  await house.start(OLD)
  const again = await settled(() => house.call('alice'))
  await house.pin(NEW)
  return {
    reason: reasonOf(answer),
    isHeld: ruleOf(answer) === 'below-floor' && ruleOf(again) === 'below-floor',
    seen: [detailOf(answer), 'the same after a restart: the floor is kept apart from every database'],
  }
}

async function revoked({ house, shop, gatehouse }: Stage): Promise<Outcome> {
  const before = await settled(() => house.call('alice'))
  const config = join(shop.folder, 'gatehouse.yaml')
  const done = await gatehouse(
    ['registry', 'revoke', 'version', `${SERVER}@${NEW}`, '--reason', 'malware', '--user', 'olga', '--config', config],
    shop.folder,
  )
  const start = performance.now()
  const answer = await until(
    () => house.call('alice'),
    ({ result }) => result === undefined,
    REVOKED_WITHIN_MS,
  )
  const tookMs = performance.now() - start
  const shown = await house.tools('alice')
  return {
    reason: reasonOf(answer),
    isHeld: before.result !== undefined && done.code === 0 && reasonOf(answer).startsWith('server-revoked') && (shown ?? []).length === 0,
    seen: [detailOf(answer), `${Math.round(tookMs)} ms after the operator's command; hosts are shown nothing of it any more`],
  }
}

/** As an attacker who can write the file: server.json of the new version, with a variable that loads other code. Answers how it is put back. */
function addNodeOptions(file: string): () => void {
  const write = (change: (text: string) => string): void => {
    const db = new DatabaseSync(file)
    db.exec('DROP TRIGGER IF EXISTS registry_versions_unchanged')
    const row = db.prepare('SELECT server_json FROM registry_versions WHERE server = ? AND version = ?').get(SERVER, NEW)
    const changed = change(String(row?.['server_json']))
    db.prepare('UPDATE registry_versions SET server_json = ? WHERE server = ? AND version = ?').run(changed, SERVER, NEW)
    db.close()
  }
  let genuine = ''
  write(text => {
    genuine = text
    return text.replace('"environmentVariables":', '"environmentVariables":[{"name":"NODE_OPTIONS","value":"--require /tmp/x.js"}],"x":')
  })
  return () => write(() => genuine)
}

/** The file below a folder whose path ends so. */
async function find(folder: string, end: string): Promise<string> {
  const all = await readdir(folder, { recursive: true })
  const [found] = all.filter(name => `/${name}`.endsWith(end))
  if (found === undefined) throw new TypeError(`nothing below the content store ends with ${end}`)
  return join(folder, found)
}

const POLL_MS = 100
/** Asks until it is so; after `ms` the last answer. */
async function until<T>(ask: () => Promise<T>, isSo: (answer: T) => boolean, ms = 20_000): Promise<T> {
  const end = performance.now() + ms
  for (;;) {
    const answer = await ask()
    if (isSo(answer) || performance.now() > end) return answer
    await wait(POLL_MS)
  }
}
/** Refusals of a version that is on its way. */
const PASSING = ['version-absent', 'review-absent', 'version-pending']
/** The first answer that is no longer about a version that is being verified. */
export const settled = (ask: () => Promise<RawAnswer>): Promise<RawAnswer> =>
  until(ask, answer => answer.result !== undefined || (ruleOf(answer) !== undefined && !PASSING.includes(ruleOf(answer) ?? '')))

type Refusal = { readonly message?: string; readonly data?: { readonly trust?: { readonly rule?: string } } }
function refusalOf({ text }: RawAnswer): Refusal {
  try {
    return (JSON.parse(text) as { readonly error?: Refusal }).error ?? {}
  } catch {
    return {} // an event stream holds a result here
  }
}
const ruleOf = (answer: RawAnswer): string | undefined => refusalOf(answer).data?.trust?.rule
/** What a person at the host reads. */
const detailOf = (answer: RawAnswer): string => refusalOf(answer).message ?? 'no message'
const reasonOf = (answer: RawAnswer): string => [answer.reason ?? 'none', ruleOf(answer)].filter(word => word !== undefined).join(', ')
/** What a reviewer reads, without the end that says what to do. */
const linesOf = (text: string): readonly string[] =>
  text
    .split('\n')
    .filter(line => line.trim() !== '')
    .slice(0, 12)
    .map(line => `  ${line}`)
