// What may come into force: nothing that demands what the gateway does not enforce.

import { expect, it } from 'vitest'
import { CedarEngine } from '../../src/adapters/cedar/engine.ts'
import { CedarLanguage } from '../../src/adapters/cedar/language.ts'
import { shippedSchema } from '../../src/adapters/policy-folder.ts'
import { ENFORCED } from '../../src/pipeline/verdict.ts'
import { gateBundle } from '../../src/policy/admit-bundle.ts'

const DEMANDING = [
  ['rate', '@rate("1/1m")'],
  ['concurrency', '@concurrency("1")'],
  ['max-result', '@max_result("1kB")'],
  ['redact', '@redact("secrets")'],
  ['stop-on', '@stop_on("override")'],
  ['record', '@record("arguments")'],
] as const

const gated = (demand: string, enforced: typeof ENFORCED) =>
  gateBundle(
    {
      files: [
        { set: 'authz', name: 'authz/a.cedar', text: '@id("all") permit (principal, action, resource);' },
        {
          set: 'obligations',
          name: 'obligations/b.cedar',
          text: `@id("few") ${demand} permit (principal, action == MCP::Action::"tools/call", resource);`,
        },
      ],
      generated: [],
      cases: [],
      enforced,
    },
    { language: new CedarLanguage(), schema: shippedSchema() },
    new CedarEngine(),
  )

it.each(DEMANDING)('attack: a rule that demands %s does not load where nothing enforces it', (kind, demand) => {
  const found = gated(
    demand,
    ENFORCED.filter(each => each !== kind),
  )
  expect(found).toMatchObject({ faults: [{ id: 'few', message: `demands what this gateway does not enforce yet: ${kind}` }] })
  expect(gated(demand, ENFORCED)).toHaveProperty('bundle')
})
