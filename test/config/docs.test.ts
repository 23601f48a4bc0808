import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { generated } from '../../docs/generate.ts'
import { gatehouseSchema } from '../../src/config/json-schema.ts'

const root = new URL('../../', import.meta.url)

describe('generated files are as committed; run `node docs/generate.ts`', () => {
  it.each(Object.entries(generated()))('%s', (file, text) => {
    expect(readFileSync(new URL(file, root), 'utf8')).toBe(text)
  })
})

it('the JSON Schema refuses unknown keys wherever keys are fixed', () => {
  const open: string[] = []
  const walk = (schema: any, path: string): void => {
    if (typeof schema !== 'object' || schema === null) return
    if (schema.properties && schema.additionalProperties !== false) open.push(path)
    for (const [key, part] of Object.entries(schema)) walk(part, `${path}/${key}`)
  }
  walk(gatehouseSchema(), '')
  expect(open).toEqual([])
})
