import { isJsonFault, readJson } from '../../src/mcp/json.ts'
import { compileSchema, isUnusable, type Judgement } from '../../src/schema/schema.ts'

/** As a message has it: indexed no deeper than the gateway needs. */
export function judge(schema: unknown, json: string): Judgement {
  const compiled = compileSchema(Buffer.from(JSON.stringify(schema)))
  if (isUnusable(compiled)) throw new Error(compiled.unusable)
  const doc = readJson(Buffer.from(json))
  if (isJsonFault(doc)) throw new Error(doc.fault)
  return compiled.judge({ doc, node: doc.root })
}
/** `pointer keyword` of each fault; `?why` where nothing can be said. */
export function told(schema: unknown, json: string): readonly string[] {
  const found = judge(schema, json)
  return 'unjudged' in found ? [`?${found.unjudged}`] : found.map(f => `${f.pointer} ${f.keyword}`)
}
export function unusable(schema: string | object): string | undefined {
  const compiled = compileSchema(Buffer.from(typeof schema === 'string' ? schema : JSON.stringify(schema)))
  return isUnusable(compiled) ? compiled.unusable : undefined
}
