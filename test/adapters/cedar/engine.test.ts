import { describe, expect, it } from 'vitest'
import { CedarEngine } from '../../../src/adapters/cedar/engine.ts'
import { CedarLanguage } from '../../../src/adapters/cedar/language.ts'
import type { CedarRequest, PolicySlice } from '../../../src/policy/language.ts'

const uid = (type: string, id: string): { type: string; id: string } => ({ type: `MCP::${type}`, id })
const request = (change: object = {}): CedarRequest => ({
  principal: uid('User', 'a'),
  action: uid('Action', 'x'),
  resource: uid('Tool', 't'),
  context: {},
  entities: [],
  ...change,
})
const slice = (...texts: string[]): PolicySlice => ({ policies: new Map(texts.map((text, i) => [`p${i}`, text])) })
const ALL = slice('permit (principal, action, resource);')
const deep = (levels: number): unknown => {
  let value: unknown = 'x'
  for (let i = 0; i < levels; i += 1) value = { a: value }
  return value
}

describe('Cedar behind the port that evaluates', () => {
  it('answers with the rules that decided', () => {
    const engine = new CedarEngine()
    expect(engine.evaluate(ALL, request())).toEqual({ kind: 'answer', isAllowed: true, reasons: ['p0'], errors: [] })
    const both = slice('permit (principal, action, resource);', 'forbid (principal, action, resource);')
    expect(engine.evaluate(both, request())).toEqual({ kind: 'answer', isAllowed: false, reasons: ['p1'], errors: [] })
  })
  it('says which rule could not be evaluated', () => {
    const broken = slice('permit (principal, action, resource);', 'forbid (principal, action, resource) when { context.risk > 2 };')
    expect(new CedarEngine().evaluate(broken, request({ context: { risk: 'high' } }))).toMatchObject({
      isAllowed: true,
      errors: [{ id: 'p1' }],
    })
  })
  it.each([
    ['nesting of 200 levels', { context: { x: deep(200) } }],
    ['a lone surrogate', { context: { x: '\ud800' } }],
    ['a BigInt', { context: { x: 1n } }],
    ['nothing where entities belong', { entities: undefined }],
    ['a float', { context: { x: 1.5 } }],
    ['null', { context: { x: null } }],
  ])('attack: %s is refused or crashes it, and the next request has its answer', (_, bad) => {
    const engine = new CedarEngine()
    expect(['refused', 'crashed']).toContain(engine.evaluate(ALL, request(bad)).kind)
    expect(engine.evaluate(ALL, request())).toMatchObject({ isAllowed: true })
  })
  it('attack: 2,000 requests that make it throw end no instance: it is replaced, and every good answer in between is right', () => {
    const engine = new CedarEngine()
    const forbidden = slice('permit (principal, action, resource);', 'forbid (principal == MCP::User::"b", action, resource);')
    for (let i = 0; i < 2000; i += 1) {
      engine.evaluate(ALL, request({ context: { x: i % 2 === 0 ? '\ud800' : deep(200) } }))
      if (i % 50 !== 0) continue
      expect(engine.evaluate(forbidden, request())).toMatchObject({ isAllowed: true, reasons: ['p0'] })
      expect(engine.evaluate(forbidden, request({ principal: uid('User', 'b') }))).toMatchObject({ isAllowed: false, reasons: ['p1'] })
    }
    expect(engine.replaced).toBeGreaterThan(20)
  })
  it('keeps a bounded number of policies ready, and prepares again what it let go', () => {
    const engine = new CedarEngine({ policies: 10, slices: 3 })
    const slices = Array.from({ length: 8 }, (_, i) => slice(`permit (principal == MCP::User::"u${i}", action, resource);`))
    for (let round = 0; round < 3; round += 1) {
      slices.forEach((each, i) => {
        expect(engine.evaluate(each, request({ principal: uid('User', `u${i}`) }))).toMatchObject({ isAllowed: true })
        expect(engine.evaluate(each, request({ principal: uid('User', `u${i + 1}`) }))).toMatchObject({ isAllowed: false })
      })
    }
    const large = slice(...Array.from({ length: 20 }, (_, i) => `permit (principal == MCP::User::"u${i}", action, resource);`))
    expect(engine.evaluate(large, request({ principal: uid('User', 'u19') }))).toMatchObject({ reasons: ['p19'] })
    expect(engine.evaluate(slices[0]!, request({ principal: uid('User', 'u0') }))).toMatchObject({ reasons: ['p0'] })
  })
  it('a slice that does not parse crashes and takes nothing with it', () => {
    const engine = new CedarEngine()
    expect(engine.evaluate(slice('permit (nobody);'), request())).toMatchObject({ kind: 'crashed' })
    expect(() => engine.prepare(slice('permit (nobody);'))).toThrow('policies that were loaded cannot be read again')
    engine.prepare(ALL)
    expect(engine.evaluate(ALL, request())).toMatchObject({ isAllowed: true })
  })
})

describe('Cedar behind the port that reads', () => {
  const language = new CedarLanguage()
  it('attack: a text that ends Cedar’s stack is a fault, and the next text is read', () => {
    for (let i = 0; i < 5; i += 1)
      expect(language.read(`permit (principal, action, resource) when { ${'!'.repeat(100_000)}true };`)).toHaveProperty('faults')
    expect(language.read('permit (principal, action, resource);')).toMatchObject({ effect: 'permit' })
  })
  it('reports a schema that does not parse, and policies that do not', () => {
    expect(language.validate('namespace {', new Map())).toMatchObject([{ message: expect.stringContaining('schema') }])
    expect(language.validate('entity A;', new Map([['a', 'permit (']]))).toHaveLength(1)
  })
  it('formats a file, and says where one does not parse', () => {
    expect(language.format('permit(principal,action,resource);')).toBe('permit (principal, action, resource);\n')
    expect(language.format('permit (principal, action resource);')).toMatchObject({ faults: [{ start: 26 }] })
  })
  it('writes an expression as people do', () => {
    expect(language.write({ '.': { left: { Var: 'resource' }, attr: 'name' } })).toBe('resource.name')
    expect(language.write({ nonsense: 1 })).toBe('(a condition)')
  })
})
