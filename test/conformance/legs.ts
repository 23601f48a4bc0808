// The legs of `npm run conformance`: which suite, against which fixture direct, and through the gateway in front of which upstream.

import { fileURLToPath } from 'node:url'
import type { Revision } from './suite.ts'

const MODERN_FILE = fileURLToPath(import.meta.resolve('./fixtures/modern.ts'))

/** Fixture processes by the name legs use. `direct` ones listen on HTTP; the gateway can start each over stdio as well. */
export const FIXTURES = {
  legacy: { file: fileURLToPath(import.meta.resolve('./fixtures/legacy.ts')), args: [] },
  dual: { file: MODERN_FILE, args: [] },
  modern: { file: MODERN_FILE, args: ['--modern-only'] },
  tasks: { file: fileURLToPath(import.meta.resolve('./fixtures/tasks.ts')), args: [] },
} as const
export type Fixture = keyof typeof FIXTURES

const TASKS_SCENARIOS = [
  'tasks-lifecycle',
  'tasks-capability-negotiation',
  'tasks-wire-fields',
  'tasks-request-state-removal',
  'tasks-mrtr-input',
  'tasks-request-headers',
  'tasks-dispatch-and-envelope',
  'tasks-required-task-error',
  'tasks-mrtr-composition',
] as const

export type ServerLeg = {
  readonly kind: 'server'
  readonly title: string
  readonly revision: Revision
  /** what the suite is run against directly; it speaks the suite's era natively */
  readonly direct: Fixture
  /** what stands behind the gateway */
  readonly upstream: Fixture
  readonly transport: 'http' | 'stdio'
  /** only these scenarios; default the revision's requirement set */
  readonly scenarios?: readonly string[]
}
export type ClientSuiteLeg = {
  readonly kind: 'client'
  readonly title: string
  readonly revision: Revision
  readonly host: 'modern' | 'legacy'
}
type InspectorLeg = { readonly kind: 'inspector'; readonly title: string }
export type ControlLeg = { readonly kind: 'control'; readonly title: string; readonly revision: Revision; readonly direct: Fixture }
/** `client`: who is measured; `nobody` is a command that does nothing and has to earn nothing */
type AuthLeg = { readonly kind: 'auth'; readonly title: string; readonly revision: Revision; readonly client: 'gateway' | 'nobody' }
/** the gateway's own authorization server */
type AuthorizationLeg = { readonly kind: 'authorization'; readonly title: string }
export type Leg = ServerLeg | ClientSuiteLeg | AuthLeg | AuthorizationLeg | InspectorLeg | ControlLeg

const server = (title: string, leg: Omit<ServerLeg, 'kind' | 'title' | 'transport'>, transport: 'http' | 'stdio' = 'http'): ServerLeg => ({
  kind: 'server',
  title,
  transport,
  ...leg,
})

const LEGACY = '2025-11-25'
const MODERN = '2026-07-28'
const SAME_2025 = { revision: LEGACY, direct: 'legacy', upstream: 'legacy' } as const
const SAME_2026 = { revision: MODERN, direct: 'modern', upstream: 'modern' } as const
const BRIDGE_A = { revision: LEGACY, direct: 'dual', upstream: 'modern' } as const
const BRIDGE_B = { revision: MODERN, direct: 'modern', upstream: 'legacy' } as const

export const LEGS: Readonly<Record<string, Leg>> = {
  'control-2025': { kind: 'control', title: '2025 suite, nobody listens', revision: LEGACY, direct: 'legacy' },
  'control-2026': { kind: 'control', title: '2026 suite, nobody listens', revision: MODERN, direct: 'modern' },
  'same-2025': server('2025 host, 2025 upstream', SAME_2025),
  'same-2026': server('2026 host, 2026 upstream', SAME_2026),
  tasks: server('tasks extension', { revision: MODERN, direct: 'tasks', upstream: 'tasks', scenarios: TASKS_SCENARIOS }),
  'bridge-a': server('2025 host, 2026 upstream', BRIDGE_A),
  'bridge-b': server('2026 host, 2025 upstream', BRIDGE_B),
  'same-2025-stdio': server('2025 host, 2025 upstream, stdio', SAME_2025, 'stdio'),
  'same-2026-stdio': server('2026 host, 2026 upstream, stdio', SAME_2026, 'stdio'),
  'bridge-a-stdio': server('2025 host, 2026 upstream, stdio', BRIDGE_A, 'stdio'),
  'bridge-b-stdio': server('2026 host, 2025 upstream, stdio', BRIDGE_B, 'stdio'),
  'client-2025': { kind: 'client', title: '2025 client suite', revision: LEGACY, host: 'legacy' },
  'client-2026': { kind: 'client', title: '2026 client suite', revision: MODERN, host: 'modern' },
  'client-2026-host-2025': { kind: 'client', title: '2026 client suite, 2025 host', revision: MODERN, host: 'legacy' },
  'control-auth': { kind: 'auth', title: '2026 auth scenarios, a client that does nothing', revision: MODERN, client: 'nobody' },
  'auth-2025': { kind: 'auth', title: '2025 auth scenarios', revision: LEGACY, client: 'gateway' },
  'auth-2026': { kind: 'auth', title: '2026 auth scenarios', revision: MODERN, client: 'gateway' },
  'auth-server': { kind: 'authorization', title: 'the gateway’s own authorization server' },
  inspector: { kind: 'inspector', title: 'Inspector CLI, five servers' },
}

/** Under a minute on two quiet cores, for a look between two changes. */
export const SHORT = ['control-2026', 'same-2025', 'same-2026', 'bridge-a', 'bridge-b'] as const
