import { schemaToJson, type SchemaJson } from '@cedar-policy/cedar-wasm/nodejs'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ACTION_GROUPS, ACTIONS } from '../../src/policy/actions.ts'
import { tools } from '../support/policies.ts'

const answer = schemaToJson(tools.schema)
const schema: SchemaJson<string> = answer.type === 'success' ? answer.json : {}
const actions = schema['MCP']!.actions
const within = (name: string): string[] => (actions[name]?.memberOf ?? []).flatMap(({ id }) => [id, ...within(id)])

describe('the actions that policies can name', () => {
  it('are those of the schema, in the same groups and about the same things', () => {
    const said = Object.fromEntries(
      Object.keys(actions)
        .filter(name => (actions[name]?.appliesTo?.resourceTypes.length ?? 0) > 0)
        .map(name => [name, { within: within(name).sort(), resources: [...(actions[name]?.appliesTo?.resourceTypes ?? [])].sort() }]),
    )
    const known = Object.fromEntries(
      Object.entries(ACTIONS).map(([name, row]) => [name, { within: [...row.within].sort(), resources: [...row.resources].sort() }]),
    )
    expect(known).toEqual(said)
    expect(
      Object.keys(actions)
        .filter(name => !(name in ACTIONS))
        .sort(),
    ).toEqual([...ACTION_GROUPS].sort())
  })
  it('cover every method and act of the table: one without an action could not be permitted or forbidden', () => {
    const source = readFileSync(new URL('../../src/pipeline/paths.ts', import.meta.url), 'utf8')
    const named = [...source.matchAll(/^ {4}'?([a-z][A-Za-z_/-]*)'?: \w/gm)]
      .map(m => m[1] ?? '')
      .filter(name => !name.startsWith('admin/break-glass/'))
    expect(named.length).toBeGreaterThan(40)
    expect(named.filter(name => !(name in ACTIONS))).toEqual([])
  })
})
