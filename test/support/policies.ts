// Rules, requests and cases for tests of policies.

import { CedarLanguage } from '../../src/adapters/cedar/language.ts'
import { CedarEngine } from '../../src/adapters/cedar/engine.ts'
import { shippedSchema } from '../../src/adapters/policy-folder.ts'
import { PolicyRules, type EvaluateLimits } from '../../src/policy/evaluate.ts'
import { loadBundle, type Bundle, type LoadTools, type PolicyFault } from '../../src/policy/load.ts'
import type { PolicyEngine } from '../../src/policy/language.ts'
import { PlainReader } from '../../src/policy/plain.ts'
import type { PolicyRequest } from '../../src/policy/request.ts'
import { readRequest, readWorld } from '../../src/policy/spec.ts'

/** One for all tests of a file: making one takes some time. */
const language = new CedarLanguage()
export const tools: LoadTools = { language, schema: shippedSchema() }
export const engine = new CedarEngine()

export const load = (authz: string, obligations = ''): ReturnType<typeof loadBundle> =>
  loadBundle(
    [
      { set: 'authz', name: 'authz/test.cedar', text: authz },
      { set: 'obligations', name: 'obligations/test.cedar', text: obligations },
    ],
    tools,
  )

export function bundleOf(authz: string, obligations = ''): Bundle {
  const loaded = load(authz, obligations)
  if ('faults' in loaded) throw new Error(JSON.stringify(loaded.faults, undefined, 1))
  return loaded.bundle
}

export function faultsOf(authz: string, obligations = ''): readonly PolicyFault[] {
  const loaded = load(authz, obligations)
  return 'faults' in loaded ? loaded.faults : []
}

export const rulesOf = (authz: string, obligations = '', on: PolicyEngine = engine, limits?: EvaluateLimits): PolicyRules =>
  new PolicyRules(bundleOf(authz, obligations), on, limits)

const WORLD = {
  servers: {
    files: { publisher: 'io.github.acme', registryName: 'io.github.acme/files', version: '1.0.0', signature: 'verified' },
    ledger: { publisher: 'io.github.acme', signature: 'verified', labels: ['production'] },
    stray: {},
  },
  principals: {
    alice: { groups: ['engineering'] },
    bob: { groups: ['sales', 'engineering'], client: 'cli' },
    nobody: {},
    robot: { kind: 'workload', groups: ['engineering'] },
  },
}

/** A request in the words of cases; by default alice calls the tool `files/read`. */
export function requestOf(change: object = {}): PolicyRequest {
  const read = new PlainReader()
  const target = ['tool', 'prompt', 'resource', 'template', 'server', 'endpoint'].some(kind => kind in change) ? {} : { tool: 'files/read' }
  const data = { principal: 'alice', action: 'tools/call', ...target, ...change }
  const request = readRequest(read, data, '', readWorld(read, WORLD))
  if (!request) throw new Error(JSON.stringify(read.faults))
  return request
}
