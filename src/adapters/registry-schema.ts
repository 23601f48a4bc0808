// The schema of server.json that ships with this build.

import { readFileSync } from 'node:fs'
import { Fault } from '../kernel/errors.ts'
import { compileSchema, type SchemaFault } from '../registry/json-schema.ts'

/** Beside `src` in a checkout, beside `dist` in an installed package. Throws Fault `schema-invalid`: this build is broken. */
export function loadServerJsonSchema(): (value: unknown) => readonly SchemaFault[] {
  const file = new URL('../../registry/schemas/server-2025-12-11.schema.json', import.meta.url)
  try {
    return compileSchema(JSON.parse(readFileSync(file, 'utf8')))
  } catch (cause) {
    throw cause instanceof Fault ? cause : new Fault('schema-invalid', 'the schema of server.json cannot be read', { cause })
  }
}
