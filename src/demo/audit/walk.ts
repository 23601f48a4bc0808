// The steps of the audit demo: an incident told from the log, a proof of it for others, and what becomes of whoever changes the log. Each checks that it is true.

import { createHash } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { CallEnd } from '../host.ts'
import type { Step } from '../walk.ts'
import type { Collected } from './collector.ts'

type Typed = { readonly code: number; readonly out: string; readonly err: string }
type Shown = Typed & { readonly lines: readonly string[] }
type Person = 'alice' | 'bob'
type Event = { readonly seq: number; readonly leaf: string; readonly event: string }

export type House = {
  /** where commands are typed */
  readonly folder: string
  readonly dataDir: string
  /** the file to which every event goes */
  readonly archive: string
  readonly collected: readonly Collected[]
  /** runs a command line of `gatehouse` there */
  gatehouse(argv: readonly string[]): Promise<Typed>
  /** calls a tool of the memory server through the gateway, as the host of this person */
  readonly call: (who: Person, tool: string, input: Readonly<Record<string, unknown>>) => Promise<CallEnd>
  stop(): Promise<void>
  /** starts it again; what it said where it did not */
  start(): Promise<string | undefined>
}

// Searched in the files: whoever sits at the machine needs no sign-in for that.
const DATA = ['--data-dir', '../../.gatehouse/audit'] as const
const THING = 'Lighthouse keeper'
const NOTE = 'answers on channel 16'
const ENTITY = { name: THING, entityType: 'contact', observations: [NOTE] }

export class AuditWalk {
  readonly #house: House
  /** the intent of the call that deleted it, once it was found */
  #found: Event = { seq: -1, leaf: '', event: '{}' }

  constructor(house: House) {
    this.#house = house
  }

  async *steps(): AsyncGenerator<Step> {
    yield await this.#work()
    yield await this.#searched()
    yield await this.#story()
    yield await this.#proved()
    yield await this.#delivered()
    yield await this.#edited()
    yield await this.#rewritten()
  }

