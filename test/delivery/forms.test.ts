import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cefOf } from '../../src/delivery/cef.ts'
import { enveloped, envelopedAscii, severityOf } from '../../src/delivery/forms.ts'
import { logRecord, logsAnswer, logsRequest } from '../../src/delivery/otlp.ts'
import { troubleOf } from '../../src/delivery/outlet.ts'
import { postedOf } from '../../src/delivery/posted.ts'
import { appendArguments, appended, errorCode } from '../../src/delivery/stream.ts'
import { framed, syslogMessage } from '../../src/delivery/syslog.ts'
import { eventLine, exported } from './world.ts'
import { parseSyslog } from '../support/syslog.ts'

/** Any JSON object as an event, with texts of all kinds where forms look. */
const hostile = fc.string({ unit: 'binary', maxLength: 80 })
const anyEvent = fc
  .record(
    {
      type: hostile,
      time: hostile,
      id: hostile,
      reason: hostile,
      what: hostile,
      outcome: hostile,
      trace: hostile,
      span: hostile,
      principal: fc.oneof(hostile, fc.record({ issuer: hostile, subject: hostile, client: hostile })),
      subject: fc.oneof(fc.constant(null), fc.record({ server: hostile, name: hostile, method: hostile })),
      more: fc.jsonValue(),
    },
    { requiredKeys: [] },
  )
  .map(value => exported({ event: JSON.stringify(value) }))

describe('the envelope', () => {
  it('has the event byte for byte beside its place', () => {
    const event = exported({ event: '{"b":1.0,"a":"é"}' })
    expect(enveloped(event)).toBe(`{"seq":1,"leaf":"${event.leaf}","checkpoint":9,"origin":"gw.example/1","event":{"b":1.0,"a":"é"}}`)
    expect(envelopedAscii(event)).toContain('"a":"\\u00e9"')
  })

  it('attack: an event that is not one object on one line cannot close it', () => {
    for (const event of ['{}},"x":{', '[]', 'null', '"x"', '', '{\n}', '{}\r', '{}{}'])
      expect(() => enveloped(exported({ event }))).toThrow()
  })

  it('law: it is one line of JSON with exactly these members, in ASCII where that is wanted', () => {
    fc.assert(
      fc.property(anyEvent, event => {
        const text = envelopedAscii(event)
        expect(text).toMatch(/^[ -~]+$/)
        expect(JSON.parse(text)).toEqual(JSON.parse(enveloped(event)))
        expect(Object.keys(JSON.parse(text) as object)).toEqual(['seq', 'leaf', 'checkpoint', 'origin', 'event'])
      }),
    )
  })
})

it('says how loud an event is', () => {
  expect(severityOf({ type: 'outcome', outcome: 'unknown' })).toBe('error')
  expect(severityOf({ type: 'lifecycle', what: 'break-glass-open' })).toBe('warning')
  expect(severityOf({ type: 'lifecycle', what: 'start' })).toBe('info')
  expect(severityOf({ type: 'refusal' })).toBe('warning')
  expect(severityOf({ type: 'server-request', decision: 'refused' })).toBe('warning')
  expect(severityOf({ type: 'outcome', outcome: 'error' })).toBe('notice')
  expect(severityOf({ type: 'aggregate' })).toBe('notice')
  expect(severityOf({ type: 7 })).toBe('info')
})

describe('syslog (RFC 5424)', () => {
  const settings = { facility: 13, hostname: 'gw-1', body: envelopedAscii }

  it('is one message with the place in structured data', () => {
    const event = exported({ event: eventLine(1, { type: 'refusal' }) })
    expect(syslogMessage(event, settings)).toBe(
      `<108>1 2023-11-14T22:13:21.000Z gw-1 gatehouse - refusal [gatehouse@32473 seq="1" leaf="${event.leaf}" checkpoint="9" origin="gw.example/1"] ${envelopedAscii(event)}`,
    )
    expect(framed('é')).toBe('2 é')
  })

  it('attack: line breaks, escape sequences and forged messages in texts of an event stay in its one message', () => {
    const forged = 'x\n<13>1 - evil su - - - root\r\n\u001b[2J"] [evil@1 a="b"] \u2028\u0085'
    const text = syslogMessage(
      exported({ event: eventLine(1, { type: forged, time: forged, subject: { name: forged } }), origin: forged }),
      settings,
    )
    expect(text).toMatch(/^[ -~]+$/)
    const { data, time, msgId } = parseSyslog(text)
    expect([time, msgId]).toEqual(['-', '-'])
    expect([...data.keys()]).toEqual(['gatehouse@32473'])
    expect(data.get('gatehouse@32473')?.get('origin')).toContain('"] [evil@1 a="b"]')
  })

  it('law: any event is read back by a strict parser, whole', () => {
    fc.assert(
      fc.property(anyEvent, hostile, (event, hostname) => {
        const { data, message } = parseSyslog(syslogMessage(event, { ...settings, hostname }))
        expect(data.get('gatehouse@32473')?.get('seq')).toBe('1')
        expect(data.get('gatehouse@32473')?.get('leaf')).toBe(event.leaf)
        expect(JSON.parse(message)).toEqual(JSON.parse(enveloped(event)))
      }),
    )
  })

  it('attack: an event that is no object is an error of this event, not of the sink', () => {
    expect(() => syslogMessage(exported({ event: '[]' }), settings)).toThrow(TypeError)
  })
})

