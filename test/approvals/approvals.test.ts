// What people decide, and what attackers try with it: the room alone, over a store in memory.

import { beforeEach, describe, expect, it } from 'vitest'
import { bindingDigest, type Approval, type Binding, type Decider, type Demand } from '../../src/approvals/approval.ts'
import { Approvals, type Wish } from '../../src/approvals/approvals.ts'
import { ApprovalNews, type News } from '../../src/approvals/news.ts'
import { StandingGrants } from '../../src/approvals/standing.ts'
import type { QueueLimits } from '../../src/approvals/store.ts'
import { isStop, type Stop } from '../../src/kernel/errors.ts'
import type { PrincipalKey } from '../../src/kernel/principal.ts'
import { memoryApprovals, type MemoryApprovals } from '../support/memory-approvals.ts'

const key = (name: string): PrincipalKey => `https://idp.example ${name}` as PrincipalKey
const ALICE = key('alice')
const person = (name: string, ...groups: string[]): Decider => ({
  key: key(name),
  client: 'console',
  groups: new Set(groups),
  isInConsole: true,
  selfFrom: 'console',
})
const BOB = person('bob', 'approvers')
const CARLA = person('carla', 'approvers')
const demand = (more: Partial<Demand> = {}): Demand => ({ rule: 'guard.destructive', approvers: ['approvers'], ttlSeconds: 900, ...more })
const binding = (more: Partial<Binding> = {}): Binding => ({
  kind: 'call',
  principal: ALICE,
  client: 'claude',
  endpoint: 'https://gateway.example/mcp',
  server: 'github',
  identity: 'io.github.github/mcp@1.2.3 abc',
  account: 'grant-1',
  definition: 'definition-1',
  method: 'tools/call',
  name: 'delete_repo',
  request: 'arguments-1',
  within: '',
  demands: 'demands-1',
  ...more,
})
const wish = (more: Partial<Wish> = {}): Wish => ({ binding: binding(), demands: [demand()], quorum: 1, body: () => '{}', ...more })

let kept: MemoryApprovals
let approvals: Approvals
let standing: StandingGrants
let news: ApprovalNews
let heard: News[]
let recorded: string[]
let now: number
let blocked: Set<PrincipalKey>
let isLogBroken: boolean
/** digests of what cannot be shown any more */
let unshown: Set<string>

/** A gateway that starts over what is kept. */
function start(): void {
  const nowSeconds = (): number => now
  let ids = 0
  const run = Math.random().toString(36).slice(2)
  const newId = (): string => `${run}-${(ids += 1)}`
  const record = (what: string): Promise<void> => {
    if (isLogBroken) return Promise.reject(new Error('the log is full'))
    recorded.push(what)
    return Promise.resolve()
  }
  news = new ApprovalNews({ set: setTimeout, clear: clearTimeout }, () => ({ total: 4, perPrincipal: 2 }))
  heard = []
  news.watch(each => heard.push(each))
  standing = new StandingGrants({ store: kept.grants, news, nowSeconds, newId, record, isBlocked: k => blocked.has(k) })
  const limits = (): QueueLimits => ({ total: 5, perPrincipal: 3, perServer: 3 })
  approvals = new Approvals({
    ...{ store: kept.approvals, standing, news, nowSeconds, newId, limits, record },
    isBlocked: k => blocked.has(k),
    isShown: ({ digest }) => Promise.resolve(!unshown.has(digest)),
  })
}
beforeEach(() => {
  now = 1000
  kept = memoryApprovals()
  recorded = []
  blocked = new Set()
  isLogBroken = false
  unshown = new Set()
  start()
})

const made = <T extends object>(value: T | Stop): T => {
  if (isStop(value)) throw new Error(`stopped: ${value.stop}`)
  return value
}
const asked = async (more: Partial<Wish> = {}): Promise<Approval> => made(await approvals.ask(wish(more)))
const yes = (approval: Approval, who = BOB) => approvals.approve(approval.id, who, { digest: approval.digest })

