// The five steps of the demo. Each does something real, says what happened in plain words, and checks that it is true.

import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { entriesWhen, meaningOf, type Entry } from './audit-trail.ts'
import { BOOKING } from './configuration.ts'
import type { Asked, CallEnd, DemoHost } from './host.ts'

type Check = { readonly claim: string; readonly isTrue: boolean }

export type Row = {
  /** the step it belongs to, 1 to 4 */
  readonly step: number
  readonly time: string
  readonly type: string
  readonly what: string
  readonly meaning: string
  /** the entry as it stands in the log */
  readonly event: Entry['event']
}

export type Step = {
  readonly number: number
  readonly title: string
  /** sentences and indented lines, for people */
  readonly story: readonly string[]
  readonly checks: readonly Check[]
  /** of the last step */
  readonly rows?: readonly Row[]
}

export type World = {
  readonly host: DemoHost
  /** who the host signed in as */
  readonly person: string
  /** folder the file server may read, absolute */
  readonly workspace: string
  readonly dataDir: string
  readonly aliases: readonly string[]
  /** the person's working directory: paths are shown from there */
  readonly cwd: string
  /** names of all tools of a server, asked past the gateway */
  readonly offered: (alias: string) => Promise<readonly string[]>
}

/** What the person of the demo answers, question by question. */
export const ANSWERS: readonly Asked['answer'][] = [{ evening: 'Friday', guests: 4 }, { book: true }]

const READ = { server: 'files', name: 'read_text_file' } as const
const WRITE = { server: 'files', name: 'write_file' } as const
const ENVIRONMENT = { server: 'everything', name: 'get-env' } as const
const BOOK = { server: BOOKING.alias, name: BOOKING.tool } as const
const shown = ({ server, name }: { readonly server: string; readonly name: string }): string => `${server}__${name}`
const textOf = (end: CallEnd): string => ('text' in end ? end.text : `error ${end.code}: ${end.message}`)

/** Walks the steps; each is yielded when it is done. */
export async function* walk(world: World): AsyncGenerator<Step> {
  yield await list(world)
  yield await read(world)
  yield await book(world)
  yield await refused(world)
  yield await audit(world)
}

async function list({ host, person, aliases, offered }: World): Promise<Step> {
  const tools = await host.tools()
  const counts = aliases.map(alias => ({ alias, count: tools.filter(name => name.startsWith(`${alias}__`)).length }))
  const hidden = [WRITE, ENVIRONMENT]
  const isOffered = await Promise.all(hidden.map(async ({ server, name }) => (await offered(server)).includes(name)))
  const names = hidden.map(shown)
  return {
    number: 1,
    title: 'List the tools',
    story: [
      `The host asked the gateway which tools there are. It got ${tools.length} in one list, named server__tool:`,
      ...counts.map(({ alias, count }) => `  ${alias.padEnd(12)} ${count}`),
      `Not in it: ${names.join(', ')}. Asked directly, the servers offer them;`,
      `but no rule permits them to ${person}, so for this host they do not exist.`,
    ],
    checks: [
      { claim: 'every server is in the list, and nothing else', isTrue: isWhole(tools, counts) },
      { claim: `the servers offer ${names.join(' and ')}`, isTrue: isOffered.every(Boolean) },
      { claim: 'the list does not', isTrue: names.every(name => !tools.includes(name)) },
    ],
  }
}

const isWhole = (tools: readonly string[], counts: readonly { readonly count: number }[]): boolean =>
  counts.every(({ count }) => count > 0) && counts.reduce((sum, { count }) => sum + count, 0) === tools.length

async function read({ host, workspace, cwd }: World): Promise<Step> {
  const file = join(workspace, 'welcome.txt')
  const end = await host.call(shown(READ), { path: file })
  const [first = ''] = textOf(end).split('\n')
  return {
    number: 2,
    title: 'Call a tool',
    story: [
      `The host called ${shown(READ)} for ${relative(cwd, file)}. The gateway found a rule that permits it, wrote that down,`,
      'passed the call to the file server, wrote the outcome down, and handed the answer on. It begins:',
      `  ${first}`,
    ],
    checks: [{ claim: 'the answer is the file, byte for byte', isTrue: textOf(end) === (await readFile(file, 'utf8')) }],
  }
}

