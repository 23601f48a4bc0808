// The table of fields as a JSON Schema (2020-12), so that editors complete and check gatehouse.yaml. What depends on several settings is checked on loading only.

import type { AnyField, KeyRule } from './fields.ts'
import { GATEHOUSE } from './table.ts'

export type JsonSchema = Readonly<Record<string, unknown>>

/** The schema of gatehouse.yaml. */
export function gatehouseSchema(): JsonSchema {
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'gatehouse.yaml', ...schemaOf(GATEHOUSE) }
}

function schemaOf(field: AnyField): JsonSchema {
  const isPlainDefault =
    field.fallback !== undefined && (typeof field.fallback !== 'object' || (Array.isArray(field.fallback) && field.fallback.length > 0))
  return { description: field.doc, ...shapeOf(field), ...(isPlainDefault ? { default: field.fallback } : {}) }
}

function shapeOf(field: AnyField): JsonSchema {
  const { shape } = field
  switch (shape.kind) {
    case 'text':
      return {
        type: 'string',
        minLength: 1,
        maxLength: shape.maxLength,
        ...(shape.pattern === undefined ? {} : { pattern: shape.pattern }),
      }
    case 'integer':
      return { type: 'integer', minimum: shape.min, maximum: shape.max }
    case 'share':
      return { type: 'number', minimum: 0, maximum: 1 }
    case 'flag':
      return { type: 'boolean' }
    case 'choice':
      return { enum: shape.values }
    case 'duration':
    case 'size':
      return { type: 'string', pattern: shape.pattern }
    case 'path':
      return { type: 'string', minLength: 1 }
    case 'source':
      return SOURCE
    case 'list':
      return { type: 'array', maxItems: shape.max, items: schemaOf(shape.item) }
    case 'map':
      return { type: 'object', maxProperties: shape.max, propertyNames: keyOf(shape.key), additionalProperties: schemaOf(shape.value) }
    case 'record': {
      const required = Object.entries(shape.fields).filter(([, f]) => !f.isOptional && f.fallback === undefined)
      return {
        type: 'object',
        properties: Object.fromEntries(Object.entries(shape.fields).map(([key, f]) => [key, schemaOf(f)])),
        ...(required.length > 0 ? { required: required.map(([key]) => key) } : {}),
        additionalProperties: false,
      }
    }
  }
}

const keyOf = (key: KeyRule): JsonSchema => ({ pattern: key.pattern, maxLength: key.maxLength })

const text = { type: 'string', minLength: 1 }
const SOURCE: JsonSchema = {
  oneOf: [
    { type: 'string' },
    {
      type: 'object',
      properties: { fromEnv: { ...text, description: 'name of an environment variable' }, prefix: text },
      required: ['fromEnv'],
      additionalProperties: false,
    },
    {
      type: 'object',
      properties: { fromFile: { ...text, description: 'path of a file' }, prefix: text },
      required: ['fromFile'],
      additionalProperties: false,
    },
    {
      type: 'object',
      properties: { path: { ...text, description: 'a path, passed on as an absolute one' } },
      required: ['path'],
      additionalProperties: false,
    },
  ],
}