describe('asking and deciding', () => {
  it('asks once for the same call, lets an approver decide, and lets one call through', async () => {
    const first = await asked()
    expect(await asked()).toEqual(first)
    expect(first).toMatchObject({ state: 'pending', version: 1, expiresSeconds: 1900 })
    now = 1100
    expect(await yes(first)).toMatchObject({ isYours: true, approval: { state: 'approved', expiresSeconds: 2000 } })
    expect(await asked()).toMatchObject({ id: first.id, state: 'approved' })
    expect(await approvals.spend(first, 'call-1')).toMatchObject({ state: 'spent', spent: { call: 'call-1', rounds: 1 } })
    expect((await asked()).id).not.toBe(first.id)
    expect(recorded).toEqual(['approval-asked', 'approval-approved', 'approval-asked'])
    expect(heard.map(each => each.type === 'approval' && each.approval.state)).toEqual(['pending', 'approved', 'spent', 'pending'])
  })

  it('answers the same call with the no of a person, and asks anew once that ended', async () => {
    const first = await asked()
    await approvals.reject(first.id, BOB, 'not on a Friday')
    expect(await asked()).toMatchObject({ id: first.id, state: 'rejected', rejected: { why: 'not on a Friday' } })
    now += 900
    expect(await asked()).toMatchObject({ state: 'pending' })
  })

  it('lets whoever asked take it back, and approvers stop what nobody used yet', async () => {
    const first = await asked()
    expect(await approvals.reject(first.id, person('alice'), 'my mistake')).toMatchObject({ approval: { state: 'rejected' } })
    const second = await asked({ binding: binding({ request: 'arguments-2' }) })
    await yes(second)
    expect(await approvals.reject(second.id, CARLA, 'no')).toMatchObject({ approval: { state: 'rejected' } })
    expect(await approvals.spend(second, 'call-1')).toMatchObject({ stop: 'approval-spent' })
  })

  it('needs as many people as the rules ask for, and of each rule one that it names', async () => {
    const two = await asked({ demands: [demand(), demand({ rule: 'other', approvers: ['lawyers'] })], quorum: 2 })
    expect(await yes(two)).toMatchObject({ approval: { state: 'pending' } })
    expect(await yes(two, CARLA)).toMatchObject({ approval: { state: 'pending' } })
    expect(await yes(two, person('dora', 'lawyers'))).toMatchObject({ approval: { state: 'approved' } })
    expect(recorded).toEqual(['approval-asked', 'approval-voted', 'approval-voted', 'approval-approved'])
  })

  it('lets further people decide once it has waited, and says so to whoever watches', async () => {
    const late = await asked({ demands: [demand({ escalation: { afterSeconds: 300, approvers: ['managers'] } })] })
    const mona = person('mona', 'managers')
    expect(await yes(late, mona)).toMatchObject({ stop: 'approval-unknown' })
    now += 300
    await approvals.tick()
    await approvals.tick()
    expect(heard).toHaveLength(2)
    expect(await yes(late, mona)).toMatchObject({ approval: { state: 'approved' } })
  })

  it('ends what nobody decides in time, and that is a no', async () => {
    const late = await asked()
    now += 900
    expect(await yes(late)).toMatchObject({ stop: 'approval-decided' })
    await approvals.tick()
    expect(heard.at(-1)).toMatchObject({ approval: { id: late.id, state: 'expired' } })
    expect(recorded.at(-1)).toBe('approval-expired')
  })

  it('bounds what waits, in all and of one principal, and opens nothing in its place', async () => {
    for (let i = 0; i < 3; i++) await asked({ binding: binding({ request: `r${i}` }) })
    expect(await approvals.ask(wish({ binding: binding({ request: 'r4' }) }))).toMatchObject({ stop: 'approval-limit' })
    // The record does not say of it that it waits.
    expect(recorded.slice(-2)).toEqual(['approval-asked', 'approval-not-opened'])
    for (let i = 0; i < 2; i++) await asked({ binding: binding({ principal: key('zoe'), request: `r${i}` }) })
    expect(await approvals.ask(wish({ binding: binding({ principal: key('yves') }) }))).toMatchObject({ stop: 'approval-limit' })
    expect(await asked({ binding: binding({ request: 'r1' }) })).toMatchObject({ state: 'pending' })
  })
})

