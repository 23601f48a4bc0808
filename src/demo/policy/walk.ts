// The steps of the policy demo. Each does what a person would do, shows it, and checks that it is true.

import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CallEnd } from '../host.ts'
import type { Step } from '../walk.ts'
import { policiesWhen, readLog, type Call } from './events.ts'
import { CASES, CASES_FILE, FIRST_TRY, MENDED, RULE, RULE_FILE, TRAFFIC, UNWANTED, type Doing } from './rules.ts'

type Typed = { readonly code: number; readonly out: string; readonly err: string }

export type Workplace = {
  /** where commands are typed: `policies`, `next` and gatehouse.yaml are in it */
  readonly folder: string
  readonly dataDir: string
  /** runs a command line of `gatehouse` there */
  gatehouse(argv: readonly string[]): Promise<Typed>
  /** calls a tool of the memory server through the gateway, as the host of this person */
  call(who: Doing['who'], tool: string, input: Doing['input']): Promise<CallEnd>
}

/** From `folder`. */
const LOG = '../../.gatehouse/policy/audit'

type Shown = Typed & { readonly lines: readonly string[] }

export class PolicyWalk {
  readonly #at: Workplace
  /** of the rules in `next`, once they are mended */
  #digest = ''

  constructor(at: Workplace) {
    this.#at = at
  }

  async *steps(): AsyncGenerator<Step> {
    yield await this.#traffic()
    yield await this.#firstTry()
    yield await this.#mended()
    yield await this.#replayed()
    yield await this.#shadowed()
    yield await this.#promoted()
    yield await this.#explained()
  }