describe('CEF', () => {
  it('names what people search by, and the place', () => {
    const event = exported({
      event: eventLine(1, {
        type: 'refusal',
        reason: 'scope-missing',
        principal: { issuer: 'https://idp', subject: 'anna', client: 'c1' },
        subject: { server: 'files', method: 'tools/call', name: 'read' },
      }),
    })
    expect(cefOf(event, '0.1.0')).toBe(
      `CEF:0|Gatehouse|gatehouse|0.1.0|scope-missing|refusal|6|rt=1700000001000 externalId=e1 suser=anna sntdom=https://idp requestClientApplication=c1 dhost=files requestMethod=tools/call request=read reason=scope-missing cn1Label=seq cn1=1 cn2Label=checkpoint cn2=9 cs1Label=leaf cs1=${event.leaf.replaceAll('=', '\\=')} cs2Label=origin cs2=gw.example/1`,
    )
  })

  it('attack: no text of a stranger begins another member', () => {
    const evil = 'a|b=c\\|10|suser\\=root\nCEF:0|x'
    const text = cefOf(exported({ event: eventLine(1, { type: evil, reason: evil, subject: { name: evil } }) }), '0.1.0')
    expect(text).toMatch(/^[ -~]+$/)
    expect(text).toContain('request=a|b\\=c\\\\|10|suser\\\\\\=root?CEF:0|x')
  })

  it('law: the header has seven members, whatever the event says', () => {
    fc.assert(
      fc.property(anyEvent, event => {
        const text = cefOf(event, '0.1.0')
        expect(text).toMatch(/^[ -~]*$/)
        let bars = 0
        for (let at = 0; at < text.length && bars < 7; at += 1) {
          if (text[at] === '\\') at += 1
          else if (text[at] === '|') bars += 1
        }
        expect(bars).toBe(7)
        expect(text.slice(text.lastIndexOf('cn1Label'))).toMatch(/^cn1Label=seq cn1=1 /)
      }),
    )
  })
})

describe('OTLP', () => {
  it('is a log record with severity, trace and place', () => {
    const trace = '0af7651916cd43dd8448eb211c80319c'
    const event = exported({
      event: eventLine(1, { type: 'refusal', trace, span: 'b7ad6b7169203331', reason: 'denied', subject: { method: 'tools/call' } }),
    })
    expect(JSON.parse(logRecord(event, event.event))).toEqual({
      timeUnixNano: '1700000001000000000',
      observedTimeUnixNano: '1700000001000000000',
      severityNumber: 13,
      severityText: 'WARNING',
      eventName: 'gatehouse.audit.refusal',
      body: { stringValue: event.event },
      attributes: [
        { key: 'gatehouse.audit.seq', value: { intValue: '1' } },
        { key: 'gatehouse.audit.leaf', value: { stringValue: event.leaf } },
        { key: 'gatehouse.audit.checkpoint', value: { intValue: '9' } },
        { key: 'gatehouse.type', value: { stringValue: 'refusal' } },
        { key: 'gatehouse.reason', value: { stringValue: 'denied' } },
        { key: 'mcp.method.name', value: { stringValue: 'tools/call' } },
      ],
      traceId: trace,
      spanId: 'b7ad6b7169203331',
    })
  })

  it('attack: ids that are none are left out', () => {
    for (const trace of ['0'.repeat(32), 'G'.repeat(32), '0af7651916cd43dd8448eb211c80319c00', 7]) {
      const record = JSON.parse(logRecord(exported({ event: eventLine(1, { trace, span: '0'.repeat(16), time: 'x' }) }), '')) as object
      expect(record).not.toHaveProperty('traceId')
      expect(record).toMatchObject({ timeUnixNano: '0' })
    }
  })

  it('law: a request of any events is the request of these events', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { minLength: 1, maxLength: 4 }), events => {
        const parcels = events.map(event => ({ ...event, text: logRecord(event, event.event) }))
        const { resourceLogs } = JSON.parse(logsRequest(parcels, '0.1.0')) as {
          resourceLogs: { scopeLogs: { logRecords: { body: { stringValue: string } }[] }[] }[]
        }
        expect(resourceLogs[0]?.scopeLogs[0]?.logRecords.map(({ body }) => body.stringValue)).toEqual(events.map(({ event }) => event))
      }),
    )
  })

  it('attack: a 200 from something that is no collector acknowledges nothing', () => {
    for (const body of ['<html>welcome to the hotel</html>', '[]', 'null', '"ok"', '{', '\0'])
      expect(logsAnswer(Buffer.from(body), 3)).toMatchObject({ taken: 0, trouble: { is: 'later' } })
    for (const body of [
      '',
      '{}',
      '{"partialSuccess":{}}',
      '{"partialSuccess":{"rejectedLogRecords":"0","errorMessage":"warn"}}',
      '{"partialSuccess":[]}',
    ])
      expect(logsAnswer(Buffer.from(body), 3)).toEqual({ taken: 3 })
    expect(logsAnswer(Buffer.from('{"partialSuccess":{"rejectedLogRecords":"1"}}'), 3)).toMatchObject({
      taken: 0,
      trouble: { is: 'refused' },
    })
  })
})

