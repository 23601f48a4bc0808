// The scenes of the approvals demo: one question is approved in a browser, one rejected in a terminal, and one is decided by nobody. Each says who saw what, and checks
// that it is true.

import type { CallEnd } from '../host.ts'
import type { Step } from '../walk.ts'
import { COLLEAGUE, reasonIn, type AskedHost } from './host.ts'
import type { Approver } from './person.ts'
import { auditMoments, diaryMoments, diaryOf, eventOf, eventsSince, eventsWhen, lifecycleOf, wordOf, type DiaryEntry } from './saw.ts'
import { timelineText, type Timeline } from './timeline.ts'

type Typed = { readonly code: number; readonly out: string; readonly err: string }
type Server = 'desk' | 'notes'
type Event = Readonly<Record<string, unknown>>

export type House = {
  readonly host: AskedHost
  readonly approver: Approver
  readonly timeline: Timeline
  readonly dataDir: string
  readonly diaries: Readonly<Record<Server, string>>
  /** runs a command line of `gatehouse`, as alice */
  gatehouse(argv: readonly string[]): Promise<Typed>
}

/** A call that is on its way, and where it began. */
type Scene = { readonly server: Server; readonly since: number; readonly askedBefore: number; readonly call: Promise<CallEnd> }
type Seen = {
  readonly end: CallEnd
  readonly events: readonly Event[]
  readonly diary: readonly DiaryEntry[]
  /** what reached the host's person or model */
  readonly asked: AskedHost['asked']
  readonly lines: readonly string[]
}

const QUESTION = 'Which colleague shall get the notes?'
const PROMPT = 'Plan a stay for guests who wish: '
const WISHES = ['a quiet week, as Ada is ill', 'the garden room'] as const
const WHY = 'What guests tell us is not for a model to read'
/** Of five seconds each. */
const LOOKS = 6

export class ApprovalsWalk {
  readonly #house: House
  constructor(house: House) {
    this.#house = house
  }

  async *steps(): AsyncGenerator<Step> {
    yield await this.#approved()
    yield await this.#rejected()
    yield await this.#late()
    yield await this.#recorded()
  }

  async #approved(): Promise<Step> {
    const { approver, dataDir } = this.#house
    await approver.signIn('alice')
    const scene = this.#call('notes', 'pass_on', {})
    const shown = await approver.open('pass_on')
    const [early, before] = [this.#askedIn(scene), await eventsSince(dataDir, scene.since)]
    await approver.approve()
    const { end, events, diary, asked, lines } = await this.#seen(scene)
    const heard = heardIn(diary)
    return {
      number: 1,
      title: `A server asks a person; somebody approves it ${approver.isBrowser ? 'in the browser' : 'as a browser would'}`,
      story: [
        "Bob's host passes notes on. Their server, of 2025, sends a request of its own meanwhile: it wants to ask bob something (elicitation).",
        `Alice is shown what (${approver.at}).`,
        ...lines,
      ],
      checks: [
        { claim: 'she was shown the question, who would be asked, and by which rule', isTrue: [QUESTION, 'bob', 'forms.seen-first'].every(each => shown.includes(each)) }, // prettier-ignore
        { claim: 'nobody was asked anything before she approved', isTrue: early.length === 0 && lifecycleOf(before, 'approval-approved') === undefined }, // prettier-ignore
        { claim: 'then the host was, once, under the name of the server that asks', isTrue: asked.length === 1 && asked[0]?.text === `[notes asks through Gatehouse] ${QUESTION}` }, // prettier-ignore
        { claim: 'the server heard the call, then the answer, and nothing else', isTrue: heard.length === 2 && heard[1]?.includes(COLLEAGUE) === true }, // prettier-ignore
        { claim: 'the call went on by itself to its result', isTrue: 'text' in end && end.text === `Passed on to ${COLLEAGUE}.` },
        { claim: 'the question is on record as let through by this approval, and alice as who approved it', isTrue: rulesOf(eventOf(events, 'server-request', 'notes')).includes(`approval:${idIn(events)}`) && isBy(lifecycleOf(events, 'approval-approved'), 'alice') }, // prettier-ignore
      ],
    }
  }