  async #work(): Promise<Step> {
    const { call } = this.#house
    const ends = [await call('alice', 'create_entities', { entities: [ENTITY] }), await call('bob', 'search_nodes', { query: THING })]
    const refused = await call('bob', 'delete_observations', { deletions: [{ entityName: THING, observations: [NOTE] }] })
    ends.push(await call('bob', 'delete_entities', { entityNames: [THING] }))
    const missed = await call('alice', 'search_nodes', { query: THING })
    return {
      number: 1,
      title: 'Something is gone',
      story: [
        `Alice notes \`${THING}\` down. Bob looks at it; he may not delete single observations, and is refused. Later it is gone:`,
        `  ${textOf(missed).replaceAll(/\s+/g, ' ')}`,
        'Nobody says that it was him.',
      ],
      checks: [
        { claim: 'the calls that the rules permit were answered', isTrue: ends.every(end => 'text' in end) },
        { claim: 'the one they do not was refused', isTrue: 'code' in refused },
        { claim: 'it is gone', isTrue: 'text' in missed && !missed.text.includes(NOTE) },
      ],
    }
  }

  async #searched(): Promise<Step> {
    const deleted = await this.#type('audit', 'search', '--server', 'memory', '--name', 'delete_entities', ...DATA)
    const refused = await this.#type('audit', 'search', '--principal', 'bob', '--type', 'refusal', ...DATA)
    const { out } = await this.#house.gatehouse(['audit', 'search', '--name', 'delete_entities', '--type', 'intent', '--json', ...DATA])
    const { events } = JSON.parse(out) as { readonly events: readonly Event[] }
    this.#found = events[0] ?? this.#found
    return {
      number: 2,
      title: 'The auditor asks the log who deleted anything',
      story: [...deleted.lines, 'And what else bob was refused:', ...refused.lines],
      checks: [
        { claim: 'one call deleted entities, and it was bob’s', isTrue: events.length === 1 && principalOf(this.#found) === 'bob' },
        { claim: 'the refusal is there too, with its reason', isTrue: /delete_observations .*refused: denied/.test(refused.out) },
        { claim: 'what was deleted, and what it said, stands nowhere', isTrue: ![THING, NOTE].some(each => deleted.out.includes(each)) },
      ],
    }
  }

  async #story(): Promise<Step> {
    const { call } = JSON.parse(this.#found.event) as { readonly call: string }
    const show = await this.#type('audit', 'show', '--call', call, ...DATA)
    return {
      number: 3,
      title: 'The whole story of that call',
      story: show.lines,
      checks: [
        { claim: 'the rule that permitted it, and how it ended', isTrue: show.out.includes('permitted by notes-all') && show.out.includes('ended: ok') }, // prettier-ignore
        { claim: 'what was about to happen was on record before what happened', isTrue: show.out.indexOf(' intent ') < show.out.indexOf(' outcome ') }, // prettier-ignore
      ],
    }
  }

  async #proved(): Promise<Step> {
    const { seq, event } = this.#found
    const proved = await this.#type('audit', 'prove', String(seq), '--out', 'deleted')
    const key = await this.#type('audit', 'key')
    const one = ['audit', 'verify', '--proof', 'deleted.tlog-proof', '--key', key.out.trim(), '--event'] as const
    const verified = await this.#type(...one, 'deleted.json')
    await this.#write('forged.json', forgedOf(event))
    const forged = await this.#type(...one, 'forged.json')
    return {
      number: 4,
      title: 'A proof for somebody who has nothing but the key',
      story: [
        'Bob’s firm wants to see it. It gets the event, a proof, and the public key of the log:',
        ...proved.lines,
        ...key.lines,
        ...verified.lines,
        'An event that says something else has no proof:',
        ...forged.lines,
      ],
      checks: [
        { claim: 'the event is proved to be in the log, offline', isTrue: proved.code === 0 && verified.code === 0 },
        { claim: 'the forged one is not', isTrue: forged.code === 1 },
      ],
    }
  }

  async #delivered(): Promise<Step> {
    const { seq, leaf } = this.#found
    const { archive, collected } = this.#house
    const here = async (): Promise<{ readonly file?: Collected; readonly sent?: Collected }> => {
      const lines = (await readFile(archive, 'utf8').catch(() => '')).split('\n').filter(Boolean)
      const file = lines.map(line => JSON.parse(line) as Collected).find(record => record.seq === seq)
      const sent = collected.find(record => record.seq === seq)
      return { ...(file && { file }), ...(sent && { sent }) }
    }
    let found = await here()
    for (let looks = 0; looks < 100 && !(found.file && found.sent); looks += 1) {
      await wait(100)
      found = await here()
    }
    return {
      number: 5,
      title: 'It stands elsewhere too',
      story: [
        `Event ${seq} in the file, and at the collector, each with its leaf in the tree and the checkpoint that covers it:`,
        `  file       seq ${found.file?.seq}, leaf ${found.file?.leaf}, checkpoint ${found.file?.checkpoint}`,
        `  collector  seq ${found.sent?.seq}, leaf ${found.sent?.leaf}, checkpoint ${found.sent?.checkpoint}`,
      ],
      checks: [
        { claim: 'both have the leaf that the log has', isTrue: found.file?.leaf === leaf && found.sent?.leaf === leaf },
        { claim: 'it is the hash of the event', isTrue: leafOf(this.#found.event) === leaf },
        { claim: 'a checkpoint covers it', isTrue: (found.sent?.checkpoint ?? 0) > seq },
      ],
    }
  }

  async #edited(): Promise<Step> {
    await this.#house.stop()
    const { dataDir } = this.#house
    const { last } = JSON.parse(await readFile(join(dataDir, 'trust/audit.json'), 'utf8')) as { readonly last: { readonly note: string } }
    await this.#write('sunday.checkpoint', last.note)
    const exported = await this.#type('audit', 'export', 'log.bundle')
    const whole = await this.#type('audit', 'verify', 'log.bundle', '--checkpoint', 'sunday.checkpoint')
    const { event, seq } = this.#found
    const segment = join(dataDir, 'audit/events-000001.jsonl')
    await writeFile(segment, (await readFile(segment, 'utf8')).replace(event, forgedOf(event)))
    const verified = await this.#type('audit', 'verify', '--checkpoint', 'sunday.checkpoint')
    const started = await this.#house.start()
    return {
      number: 6,
      title: 'Somebody edits the log',
      story: [
        'The gateway is stopped. The auditor takes an export of the log home, and its last checkpoint, which is a few lines of text:',
        ...last.note
          .trimEnd()
          .split('\n')
          .map(line => `  ${line}`),
        '',
        ...exported.lines,
        ...whole.lines,
        `Whoever has the machine then writes \`eve\` where event ${seq} says \`bob\`:`,
        ...verified.lines,
        'The gateway does not start on such a log:',
        `  ${started?.split('\n').at(-1) ?? '(it started)'}`,
      ],
      checks: [
        { claim: 'what was exported before is whole', isTrue: exported.code === 0 && whole.code === 0 },
        { claim: 'what was done is found, between two checkpoints', isTrue: verified.code === 1 && isAmong(seq, verified.out) },
        { claim: 'the gateway refuses to start, and says why', isTrue: started?.includes('changed outside the gateway') === true },
      ],
    }
  }

  /** With the key of the log, and everything else that lies on the machine. */
  async #rewritten(): Promise<Step> {
    const { dataDir, archive } = this.#house
    for (const file of ['audit/tree.db', 'audit/tree.db-wal', 'audit/tree.db-shm', 'audit/index.db', 'trust/audit.json'])
      await rm(join(dataDir, file), { force: true })
    const started = await this.#house.start()
    await this.#house.stop()
    const local = await this.#type('audit', 'verify', '--unsafe-local')
    const verified = await this.#type('audit', 'verify', '--checkpoint', 'sunday.checkpoint')
    const { seq, leaf } = this.#found
    const first =
      (await readFile(archive, 'utf8')).split('\n').find(line => (JSON.parse(line) as { readonly seq: number }).seq === seq) ?? '{}'
    const kept = JSON.parse(first) as { readonly leaf?: string }
    return {
      number: 7,
      title: 'Somebody writes the whole log anew, and signs it',
      story: [
        'On the machine lies the key of the log too. With it all hashes and checkpoints are made anew, and the gateway starts. Nothing on the machine tells:',
        ...local.lines,
        'The few lines that the auditor took home do:',
        ...verified.lines,
        `And the archive outside has the leaf that event ${seq} had: ${kept.leaf ?? '(nothing)'}. A witness (\`gatehouse witness\`) keeps such checkpoints`,
        'by itself, on somebody else’s machine, and signs none that does not go on from the one before.',
      ],
      checks: [
        { claim: 'the machine alone cannot tell: this is the limit', isTrue: started === undefined && local.code === 0 },
        { claim: 'a checkpoint from elsewhere does', isTrue: verified.code === 1 },
        { claim: 'what was delivered before says which event it was', isTrue: kept.leaf === leaf },
      ],
    }
  }

  async #write(name: string, text: string): Promise<void> {
    await writeFile(join(this.#house.folder, name), text)
  }

  /** A command as the auditor sees it. */
  async #type(...argv: readonly string[]): Promise<Shown> {
    const shown = argv.map(word => (/^[\w./:-]+$/.test(word) ? word : `'${word}'`)).join(' ')
    const typed = await this.#house.gatehouse(argv)
    const said = `${typed.out}${typed.err}`.trimEnd().split('\n')
    const code = typed.code === 0 ? [] : [`  (exit code ${typed.code})`]
    return { ...typed, lines: [`  $ gatehouse ${shown}`, ...said.map(line => `  ${line}`), ...code, ''] }
  }
}

const textOf = (end: CallEnd): string => ('text' in end ? end.text : `error ${end.code}: ${end.message}`)
const principalOf = ({ event }: Event): unknown =>
  (JSON.parse(event) as { readonly principal?: { readonly subject?: unknown } }).principal?.subject
/** RFC 6962 section 2.1, written out: anybody can compute it. */
const leafOf = (event: string): string => createHash('sha256').update(Buffer.of(0)).update(event).digest('base64')
/** The same event with another name in it, of the same length. */
const forgedOf = (event: string): string => event.replace('"subject":"bob"', '"subject":"eve"')
/** Whether what `audit verify` names is, or is around, this event. */
function isAmong(seq: number, said: string): boolean {
  const [, from, to] = /^events? (\d+)(?: to (\d+))?:/m.exec(said) ?? []
  return from !== undefined && Number(from) <= seq && seq <= Number(to ?? from)
}