describe('attacks on approvals', () => {
  it('replay: an approval that was used lets nothing else through', async () => {
    const first = await asked()
    await yes(first)
    made(await approvals.spend(first, 'call-1'))
    expect(await approvals.spend(first, 'call-2')).toMatchObject({ stop: 'approval-spent' })
    expect(await approvals.spend(first, 'call-1')).toMatchObject({ stop: 'approval-spent' })
  })

  it.each<[string, Partial<Binding>]>([
    ['edited arguments after approval', { request: 'arguments-2' }],
    ['another client of the same person', { client: 'evil' }],
    ['another person', { principal: key('mallory') }],
    ['another endpoint', { endpoint: 'https://gateway.example/sets/x/mcp' }],
    ['another account at the server', { account: 'grant-2' }],
    ['another version or origin of the server', { identity: 'io.github.github/mcp@1.2.4 abd' }],
    ['stale definition: the tool is described otherwise', { definition: 'definition-2' }],
    ['another tool', { name: 'delete_org' }],
    ['rules that ask other people by now', { demands: 'demands-2' }],
  ])('%s: it is another approval', async (_name, changed) => {
    const first = await asked()
    await yes(first)
    const other = await asked({ binding: binding(changed) })
    expect(other.id).not.toBe(first.id)
    expect(other.state).toBe('pending')
    expect(await approvals.spend({ id: first.id, digest: bindingDigest(binding(changed)) }, 'call-1')).toMatchObject({
      stop: 'approval-spent',
    })
  })

  it('self-approval: the requester decides only where a rule says self, whatever groups they are in', async () => {
    const first = await asked()
    expect(await yes(first, person('alice', 'approvers', 'self'))).toMatchObject({ stop: 'approver-is-proposer' })
    const own = await asked({ binding: binding({ request: 'r2' }), demands: [demand({ approvers: ['self', 'approvers'] })] })
    expect(await yes(own, person('mallory', 'self'))).toMatchObject({ stop: 'approval-unknown' })
    expect(await yes(own, person('alice'))).toMatchObject({ approval: { state: 'approved', votes: [{ as: ['self'] }] } })
  })

  it('self: the person in the console, and a token of theirs only where that is configured, never one of the client that asked', async () => {
    const own = await asked({ demands: [demand({ approvers: ['self'] })] })
    const alice = { ...person('alice'), isInConsole: false }
    expect(await yes(own, { ...alice, client: 'gatehouse-cli' })).toMatchObject({ stop: 'approver-is-proposer' })
    expect(await yes(own, { ...alice, client: 'claude', selfFrom: 'other-client' })).toMatchObject({ stop: 'approver-is-proposer' })
    expect(await yes(own, { ...alice, client: 'gatehouse-cli', selfFrom: 'other-client' })).toMatchObject({
      approval: { state: 'approved' },
    })
  })

  it("another user's link: whoever is no approver of it gets the answer of what does not exist", async () => {
    const first = await asked()
    const stranger = await approvals.approve(first.id, person('mallory', 'engineers'), { digest: first.digest })
    expect(stranger).toEqual(await approvals.approve('no-such-id', BOB, { digest: first.digest }))
    expect(await approvals.reject(first.id, person('mallory'), 'ha')).toEqual(stranger)
  })

  it('what was shown is what is approved: a digest of something else decides nothing', async () => {
    const first = await asked()
    expect(await approvals.approve(first.id, BOB, { digest: 'other' })).toMatchObject({ stop: 'params-invalid' })
    expect(await asked()).toMatchObject({ state: 'pending', votes: [] })
  })

  it('what cannot be shown any more is approved by nobody, and can be rejected', async () => {
    const first = await asked()
    unshown.add(first.digest)
    expect(await yes(first)).toMatchObject({ stop: 'approval-unshown' })
    expect(await asked()).toMatchObject({ state: 'pending', votes: [] })
    expect(await approvals.reject(first.id, BOB, 'whatever it was')).toMatchObject({ approval: { state: 'rejected' } })
  })

  it('double click: a second yes of the same person counts for nothing and is no fault', async () => {
    const two = await asked({ quorum: 2 })
    const answers = await Promise.all([yes(two), yes(two), yes(two)])
    expect(answers.filter(answer => 'isYours' in answer && answer.isYours)).toHaveLength(1)
    expect(await asked({ quorum: 2 })).toMatchObject({ state: 'pending', votes: [{ by: BOB.key }] })
  })

  it('two approvers at once: one decides, the other hears that it is decided', async () => {
    const first = await asked()
    const answers = await Promise.all([yes(first), approvals.reject(first.id, CARLA, 'no')])
    // What would run is opened before a yes: the no came first, and the yes hears of it. Of two that say yes, one counts.
    expect(answers.filter(isStop).map(({ stop }) => stop)).toEqual(['approval-decided'])
    expect(await asked()).toMatchObject({ id: first.id, state: 'rejected', votes: [] })
    const second = await asked({ binding: binding({ request: 'r2' }) })
    const both = await Promise.all([yes(second), yes(second, CARLA)])
    expect(both.filter(isStop).map(({ stop }) => stop)).toEqual(['approval-decided'])
  })

  it('two calls at once: one runs, the other stops', async () => {
    const first = await asked()
    await yes(first)
    const answers = await Promise.all([approvals.spend(first, 'call-1'), approvals.spend(first, 'call-2')])
    expect(answers.filter(isStop)).toMatchObject([{ stop: 'approval-spent' }])
  })

  it('restart between approval and use: it is still good, once', async () => {
    const first = await asked()
    await yes(first)
    start()
    expect(await asked()).toMatchObject({ id: first.id, state: 'approved' })
    made(await approvals.spend(first, 'call-1'))
    start()
    expect(await approvals.spend(first, 'call-1')).toMatchObject({ stop: 'approval-spent' })
  })

  it('a store that fails after it kept a use: nothing runs, and nothing runs later', async () => {
    const first = await asked()
    await yes(first)
    kept.fail = 'after'
    await expect(approvals.spend(first, 'call-1')).rejects.toThrow('the disk is gone')
    expect(await approvals.spend(first, 'call-1')).toMatchObject({ stop: 'approval-spent' })
  })

  it('a log that cannot be written: nothing is asked, and nobody hears of a decision', async () => {
    isLogBroken = true
    await expect(approvals.ask(wish())).rejects.toThrow('the log is full')
    isLogBroken = false
    const first = await asked()
    expect(first.version).toBe(1)
    isLogBroken = true
    heard = []
    await expect(yes(first)).rejects.toThrow('the log is full')
    expect(heard).toEqual([])
    isLogBroken = false
    // The yes is on no record: it lets nothing through, not even once the log can be written.
    expect(await approvals.spend(first, 'call-1')).toMatchObject({ stop: 'approval-spent' })
    const again = await asked()
    expect(again).toMatchObject({ state: 'pending', votes: [] })
    expect(again.id).not.toBe(first.id)
  })

  it('a blocked requester gets nothing approved', async () => {
    const first = await asked()
    blocked.add(ALICE)
    expect(await yes(first)).toMatchObject({ stop: 'approval-decided' })
  })

  it('an answer brought twice to the question of an approved call: its round leaves once', async () => {
    const first = await asked()
    await yes(first)
    made(await approvals.spend(first, 'call-1'))
    const going = { id: first.id, binding: binding(), call: 'call-1' }
    const once = await approvals.continues(going)
    const twice = await approvals.continues(going)
    expect(await approvals.continues({ ...going, call: 'call-2' })).toBeUndefined()
    expect(await approvals.continues({ ...going, binding: binding({ request: 'r2' }) })).toBeUndefined()
    if (!once || !twice) throw new Error('not found')
    expect(await approvals.spendRound(once, 'call-1')).toMatchObject({ spent: { rounds: 2 } })
    expect(await approvals.spendRound(twice, 'call-1')).toMatchObject({ stop: 'approval-spent' })
  })
})

