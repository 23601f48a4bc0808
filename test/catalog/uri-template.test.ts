import { describe, expect, it } from 'vitest'
import { matchesTemplate } from '../../src/catalog/uri-template.ts'

describe('URIs a template could make (RFC 6570)', () => {
  it.each([
    ['file:///{path}', 'file:///a/b', true],
    ['file:///{path}', 'http:///a', false],
    ['db://{table}/rows/{id}', 'db://users/rows/7', true],
    ['db://{table}/rows/{id}', 'db://users/columns/7', false],
    ['db://{table}.json', 'db://users.json', true],
    ['db://{table}.json', 'db://users.xml', false],
    ['aa{x}aa', 'aaa', false],
    ['{a}x{b}x', 'xx', true],
    ['plain://', 'plain://', true],
    ['plain://', 'plain://more', false],
    ['x{y}', `x${'z'.repeat(9000)}`, false],
  ])('%s and %s', (template, uri, matches) => expect(matchesTemplate(template, uri)).toBe(matches))
})
