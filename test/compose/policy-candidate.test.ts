import { describe, expect, it } from 'vitest'
import { groupPrefix, loadCandidate } from '../../src/compose/policy-candidate.ts'
import { loadText } from '../../src/config/load.ts'
import { readPlainYaml } from '../../src/config/plain-yaml.ts'
import type { Snapshot } from '../../src/config/schema.ts'

const FOLDER = new URL('../../policies', import.meta.url).pathname

/** As `gatehouse init` writes it, with a rule for a group. */
const snapshot = async (identity: string): Promise<Snapshot> => {
  const text = `version: 1
identity: { ${identity} }
upstreams:
  files:
    admission: configured
    http: { url: 'https://files.example/mcp' }
    allow: [{ id: files, groups: [staff], issuers: ['http://127.0.0.1:8401'], tools: [read] }]
`
  const loaded = await loadText(Buffer.from(text), '/gatehouse.yaml')
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults))
  return loaded.snapshot
}
const faultsOf = async (of: Snapshot): Promise<readonly string[]> => {
  const candidate = await loadCandidate(FOLDER, of, readPlainYaml)
  return 'faults' in candidate ? candidate.faults.map(({ message }) => message) : []
}
const EVALUATION = 'evaluation: { port: 8401, users: [{ name: ann, groups: [staff] }] }'

describe('whose words groups are', () => {
  it('takes the authorization server of the gateway and the provider behind it for one: groups have their own names', async () => {
    const of = await snapshot(`authorizationServer: {}, ${EVALUATION}`)
    expect(of.issuers).toHaveLength(2)
    expect(await faultsOf(of)).toEqual([])
    expect(groupPrefix(() => of)('http://127.0.0.1:8401')).toBe('')
  })

  it('attack: two providers may hold the same group, so a rule that does not say whose it means is not taken', async () => {
    const of = await snapshot(`authorizationServer: {}, ${EVALUATION}, issuers: [{ issuer: 'https://idp.example' }]`)
    expect(await faultsOf(of)).toContain('nobody is in the group `engineering`: several issuers are configured')
    expect(groupPrefix(() => of)('https://idp.example')).toBe('https://idp.example ')
  })
})
