// The machine: Node, the clock, open files, the ports.

import type { Snapshot } from '../../config/schema.ts'
import { fail, ok, warn } from './check.ts'
import type { Check, World } from './check.ts'

/** `^24.15 || >=26`, as package.json says; a test holds the two together. */
export function checkNode(world: World): Check {
  const [major = 0, minor = 0] = world.nodeVersion.replace(/^v/, '').split('.').map(Number)
  const isSupported = (major === 24 && minor >= 15) || major >= 26
  if (isSupported) return ok('node', `Node ${world.nodeVersion} is supported`)
  return fail('node', `Node ${world.nodeVersion} is not supported`, 'install Node 24.15 or later, or 26 or later')
}

const FIRST_PLAUSIBLE = Date.UTC(2026, 0, 1)
const LAST_PLAUSIBLE = Date.UTC(2100, 0, 1)

/** Tokens, pins and the audit log depend on the time of day. */
export function checkClock(world: World): Check {
  const now = world.now()
  if (now >= FIRST_PLAUSIBLE && now < LAST_PLAUSIBLE) return ok('clock', `the clock says ${new Date(now).toISOString()}`)
  return fail(
    'clock',
    `the clock says ${new Date(now).toISOString()}, which cannot be`,
    'set the clock and keep it set, for example with NTP: tokens are judged by it',
  )
}

/** Every stream, session connection and process pipe takes a file descriptor. */
export async function checkOpenFiles(world: World, snapshot: Snapshot): Promise<Check> {
  const limit = await world.openFileLimit()
  const connections = [...snapshot.upstreams.values()].reduce(
    (sum, upstream) => sum + upstream.limits.connections * (upstream.transport.kind === 'stdio' ? 3 : 1),
    0,
  )
  const wanted = snapshot.limits.streams + connections + 200
  if (limit === undefined) return warn('open files', 'the limit of open files cannot be told', `see that it is at least ${wanted}`)
  if (limit >= wanted) return ok('open files', `${limit} open files are allowed, at most ${wanted} are needed`)
  return warn(
    'open files',
    `${limit} open files are allowed, but the configured streams and connections may need ${wanted}`,
    `raise it (ulimit -n, LimitNOFILE=) to ${wanted}, or lower \`limits.streams\``,
  )
}

export async function checkPorts(world: World, snapshot: Snapshot): Promise<Check[]> {
  const checks = [await checkPort(world, snapshot)]
  if (snapshot.evaluation) checks.push(await checkEvaluationPort(world, snapshot.evaluation.port))
  return checks
}

async function checkPort(world: World, { listen }: Snapshot): Promise<Check> {
  const where = `${listen.host}:${listen.port}`
  const state = await world.tryPort(listen.host, listen.port)
  if (state === 'free') return ok('port', `${where} is free`)
  if (state === 'EACCES')
    return fail('port', `${where} may not be listened on by this user`, 'choose a port from 1024 up, or grant CAP_NET_BIND_SERVICE')
  if (state === 'EADDRNOTAVAIL') return fail('port', `${listen.host} is no address of this machine`, 'set `listen` to one of its addresses')
  if (state !== 'taken') return fail('port', `${where} cannot be listened on (${state})`, 'choose another `listen`')
  const scheme = listen.tls ? 'https' : 'http'
  const answer = await world
    .get(`${scheme}://${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${listen.port}/healthz`)
    .catch(() => undefined)
  if (answer?.status === 200) return ok('port', `something answers /healthz on ${where}: a gateway seems to run already`)
  return fail('port', `${where} is taken by another program`, 'stop that program, or choose another `listen`')
}

async function checkEvaluationPort(world: World, port: number): Promise<Check> {
  const state = await world.tryPort('127.0.0.1', port)
  if (state === 'free') return ok('evaluation port', `127.0.0.1:${port} is free for the evaluation identity provider`)
  const answer = await world.get(`http://127.0.0.1:${port}/.well-known/openid-configuration`).catch(() => undefined)
  if (answer?.status === 200) return ok('evaluation port', `an identity provider answers on 127.0.0.1:${port}`)
  return fail(
    'evaluation port',
    `127.0.0.1:${port} is taken by another program`,
    'stop that program, or choose another `identity.evaluation.port`',
  )
}