describe('standing grants', () => {
  const long = (more: Partial<Wish> = {}): Partial<Wish> => ({ demands: [demand({ standingSeconds: 28_800 })], ...more })
  const given = async (approval: Approval, who = BOB, standingSeconds = 28_800) =>
    approvals.approve(approval.id, who, { digest: approval.digest, standingSeconds })

  it('let other arguments of the same tool through until they end, and are listed', async () => {
    const first = await asked(long())
    expect(await given(first)).toMatchObject({ grant: { approval: first.id, expiresSeconds: 29_800 } })
    const grant = await standing.find(binding({ request: 'others' }))
    expect(grant).toMatchObject({ approval: first.id })
    expect(grant && (await standing.use(grant))).toBeUndefined()
    expect(await standing.list(ALICE)).toMatchObject([{ uses: 1, usedSeconds: 1000 }])
    expect(await standing.list(key('mallory'))).toEqual([])
    now = 29_800
    expect(await standing.find(binding())).toBeUndefined()
    expect(grant && (await standing.use(grant))).toMatchObject({ stop: 'approval-spent' })
  })

  it.each<[string, Partial<Binding>]>([
    ['the definition changes', { definition: 'definition-2' }],
    ['the server is another version', { identity: 'other' }],
    ['it is another tool', { name: 'delete_org' }],
    ['it is another client', { client: 'evil' }],
    ['it is another account', { account: 'grant-2' }],
    ['the rules ask other people', { demands: 'demands-2' }],
    ['it is another person', { principal: key('mallory') }],
  ])('do not hold once %s', async (_name, changed) => {
    await given(await asked(long()))
    expect(await standing.find(binding(changed))).toBeUndefined()
  })

  it('are given only where every rule permits them, and no longer than it says', async () => {
    expect(await given(await asked())).toMatchObject({ stop: 'params-invalid' })
    const other = await asked({ binding: binding({ request: 'r2' }), demands: [demand({ standingSeconds: 600 }), demand({ rule: 'b' })] })
    expect(await given(other, BOB, 60)).toMatchObject({ stop: 'params-invalid' })
    const short = await asked(long({ binding: binding({ request: 'r3' }) }))
    expect(await given(short, BOB, 28_801)).toMatchObject({ stop: 'params-invalid' })
  })

  it('need everybody who approves to say so, for as long as the one who says least', async () => {
    const two = await asked(long({ quorum: 2 }))
    await given(two, BOB, 600)
    expect(await given(two, CARLA, 3600)).toMatchObject({ grant: { expiresSeconds: 1600 } })
    const other = await asked(long({ quorum: 2, binding: binding({ request: 'r2', name: 'other' }) }))
    await given(other)
    await yes(other, CARLA)
    expect(await standing.find(other.binding)).toBeUndefined()
  })

  it('are on record as not given where their holder has as many as may be', async () => {
    const limits = { total: 200, perPrincipal: 200, perServer: 200 }
    const nowSeconds = (): number => now
    let ids = 0
    const record = (what: string): Promise<void> => Promise.resolve(void recorded.push(what))
    const more = { store: kept.approvals, standing, news, nowSeconds, newId: () => `many-${(ids += 1)}`, record, isBlocked: () => false }
    approvals = new Approvals({ ...more, limits: () => limits, isShown: () => Promise.resolve(true) })
    for (let n = 0; n < 100; n++) await given(await asked(long({ binding: binding({ name: `tool-${n}` }) })))
    expect(await standing.list(ALICE)).toHaveLength(100)
    expect(made(await given(await asked(long()))).grant).toBeUndefined()
    expect(recorded.slice(-2)).toEqual(['grant-given', 'grant-not-given'])
  })

  it('end when they are revoked, by their holder or by others whose role permits it', async () => {
    const { grant } = made(await given(await asked(long())))
    if (!grant) throw new Error('no grant')
    expect(await standing.revoke(grant.id, key('mallory'), key('mallory'))).toBeUndefined()
    expect(await standing.revoke(grant.id, ALICE, ALICE)).toMatchObject({ id: grant.id })
    expect(await standing.use(grant)).toMatchObject({ stop: 'approval-spent' })
    expect(recorded.at(-1)).toBe('grant-revoked')
  })
})