describe('what a webhook gets', () => {
  it('has an id of its events', () => {
    const parcels = [exported({ seq: 1 }), exported({ seq: 2 })].map(event => ({ ...event, text: enveloped(event) }))
    const { id, body } = postedOf(parcels, 1_700_000_000)
    expect(JSON.parse(body)).toMatchObject({
      type: 'audit.events',
      timestamp: '2023-11-14T22:13:20.000Z',
      data: { events: [{ seq: 1 }, { seq: 2 }] },
    })
    expect(postedOf(parcels, 1_800_000_000).id).toBe(id)
    expect(postedOf(parcels.slice(0, 1), 1_700_000_000).id).not.toBe(id)
    expect(id).toMatch(/^aud_[\w-]{32}$/)
  })
})

it('knows a refusal of the record from trouble of the sink', () => {
  for (const status of [400, 413, 415, 422]) expect(troubleOf(status, undefined).trouble?.is).toBe('refused')
  for (const status of [401, 403, 404, 405, 408, 429, 500, 503]) expect(troubleOf(status, undefined).trouble?.is).toBe('later')
  expect(troubleOf(302, undefined).trouble?.why).toBe('it redirects (status 302), which is not followed')
  expect(troubleOf(410, undefined).trouble).toMatchObject({ is: 'later', afterSeconds: 3600 })
  expect(troubleOf(503, '17').trouble).toMatchObject({ afterSeconds: 17 })
  expect(troubleOf(503, ['17']).trouble).not.toHaveProperty('afterSeconds')
  expect(troubleOf(503, 'Fri, 31 Dec 1999 23:59:59 GMT').trouble).not.toHaveProperty('afterSeconds')
})

describe('the script for streams', () => {
  const leafAt = (): Promise<undefined> => Promise.resolve(undefined)
  it('gets what it needs', () => {
    const parcel = { ...exported(), text: 'T' }
    expect(appendArguments({ parcels: [parcel], after: 0, isReplay: false, leafAt }, 1000, 7)).toEqual([
      'gw.example/1',
      '0',
      '0',
      '1000',
      '7',
      '1',
      parcel.leaf,
      '9',
      'T',
    ])
    expect(appendArguments({ parcels: [], after: -1, isReplay: true, leafAt }, undefined)).toEqual(['', '-1', '1', '', '-1'])
  })

  it('attack: an answer that is not its own acknowledges nothing', () => {
    for (const answer of [
      undefined,
      'OK',
      [],
      ['ok'],
      ['ok', 2],
      ['ok', -1],
      ['ok', 1.5],
      ['ok', 99],
      ['behind', 'x'],
      ['behind', -2],
      ['error', 99, ''],
      [['ok', 3]],
    ])
      expect(appended(answer, 3)).toMatchObject({ taken: 0, trouble: { is: 'later' } })
    expect(appended(['ok', 3], 3)).toEqual({ taken: 3 })
    expect(appended(['behind', -1], 3).trouble).toMatchObject({ is: 'behind', from: 0 })
    expect(appended(['foreign'], 3).trouble?.why).toContain('another log')
    expect(appended(['error', 2, 'OOM command not allowed'], 3)).toEqual({ taken: 2, trouble: { is: 'later', why: 'Redis answered OOM' } })
  })

  it('attack: nothing of an error but its kind is said', () => {
    expect(errorCode('WRONGPASS secret')).toBe('WRONGPASS')
    for (const message of ['secret OOM', 'secret', '', undefined, 'OOM\nsecret']) expect(errorCode(message)).toBe('with an error')
  })
})