async function book({ host }: World): Promise<Step> {
  const before = host.asked.length
  const end = await host.call(shown(BOOK), { restaurant: 'Trattoria da Anna' })
  const asked = host.asked.slice(before)
  const [when, confirm] = asked
  return {
    number: 3,
    title: 'A call that asks twice',
    story: [
      `The host called ${shown(BOOK)}: a small server of this repository, examples/first-run/${BOOKING.script},`,
      'because no reference server asks twice within one call.',
      ...asked.flatMap(({ question, answer }, i) => [`  round ${i + 1}: ${question}`, `           ${sayAnswer(answer)}`]),
      `  result:  ${textOf(end)}`,
      'Each question passed the gateway, which permits this server to ask.',
      ...(host.states.length > 0
        ? [
            'What the server remembers between rounds travels through the host, sealed by the gateway: the host can neither read nor change it.',
          ]
        : []),
    ],
    checks: [
      { claim: 'the server asked twice', isTrue: asked.length === 2 },
      { claim: 'its second question holds the first answer', isTrue: confirm?.question.includes(String(when?.answer['evening'])) === true },
      { claim: 'its result holds both', isTrue: textOf(end) === 'Booked: Trattoria da Anna, Friday, a table for 4.' },
      ...(host.states.length > 0 ? [{ claim: 'what the host carried tells it nothing', isTrue: host.states.every(isOpaque) }] : []),
    ],
  }
}

/** Whether neither the text nor any base64 part of it shows what was answered (the example server's own state would). */
const isOpaque = (state: string): boolean =>
  [state, ...state.split(/[.:~]/).map(part => Buffer.from(part, 'base64url').toString('latin1'))].every(text => !text.includes('Friday'))

const sayAnswer = (answer: Asked['answer']): string =>
  Object.entries(answer)
    .map(([key, value]) => `${key} = ${String(value)}`)
    .join(', ')

async function refused({ host, workspace, person }: World): Promise<Step> {
  const file = join(workspace, 'not-permitted.txt')
  const wasThere = existsSync(file)
  const end = await host.call(shown(WRITE), { path: file, content: 'should never be written' })
  return {
    number: 4,
    title: 'A call nobody permitted',
    story: [
      `The host called ${shown(WRITE)} all the same. The server has that tool; no rule names it for ${person}. It got:`,
      `  ${textOf(end)}`,
      'That is the answer for a tool that does not exist: whoever may not use one cannot find out that it is there.',
      'Nothing reached the file server.',
    ],
    checks: [
      { claim: 'the host got an error', isTrue: 'code' in end && end.code === -32602 },
      { claim: 'no file was written', isTrue: !wasThere && !existsSync(file) },
    ],
  }
}

/** Which entries each step must have left, in order. */
const EXPECTED: readonly { readonly step: number; readonly is: (entry: Entry) => boolean; readonly types: RegExp }[] = [
  { step: 1, is: ({ subject }) => subject.method === 'tools/list', types: /^(?:decision )+$/ },
  { step: 2, is: ({ subject }) => subject.name === READ.name, types: /^intent outcome $/ },
  { step: 3, is: ({ subject }) => subject.name === BOOK.name, types: /^intent (?:(?:server-request|intent|outcome) )+outcome $/ },
  { step: 4, is: ({ subject }) => subject.name === WRITE.name, types: /^refusal $/ },
]

async function audit({ dataDir, person }: World): Promise<Step> {
  const stepOf = (entry: Entry): number | undefined => EXPECTED.find(({ is }) => is(entry))?.step
  const typesOf = (entries: readonly Entry[], step: number): string =>
    entries
      .filter(entry => stepOf(entry) === step)
      .map(({ type }) => `${type} `)
      .join('')
  const isComplete = (entries: readonly Entry[]): boolean => EXPECTED.every(({ step, types }) => types.test(typesOf(entries, step)))
  const entries = await entriesWhen(dataDir, isComplete)
  const rows = entries.flatMap(entry => {
    const step = stepOf(entry)
    const { time, type, subject } = entry
    const what = subject.name === undefined ? subject.method : `${subject.server ?? ''}/${subject.name}`
    return step === undefined ? [] : [{ step, time, type, what, meaning: meaningOf(entry), event: entry.event }]
  })
  const booking = entries.filter(entry => stepOf(entry) === 3)
  const asked = booking.filter(({ type }) => type === 'server-request')
  const text = JSON.stringify(entries.map(({ event }) => event))
  return {
    number: 5,
    title: 'What was written down',
    story: [
      'What the audit log has about the four steps. An intent is on disk before the server hears of the call, an outcome before the host',
      'hears of it. Entries name who, what and why; of arguments, answers and results they hold digests only.',
      `(The log was ${join(dataDir, 'audit')}; it is gone with the demo. That of \`npm start\` stays in .gatehouse/audit.)`,
    ],
    checks: [
      ...EXPECTED.map(({ step, types }) => ({
        claim: `step ${step} left the entries it must`,
        isTrue: types.test(typesOf(entries, step)),
      })),
      { claim: 'both questions are recorded', isTrue: asked.length === 2 && asked.every(({ event }) => event['decision'] === 'allowed') },
      { claim: 'all rounds of the booking are one call', isTrue: new Set(booking.map(({ call }) => call)).size === 1 },
      { claim: `all of it is ${person}'s`, isTrue: entries.every(entry => stepOf(entry) === undefined || entry.person === person) },
      { claim: 'no argument, answer or result stands in it', isTrue: !/Trattoria|Friday|should never be written|Welcome/i.test(text) },
    ],
    rows,
  }
}
