import { describe, expect, it } from 'vitest'
import { eventsOf, judge } from './sync.ts'

const LOG = '/x/data/audit/events-000001.jsonl'
const INTENT = `10 write(9<${LOG}>, "{\\"v\\":1,\\"type\\":\\"intent\\"}\\n", 26) = 26`
const OUTCOME = `10 write(9<${LOG}>, "{\\"v\\":1,\\"type\\":\\"outcome\\"}\\n", 27) = 27`
const SYNC = `11 fdatasync(9<${LOG}>) = 0`
const UP = '10 writev(20<TCP:[127.0.0.1:52198->127.0.0.1:4100]>, [{iov_base="POST \\"text\\":\\"100000000001x\\"", iov_len=9}], 1) = 9'
const DOWN =
  '10 writev(21<TCP:[127.0.0.1:4000->127.0.0.1:55408]>, [{iov_base="HTTP/1.1 200 \\"text\\":\\"100000000001x\\"", iov_len=9}], 1) = 9'
const verdict = (...lines: string[]) => judge(eventsOf(lines.join('\n'), { upstream: '4100', host: '4000' }), '100000000001')

describe('the judge of traces', () => {
  it('accepts row, sync, upstream, row, sync, host', () => {
    expect(verdict(INTENT, SYNC, UP, OUTCOME, SYNC, DOWN)).toBeUndefined()
  })
  it('sees bytes that went upstream before the sync', () => {
    expect(verdict(INTENT, UP, SYNC, OUTCOME, SYNC, DOWN)).toMatch(/before the intent was synced/)
    expect(verdict(SYNC, UP, OUTCOME, SYNC, DOWN)).toMatch(/before the intent was synced/)
  })
  it('sees an answer that left before the sync', () => {
    expect(verdict(INTENT, SYNC, UP, OUTCOME, DOWN, SYNC)).toMatch(/before the outcome was synced/)
    expect(verdict(INTENT, SYNC, UP, SYNC, DOWN, OUTCOME)).toMatch(/before the outcome was synced/)
  })
  it('counts a sync from its end, and only one that worked', () => {
    const begun = `11 fdatasync(9<${LOG}> <unfinished ...>`
    const ended = '11 <... fdatasync resumed>) = 0'
    expect(verdict(INTENT, begun, ended, UP, OUTCOME, begun, ended, DOWN)).toBeUndefined()
    expect(verdict(INTENT, begun, ended, UP, OUTCOME, begun, DOWN, ended)).toMatch(/before the outcome was synced/)
    expect(verdict(INTENT, begun, ended, UP, begun, OUTCOME, ended, DOWN)).toMatch(/before the outcome was synced/)
    expect(verdict(INTENT, SYNC, UP, OUTCOME, `11 fdatasync(9<${LOG}>) = -1 EIO (Input/output error)`, DOWN)).toMatch(/before the outcome/)
  })
  it('does not call a trace without the call a good one', () => {
    expect(verdict(INTENT, SYNC, OUTCOME, SYNC)).toMatch(/not seen/)
  })
})