  async #traffic(): Promise<Step> {
    const ends = await this.#everybody()
    const { calls } = await readLog(this.#at.dataDir)
    return {
      number: 1,
      title: 'A day of work, on record',
      story: [
        'Alice is staff, bob is a contractor; both keep notes in one server. The rules permit every tool of it to both:',
        ...indented((await readFile(join(this.#at.folder, 'policies/authz/rules.cedar'), 'utf8')).split('\n').slice(-9, -1)),
        'What their hosts called:',
        ...TRAFFIC.map(({ who, tool }) => `  ${who.padEnd(6)} ${tool}`),
        'Each decision stands in the audit log with the facts that it was made of.',
      ],
      checks: [
        { claim: 'every call was answered', isTrue: ends.every(end => 'text' in end) },
        { claim: `the log has ${TRAFFIC.length} decisions, all of them to allow`, isTrue: isAllowed(calls, TRAFFIC.length) },
      ],
    }
  }

  async #firstTry(): Promise<Step> {
    await this.#write('next', CASES_FILE, CASES)
    await this.#write('next', RULE_FILE, FIRST_TRY)
    const test = await this.#type('policy', 'test', 'next')
    return {
      number: 2,
      title: 'A rule, and a test that fails',
      story: [
        `Bob deletes what others wrote. The author copied \`policies\` to \`next\`, wrote four cases (${CASES_FILE}: contractors delete`,
        `neither entities nor observations, they still add, and staff still delete), and ${RULE_FILE}:`,
        ...indented(FIRST_TRY.trimEnd().split('\n')),
        ...test.lines,
        'The rule names one tool; the server has three that delete.',
      ],
      checks: [
        { claim: 'the test fails', isTrue: test.code === 1 && test.err.includes('1 of 9 cases failed') },
        { claim: 'it names the case, its place, and what came of it', isTrue: /^next\/tests\/contractors\.yaml:\d+ nor what .+: expected deny, got allow/m.test(test.err) }, // prettier-ignore
      ],
    }
  }

  async #mended(): Promise<Step> {
    await this.#write('next', RULE_FILE, MENDED)
    const test = await this.#type('policy', 'test', 'next')
    const validated = await this.#type('policy', 'validate', 'next')
    this.#digest = /digest (\S+)/.exec(validated.out)?.[1] ?? ''
    const lint = await this.#type('policy', 'lint', 'next')
    const diff = await this.#type('policy', 'diff', 'policies', 'next')
    return {
      number: 3,
      title: 'The rule mended',
      story: [
        'It now goes by what a reviewer admitted of each tool, whatever its name:',
        `  ${MENDED.trimEnd().split('\n').at(-1) ?? ''}`,
        ...test.lines,
        ...validated.lines,
        ...lint.lines,
        ...diff.lines,
      ],
      checks: [
        { claim: 'every case is as expected, and every rule would be missed', isTrue: test.code === 0 && validated.code === 0 },
        { claim: 'no rule does nothing', isTrue: lint.code === 0 },
        { claim: 'one rule differs, and it is this one', isTrue: new RegExp(`^\\+ ${RULE} `).test(diff.out) && diff.out.includes('\n1 rules differ') }, // prettier-ignore
      ],
    }
  }

  async #replayed(): Promise<Step> {
    const words = await this.#type('policy', 'replay', 'next', '--recorded', LOG)
    const { out } = await this.#at.gatehouse(['policy', 'replay', 'next', '--recorded', LOG, '--json'])
    const report = JSON.parse(out) as {
      readonly changed: readonly {
        readonly principal: string
        readonly resource: string
        readonly before: string
        readonly after: string
      }[]
      readonly undecidable: readonly unknown[]
      readonly same: number
    }
    const changed = report.changed.map(each => `${each.principal.split(' ').at(-1) ?? ''} ${each.resource} ${each.before} ${each.after}`)
    const expected = UNWANTED.map(({ who, tool }) => `${who} Tool memory/${tool} allow deny`)
    return {
      number: 4,
      title: 'What it would have changed',
      story: ['The same decisions again under `next`, from the log of the gateway that is running:', ...words.lines],
      checks: [
        { claim: 'exactly two decisions change', isTrue: report.changed.length === 2 },
        { claim: 'they are what bob deleted', isTrue: isSame(changed, expected) },
        { claim: 'every other is the same, and none is a guess', isTrue: report.same >= TRAFFIC.length - 2 && report.undecidable.length === 0 }, // prettier-ignore
      ],
    }
  }

  async #shadowed(): Promise<Step> {
    const digest = this.#digest
    const isThere = await policiesWhen(this.#at.dataDir, detail => detail['shadow'] === digest)
    const before = (await readLog(this.#at.dataDir)).calls.length
    const ends = await this.#everybody()
    const calls = (await readLog(this.#at.dataDir)).calls.slice(before)
    const otherwise = calls.filter(({ shadow }) => shadow !== undefined)
    return {
      number: 5,
      title: 'The same, live',
      story: [
        '`next` is the shadow of this configuration: the gateway asks it beside, and it decides nothing. Both worked another day;',
        'where the shadow would have decided otherwise, the event says so:',
        ...otherwise.map(({ who, tool, outcome, shadow }) => `  ${String(who)} ${String(tool)}: ${String(outcome)}; shadow: ${String(shadow?.['outcome'])} by ${String(shadow?.['rules'])}`), // prettier-ignore
      ],
      checks: [
        { claim: 'the gateway had taken the shadow over', isTrue: isThere },
        { claim: 'every call was answered', isTrue: ends.every(end => 'text' in end) && isAllowed(calls, TRAFFIC.length) },
        { claim: 'the shadow differs in the same two', isTrue: isSame(otherwise.map(nameOf), UNWANTED.map(nameOf)) },
      ],
    }
  }

  async #promoted(): Promise<Step> {
    const digest = this.#digest
    await cp(join(this.#at.folder, 'next'), join(this.#at.folder, 'policies'), { recursive: true })
    const isInForce = await policiesWhen(this.#at.dataDir, detail => detail['digest'] === digest)
    const end = await this.#at.call('alice', 'read_graph', {})
    const last = (await readLog(this.#at.dataDir)).calls.at(-1)
    return {
      number: 6,
      title: 'Promoted',
      story: [
        '  $ cp -r next/. policies/',
        'The gateway saw the folder change, waited until it stood still, ran its tests, and took it over whole. Its log says',
        `  policies are in force, digest ${digest}`,
      ],
      checks: [
        { claim: 'the digest in force is the one that was validated', isTrue: isInForce },
        { claim: 'the next decision was made by it', isTrue: 'text' in end && last?.digest === digest },
      ],
    }
  }

  async #explained(): Promise<Step> {
    const end = await this.#at.call('bob', 'delete_entities', { entityNames: ['tea'] })
    const told = 'data' in end ? (end.data as { readonly requestId?: string; readonly reason?: string; readonly fix?: string }) : {}
    const others = await Promise.all([
      this.#at.call('bob', 'search_nodes', { query: 'tea' }),
      this.#at.call('alice', 'delete_entities', { entityNames: ['tea'] }),
    ])
    const why = await this.#type('policy', 'explain', '--recorded', LOG, '--event', told.requestId ?? '')
    return {
      number: 7,
      title: 'A denial explained',
      story: [
        'Bob deletes once more. His host is told:',
        ...indented(['message' in end ? end.message : 'nothing', `reason ${told.reason ?? '-'}, fix: ${told.fix ?? '-'}`, `request ${told.requestId ?? '-'}`]), // prettier-ignore
        'With that id, whoever is asked why finds the event:',
        ...why.lines,
      ],
      checks: [
        { claim: 'bob is refused by the rule, and told what would help', isTrue: told.reason === 'policy-denied' && told.fix !== undefined && 'message' in end && end.message.includes(RULE) }, // prettier-ignore
        { claim: 'he still searches, and alice still deletes', isTrue: others.every(other => 'text' in other) },
        { claim: 'the explanation names the rule and its place', isTrue: why.code === 0 && new RegExp(`${RULE}.+\\(policies/${RULE_FILE}:1\\)`).test(why.out) }, // prettier-ignore
      ],
    }
  }

  async #everybody(): Promise<readonly CallEnd[]> {
    const ends: CallEnd[] = []
    for (const { who, tool, input } of TRAFFIC) ends.push(await this.#at.call(who, tool, input))
    return ends
  }

  #write(folder: string, file: string, text: string): Promise<void> {
    return writeFile(join(this.#at.folder, folder, file), text)
  }

  /** A command as a person sees it. */
  async #type(...argv: readonly string[]): Promise<Shown> {
    const typed = await this.#at.gatehouse(argv)
    const said = `${typed.out}${typed.err}`.trimEnd().split('\n')
    const lines = [
      `  $ gatehouse ${argv.join(' ')}`,
      ...said.map(line => `  ${line}`),
      ...(typed.code === 0 ? [] : [`  (exit code ${typed.code})`]),
    ]
    return { ...typed, lines }
  }
}

const indented = (lines: readonly string[]): string[] => lines.map(line => `  ${line}`)
const isAllowed = (calls: readonly Call[], count: number): boolean =>
  calls.length === count && calls.every(({ outcome }) => outcome === 'allow')
const nameOf = ({ who, tool }: { readonly who: unknown; readonly tool: unknown }): string => `${String(who)} ${String(tool)}`
const isSame = (a: readonly string[], b: readonly string[]): boolean => JSON.stringify([...a].sort()) === JSON.stringify([...b].sort())
