// Which JSON Schema a schema is written in. Without `$schema` it is 2020-12, as MCP says.

/** `siblings`: whether keywords beside a `$ref` count. */
export type Dialect = { readonly name: string; readonly siblings: boolean }

const DIALECTS: ReadonlyMap<string, Dialect> = new Map([
  ['json-schema.org/draft/2020-12/schema', { name: '2020-12', siblings: true }],
  ['json-schema.org/draft/2019-09/schema', { name: '2019-09', siblings: true }],
  ['json-schema.org/draft-07/schema', { name: 'draft-07', siblings: false }],
  ['json-schema.org/draft-06/schema', { name: 'draft-06', siblings: false }],
])
const DEFAULT: Dialect = { name: '2020-12', siblings: true }

/** Undefined = a dialect that is not known here. Compared as a literal: nothing is fetched. */
export function dialectOf(schemaWord: string | undefined): Dialect | undefined {
  return schemaWord === undefined ? DEFAULT : DIALECTS.get(schemaWord.replace(/^https?:\/\//, '').replace(/#$/, ''))
}
