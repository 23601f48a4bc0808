// The scorer must not be fooled: what earns ticks in the suite without any work is nothing here.

import { describe, expect, it } from 'vitest'
import { compare, countPassed, judge, judgeAlone, passes, passesAlone, surprises, type Check, type Status } from './score.ts'

const check = (id: string, status: Status, name = id): Check => ({ id, name, status })

describe('passes', () => {
  it('does not count a scenario of warnings, which the suite ticks', () => {
    expect(passes([check('a', 'WARNING')])).toBe(false)
  })
  it('does not count a scenario that only skipped', () => {
    expect(passes([check('a', 'SKIPPED'), check('wire-schema-valid', 'SUCCESS')])).toBe(false)
  })
  it('does not count a scenario without checks', () => {
    expect(passes([])).toBe(false)
  })
  it('counts one success beside information', () => {
    expect(passes([check('a', 'SUCCESS'), check('b', 'INFO')])).toBe(true)
  })
})

describe('judge', () => {
  const direct = [check('a', 'SUCCESS'), check('a', 'SUCCESS'), check('b', 'SUCCESS')]

  it('keeps a scenario only when every success is still one', () => {
    expect(judge(direct, direct)).toEqual({ kind: 'kept' })
  })
  it('sees that a repeated check succeeded once less', () => {
    const through = [check('a', 'SUCCESS'), check('a', 'SKIPPED'), check('b', 'SUCCESS')]
    expect(judge(direct, through)).toMatchObject({ kind: 'degraded', losses: [{ id: 'a', status: 'SKIPPED' }] })
  })
  it('sees a check that did not run, although nothing failed', () => {
    const through = [check('a', 'SUCCESS'), check('a', 'SUCCESS')]
    expect(judge(direct, through)).toMatchObject({ kind: 'degraded', losses: [{ id: 'b', status: 'missing' }] })
  })
  it('loses a scenario to a failure that the direct run did not have', () => {
    const through = [...direct, check('wire-schema-valid', 'FAILURE')]
    expect(judge(direct, through)).toMatchObject({ kind: 'lost', losses: [{ id: 'wire-schema-valid' }] })
  })
  it('loses a scenario that crashed and left no checks', () => {
    expect(judge(direct, [])).toMatchObject({ kind: 'lost' })
  })
  it('has nothing to keep where the direct run did not pass', () => {
    expect(judge([check('a', 'FAILURE')], direct)).toEqual({ kind: 'no-baseline' })
  })
  it('tells checks of one id apart by name', () => {
    const two = [check('a', 'SUCCESS', 'one'), check('a', 'SUCCESS', 'two')]
    expect(judge(two, [check('a', 'SUCCESS', 'one')])).toMatchObject({ kind: 'degraded' })
  })
})

describe('a dead port', () => {
  // what the suite writes for its three vacuous scenarios when nothing listens
  const dead = new Map([
    ['input-required-result-missing-input-response', [check('sep-2322-missing-response-rerequests', 'WARNING')]],
    ['input-required-result-ignore-extra-params', [check('sep-2322-ignore-unexpected-params', 'WARNING')]],
    ['tasks-status-notifications', [check('tasks-status-notifications', 'SKIPPED')]],
  ])
  const names = [...dead.keys()]
  const direct = new Map(names.map(name => [name, [check(dead.get(name)?.[0]?.id ?? '', 'SUCCESS')]]))

  it('passes nothing', () => {
    expect(countPassed(dead, names)).toBe(0)
  })
  it('keeps nothing', () => {
    const kinds = [...compare(direct, dead, names).values()].map(verdict => verdict.kind)
    expect(kinds).not.toContain('kept')
  })
})

describe('surprises', () => {
  const direct = new Map([['s', [check('a', 'SUCCESS'), check('b', 'SUCCESS')]]])
  const verdicts = compare(direct, new Map([['s', [check('a', 'FAILURE'), check('b', 'SUCCESS')]]]), ['s'])

  it('names a loss that no allowance covers', () => {
    expect(surprises(verdicts, []).unexpected).toMatchObject([{ scenario: 's', loss: { id: 'a' } }])
  })
  it('accepts a loss by check, not by scenario', () => {
    expect(surprises(verdicts, [{ scenario: 's', checks: ['b'], reason: '' }]).unexpected).toHaveLength(1)
    expect(surprises(verdicts, [{ scenario: 's', checks: ['a'], reason: '' }]).unexpected).toHaveLength(0)
  })
  it('names an allowance whose loss did not happen', () => {
    expect(surprises(verdicts, [{ scenario: 's', checks: ['a', 'b'], reason: '' }]).stale).toEqual([{ scenario: 's', id: 'b' }])
  })
  it('ignores allowances of scenarios that did not run', () => {
    expect(surprises(verdicts, [{ scenario: 'other', checks: ['x'], reason: '' }]).stale).toEqual([])
  })
})

describe('judgeAlone', () => {
  const good = [check('a', 'SUCCESS'), check('client-exit', 'SUCCESS')]

  it('does not count a scenario that only skipped, although the client ended well', () => {
    expect(passesAlone([check('a', 'SKIPPED'), check('client-exit', 'SUCCESS'), check('gatehouse-outcome', 'SUCCESS')])).toBe(false)
  })
  it('loses a scenario that looks right to the suite and ended wrongly', () => {
    const through = [...good, check('gatehouse-outcome', 'FAILURE')]
    expect(judgeAlone(good, through)).toMatchObject({ kind: 'lost', losses: [{ id: 'gatehouse-outcome' }] })
  })
  it('loses a scenario that warns, and one in which nothing was seen, whatever the other client made of it', () => {
    expect(judgeAlone([], [check('a', 'WARNING')])).toMatchObject({ kind: 'lost', losses: [{ id: 'a', status: 'WARNING' }] })
    expect(judgeAlone([], [check('a', 'SKIPPED')])).toMatchObject({ kind: 'lost', losses: [{ id: 'nothing-succeeded' }] })
  })
  it('keeps a scenario that the other client does not pass', () => {
    expect(judgeAlone([check('a', 'FAILURE')], good)).toEqual({ kind: 'kept' })
  })
  it('sees a kind of check that succeeded for the other client alone, and does not count how often', () => {
    expect(judgeAlone([...good, check('a', 'SUCCESS')], good)).toEqual({ kind: 'kept' })
    expect(judgeAlone([...good, check('b', 'SUCCESS')], good)).toMatchObject({ kind: 'degraded', losses: [{ id: 'b', status: 'missing' }] })
  })
})