  async #rejected(): Promise<Step> {
    const scene = this.#call('desk', 'plan_stay', { wish: WISHES[0] })
    const id = await this.#waiting(scene)
    const show = await this.#type('approvals', 'show', id)
    const reject = await this.#type('approvals', 'reject', id, '--why', WHY)
    const { end, events, diary, asked, lines } = await this.#seen(scene)
    return {
      number: 2,
      title: "A server asks for the host's model; somebody rejects it in the terminal",
      story: [
        "Bob's host has a stay planned. The desk, of 2026, answers that it needs the host's model for that (sampling). Alice looks, and says no:",
        ...show.lines,
        ...reject.lines,
        '',
        ...lines,
      ],
      checks: [
        { claim: 'the terminal showed what the model would have been given', isTrue: show.code === 0 && show.out.includes(PROMPT + WISHES[0]) }, // prettier-ignore
        { claim: 'the rejection was taken', isTrue: reject.code === 0 && reject.out === 'rejected\n' },
        { claim: 'the model was asked nothing', isTrue: asked.length === 0 },
        { claim: 'the host is told so, with her sentence', isTrue: reasonOf(end) === 'approval-rejected' && 'message' in end && end.message.includes(WHY) }, // prettier-ignore
        { claim: 'the server heard the call, and nothing else', isTrue: heardIn(diary).length === 1 },
        { claim: 'the question is on record as refused, and alice as who rejected it', isTrue: reasonIn(eventOf(events, 'server-request', 'desk')) === 'approval-rejected' && isBy(lifecycleOf(events, 'approval-rejected'), 'alice') }, // prettier-ignore
      ],
    }
  }

  async #late(): Promise<Step> {
    const scene = this.#call('desk', 'book_room', { wish: WISHES[1] })
    const id = await this.#waiting(scene)
    const { approval } = JSON.parse((await this.#house.gatehouse(['approvals', 'show', id, '--json'])).out) as {
      readonly approval: { readonly digest: string }
    }
    const { end, events, asked, diary, lines } = await this.#seen(scene)
    const late = await this.#type('approvals', 'approve', id, `--digest=${approval.digest}`)
    return {
      number: 3,
      title: 'A server asks a person, and nobody decides',
      story: [
        'The desk wants to ask bob something. The rule about that says `@approval_ttl("3s")`, and nobody decides:',
        ...lines,
        '',
        'Alice comes too late:',
        ...late.lines,
      ],
      checks: [
        { claim: 'the host was asked nothing', isTrue: asked.length === 0 },
        { claim: 'its call ended, with a reason', isTrue: reasonOf(end) === 'approval-spent' },
        { claim: 'the server heard the call, and nothing else', isTrue: heardIn(diary).length === 1 },
        { claim: 'the time-out is on record, and nobody as who decided', isTrue: lifecycleOf(events, 'approval-expired')?.['approval'] === id && lifecycleOf(events, 'approval-approved') === undefined }, // prettier-ignore
        { claim: 'an approval that comes too late is refused', isTrue: late.code !== 0 && late.err.includes('expired') },
      ],
    }
  }

  async #recorded(): Promise<Step> {
    const events = await eventsSince(this.#house.dataDir, 0)
    const words = ['approval-asked', 'approval-approved', 'approval-rejected', 'approval-expired']
    const counts = words.map(word => events.filter(event => event['what'] === word).length)
    const text = JSON.stringify(events)
    return {
      number: 4,
      title: 'What was written down',
      story: [
        ...words.map((word, i) => `  ${word.padEnd(18)} ${counts[i] ?? 0}`),
        'The log says who asked for what, who decided, by which rules. What was asked and answered is in it as digests alone.',
      ],
      checks: [
        { claim: 'three were asked for; one was approved, one rejected, one ended', isTrue: counts.join() === '3,1,1,1' },
        { claim: 'no argument, question, answer or sentence stands in it', isTrue: ![QUESTION, COLLEAGUE, PROMPT, ...WISHES, WHY].some(each => text.includes(each)) }, // prettier-ignore
      ],
    }
  }

  #call(server: Server, tool: string, input: Readonly<Record<string, unknown>>): Scene {
    const { host, timeline } = this.#house
    const scene = { server, since: timeline.now, askedBefore: host.asked.length }
    const call = host.call(server, tool, input)
    call.catch(() => {}) // heard in #seen
    return { ...scene, call }
  }

  #askedIn = ({ askedBefore }: Scene): AskedHost['asked'] => this.#house.host.asked.slice(askedBefore)

  /** The id of what waits in this scene; '' where nothing was asked for. */
  async #waiting({ since }: Scene): Promise<string> {
    for (let looks = 0; looks < LOOKS; looks++) {
      const id = idIn(await eventsWhen(this.#house.dataDir, since, events => idIn(events) !== ''))
      if (id !== '') return id
    }
    return ''
  }

  /** Once the call has ended, and its outcome is on record. */
  async #seen(scene: Scene): Promise<Seen> {
    const { timeline, dataDir, diaries } = this.#house
    const end = await scene.call
    const events = await eventsWhen(dataDir, scene.since, found => eventOf(found, 'outcome', scene.server)?.['outcome'] !== 'input')
    const diary = await diaryOf(diaries[scene.server], scene.since)
    const own = timeline.moments.filter(({ at }) => at >= scene.since)
    const lines = timelineText([...own, ...diaryMoments(scene.server, diary), ...auditMoments(events)])
    return { end, events, diary, asked: this.#askedIn(scene), lines }
  }

  /** A command as alice sees it. */
  async #type(...argv: readonly string[]): Promise<Typed & { readonly lines: readonly string[] }> {
    const shown = `gatehouse ${argv.map(word => (/^[\w.-]+$/.test(word) ? word : `'${word}'`)).join(' ')}`
    this.#house.timeline.add('terminal', `alice types ${shown}`)
    const typed = await this.#house.gatehouse(argv)
    const said = `${typed.out}${typed.err}`.trimEnd().split('\n')
    const code = typed.code === 0 ? [] : [`  (exit code ${typed.code})`]
    return { ...typed, lines: [`  $ ${shown}`, ...said.map(line => `  ${line}`), ...code] }
  }
}

const idIn = (events: readonly Event[]): string => wordOf(lifecycleOf(events, 'approval-asked')?.['approval'])
const heardIn = (diary: readonly DiaryEntry[]): string[] => diary.flatMap(({ heard }) => (heard ? [JSON.stringify(heard)] : []))
const rulesOf = (event: Event | undefined): readonly unknown[] => (Array.isArray(event?.['rules']) ? event['rules'] : [])
const isBy = (detail: Event | undefined, who: string): boolean => wordOf(detail?.['by']).includes(who)
const reasonOf = (end: CallEnd): string => ('data' in end ? reasonIn(end.data) : '')
