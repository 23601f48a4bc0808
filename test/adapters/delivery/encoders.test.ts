import { describe, expect, it } from 'vitest'
import { encoderOf } from '../../../src/adapters/delivery/encoders.ts'
import { readLine } from '../../../src/delivery/rotation.ts'
import type { Form } from '../../../src/delivery/forms.ts'
import type { SinkSettings } from '../../../src/delivery/settings.ts'
import { eventLine, exported } from '../../delivery/world.ts'

const common = { name: 'x', from: 'start', recordBytes: 65_536 } as const
const KINDS: readonly ((form: Form) => SinkSettings)[] = [
  form => ({ ...common, form, kind: 'file', path: 'x', rotateBytes: 1, rotateSeconds: 1 }),
  form => ({ ...common, form, kind: 'syslog', host: 'x', port: 1, facility: 13 }),
  form => ({ ...common, form, kind: 'otlp', url: 'https://x.example', headers: {} }),
  form => ({ ...common, form, kind: 'webhook', url: 'https://x.example', keyFile: 'x' }),
]
const parts = { version: '0.1.0', hostname: 'gw' }
const event = exported({ seq: 4711, checkpoint: 5000, event: eventLine(1, { type: 'refusal', subject: { name: 'a\n"é' } }) })

describe('every form at every kind', () => {
  const forms = KINDS.flatMap(make => (['event', 'ocsf', 'cef'] as const).map(form => make(form)))
  it.each(
    forms
      .filter(({ kind, form }) => form !== 'cef' || kind === 'file' || kind === 'syslog')
      .map(sink => [sink.kind, sink.form, sink] as const),
  )('%s as %s has seq, leaf and checkpoint, on one line', (_kind, _form, sink) => {
    const text = encoderOf(sink, parts)(event)
    expect(text).not.toMatch(/[\r\n]/)
    expect(text.replaceAll('\\', '')).toContain(event.leaf)
    for (const number of ['4711', '5000']) expect(text).toContain(number)
    if (sink.kind === 'syslog') expect(text).toMatch(/^[ -~]+$/)
    if (sink.kind === 'file')
      expect(readLine(text)).toEqual({ seq: 4711, origin: 'gw.example/1', leaf: event.leaf, timeMs: 1_700_000_001_000 })
  })

  it('Redis has the place in fields of its own', () => {
    const sink = { ...common, kind: 'redis', url: 'redis://127.0.0.1' } as const
    expect(encoderOf({ ...sink, form: 'event' }, parts)(event)).toBe(event.event)
    expect(JSON.parse(encoderOf({ ...sink, form: 'ocsf' }, parts)(event))).toMatchObject({
      class_uid: 6003,
      unmapped: { log: { seq: 4711, checkpoint_size: 5000 } },
    })
  })

  it('attack: an event that is no object is an error of this event', () => {
    for (const sink of forms) expect(() => encoderOf(sink, parts)(exported({ event: '[]' }))).toThrow()
  })
})
