// What the pipeline asks upstreams on behalf of a principal before anything is permitted.

import { randomBytes } from 'node:crypto'
import { describe, expect, it, vi } from 'vitest'
import { ArgumentGuard } from '../../src/arguments/guard.ts'
import type { Upstream } from '../../src/bridge/upstream.ts'
import { qualifyName } from '../../src/catalog/names.ts'
import { ScopeIndex } from '../../src/identity/scopes.ts'
import { inspect } from '../../src/inspection/inspect.ts'
import { DEFAULT_TIERS } from '../../src/inspection/tiers.ts'
import { keyOf, type Principal } from '../../src/kernel/principal.ts'
import { createSealer } from '../../src/kernel/seal.ts'
import { Admitting } from '../../src/pipeline/admitting.ts'
import { createCallers } from '../../src/pipeline/callers.ts'
import { CatalogueView, type CatalogueDeps } from '../../src/pipeline/catalogue-view.ts'
import { createEntitlements } from '../../src/pipeline/entitlements.ts'
import type { UpstreamEntry } from '../../src/pipeline/entry.ts'
import { InspectedDefinitions } from '../../src/pipeline/inspected-definitions.ts'
import type { Authenticated, Classified, Joined, Received } from '../../src/pipeline/path.ts'
import { GATES } from '../support/gates.ts'
import { testColliding } from '../support/colliding.ts'

const person = (subject: string): Principal => ({
  key: keyOf('https://i', subject),
  issuer: 'https://i',
  subject,
  groups: [],
  scopes: [],
  wildcards: [],
  kind: 'person',
  expiresAtSeconds: 1,
})
const RULE = {
  id: 'r',
  subjects: ['alice'],
  groups: [],
  clients: [],
  tools: ['*'],
  prompts: [],
  resources: [],
  methods: [],
  serverRequests: [],
}

function world() {
  const face = vi.fn<Upstream['face']>(async () => ({ stop: 'upstream-unavailable', detail: 'not in this test' }))
  const entry: UpstreamEntry = {
    alias: 'files',
    identity: 'i',
    upstream: { face, status: () => ({ state: 'idle', inFlight: 0, queued: 0, connections: 0 }) } as unknown as Upstream,
    isShared: false,
    admission: 'configured',
    launch: { specification: {}, digest: '' },
    rules: [RULE],
    labels: [],
    arguments: new ArgumentGuard({ validate: 'off', rules: [], resourceRoots: [] }),
    accepted: new Set<string>(),
    inspection: DEFAULT_TIERS,
    gates: GATES,
    scopes: new ScopeIndex('files', new Map()),
    parkMs: 1,
    rounds: 1,
  }
  const view = new CatalogueView({
    colliding: testColliding({ upstreams: () => new Map([['files', entry]]) }),
    upstreams: () => new Map([['files', entry]]),
    entitlement: createEntitlements().of,
    judge: { rules: undefined } as unknown as CatalogueDeps['judge'],
    callers: createCallers(),
    credentials: { of: () => undefined, connect: () => Promise.reject(new Error('nobody asked')), onChange: () => () => {} },
    sealer: createSealer({ current: randomBytes(32) }, randomBytes),
    contacts: () => Promise.resolve({ end: () => Promise.resolve() }),
    admitting: new Admitting({
      admissions: { of: () => undefined },
      seen: { keep: async () => {} },
      strangers: { of: () => undefined, keep() {} },
      record: async () => {},
      pause: async () => {},
    }),
    inspected: new InspectedDefinitions({ inspect, record: async () => {}, pause: async () => {} }),
    monotonic: () => 0,
    delay: () => Promise.resolve(),
    listSettings: () => ({
      limits: { listPages: 1, listEntries: 1, listBytes: 1 },
      ttlMs: 1,
      isShared: false,
      patienceMs: 1,
    }),
    serverInfo: {},
  })
  const ask = (subject: string) =>
    view.resolve(
      {
        endpoint: { kind: 'all', path: '/mcp', resource: 'https://g/mcp', aliases: ['files'] },
        era: 'modern',
        envelope: { capabilities: '{}' },
        principal: person(subject),
        hostFace: { version: '2026-07-28', capabilities: '{}' },
      } as unknown as Received & Classified & Authenticated & Joined,
      'tool',
      qualifyName('files', 'a tool with spaces'),
    )
  return { ask, face }
}

describe('a name that only the upstream’s list can resolve', () => {
  it('makes the gateway ask the upstream, for somebody who may use it', async () => {
    const { ask, face } = world()
    expect(await ask('alice')).toBeUndefined()
    expect(face).toHaveBeenCalled()
  })
  it('starts and asks nothing for somebody for whom the upstream does not exist', async () => {
    const { ask, face } = world()
    expect(await ask('mallory')).toBeUndefined()
    expect(face).not.toHaveBeenCalled()
  })
})