describe('waiting', () => {
  const never = (): (() => void) => () => {}
  const look = (id: string) => async (): Promise<boolean> => (await kept.approvals.find({ id }))?.state !== 'pending'
  const waiting = (approval: Approval, principal = ALICE, ms = 60_000) =>
    news.wait({ id: approval.id, principal, ms }, look(approval.id), never)

  it('hears of a decision at once, also of one that came before the listener stood', async () => {
    const first = await asked()
    const waits = waiting(first)
    await yes(first)
    expect(await waits).toBe('decided')
    expect(await waiting(first)).toBe('decided')
    expect(news.waiting).toBe(0)
  })

  it('ends after its time, and when its host goes', async () => {
    const first = await asked()
    expect(await waiting(first, ALICE, 0)).toBe('late')
    let gone: (() => void) | undefined
    const waits = news.wait({ id: first.id, principal: ALICE, ms: 60_000 }, look(first.id), listener => {
      gone = listener
      return () => {}
    })
    gone?.()
    expect(await waits).toBe('cancelled')
    expect(news.waiting).toBe(0)
  })

  it('is bounded in all and per principal', async () => {
    const first = await asked()
    const all = [waiting(first), waiting(first), waiting(first)]
    expect(await all[2]).toBe('full')
    const others = [waiting(first, key('b')), waiting(first, key('c')), waiting(first, key('d'))]
    expect(await others[2]).toBe('full')
    await yes(first)
    expect(await Promise.all(all.slice(0, 2))).toEqual(['decided', 'decided'])
    expect(await Promise.all(others.slice(0, 2))).toEqual(['decided', 'decided'])
  })
})
