// What an endpoint says about itself: one upstream's own words on its own endpoint, the gateway's on aggregated ones.

import type { UpstreamFace } from '../bridge/upstream.ts'
import type { Stop } from '../kernel/errors.ts'
import { MODERN_VERSION, META, type Era } from '../mcp/revisions.ts'
import type { Faces, GatewayDeps } from './deps.ts'
import type { UpstreamEntry } from './entry.ts'
import type { Authenticated, Classified, Joined, Received } from './path.ts'

type Asking = Received & Classified & Authenticated & Joined
type Deps = Pick<GatewayDeps, 'upstreams' | 'entitlement' | 'callers' | 'credentials' | 'serverInfo' | 'catalogue'>

const TASKS = 'io.modelcontextprotocol/tasks'
type Described = { readonly capabilities: object; readonly instructions?: string; readonly title?: string }

/** What is said where no upstream was asked: lists that an upstream does not have are empty. */
const EVERYTHING = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { subscribe: true, listChanged: true },
  completions: {},
  logging: {},
}

export function createFaces(deps: Deps): Faces {
  /** On an aggregated endpoint no upstream is contacted: a dead one must not keep a host from connecting. */
  function aggregate(x: Asking): Described {
    const entries = x.endpoint.aliases.map(a => deps.upstreams().get(a)).filter(e => e !== undefined)
    const reachable = entries.filter(e => !deps.entitlement(x, e).isEmpty)
    const names = reachable.map(e => e.alias).join(', ')
    return {
      capabilities: EVERYTHING,
      instructions: `This endpoint serves several MCP servers: ${names || 'none that you may use'}. Names start with the server they belong to, as in \`server__tool\`.`,
    }
  }

  /** Nobody has asked the upstream yet, and nobody can for this principal: the host connects all the same, so that it can be asked to connect an account. */
  function unconnected({ endpoint }: Asking, { alias, credential }: UpstreamEntry): Described {
    const page = `${endpoint.resource.slice(0, -endpoint.path.length)}/connections`
    return {
      capabilities: EVERYTHING,
      title: alias,
      instructions: `\`${credential?.title ?? alias}\` needs an account of its user: until one is connected at ${page} it lists nothing.`,
    }
  }

  /** A server that nobody has admitted is not asked what it is; the host connects all the same, and is told once there is something. */
  const waiting = ({ alias }: UpstreamEntry, stop: Stop): Described => ({
    capabilities: EVERYTHING,
    title: alias,
    instructions: waitingFor(alias, stop),
  })

  async function describe(x: Asking): Promise<Described | Stop> {
    const [alias] = x.endpoint.aliases
    const entry = x.endpoint.kind === 'server' && alias !== undefined ? deps.upstreams().get(alias) : undefined
    if (!entry) return aggregate(x)
    const entitlement = deps.entitlement(x, entry)
    // Nobody learns what a server is that it may not use.
    if (entitlement.isEmpty) return { capabilities: {} }
    const held = deps.catalogue.held(entry)
    if (held) return waiting(entry, held)
    const own = await deps.credentials.of(x, entry)
    if (own && 'stop' in own) return own.stop === 'connection-required' ? unconnected(x, entry) : own
    const face = await entry.upstream.face(deps.callers.of({ ...x }, entry, entitlement, own).caller)
    if ('stop' in face) return face.stop === 'connection-required' ? unconnected(x, entry) : face
    const instructions = await deps.catalogue.instructions(entry, face.instructions)
    if (typeof instructions === 'object') return instructions
    const standing = deps.catalogue.standing(entry)
    const said = standing ? waitingFor(entry.alias, standing) : instructions
    const shown = deps.catalogue.capabilities(entry, described(face, x.era))
    return { capabilities: shown, ...(said !== undefined && { instructions: said }), title: entry.alias }
  }

  return {
    async initializeResult(x) {
      const about = await describe(x)
      if ('stop' in about) return about
      const { instructions, capabilities } = about
      const serverInfo = infoOf(about)
      return Buffer.from(
        JSON.stringify({
          protocolVersion: x.hostFace.version,
          capabilities,
          serverInfo,
          ...(instructions !== undefined && { instructions }),
        }),
      )
    },
    async discoverResult(x) {
      const about = await describe(x)
      if ('stop' in about) return about
      const { instructions, capabilities } = about
      return Buffer.from(
        JSON.stringify({
          resultType: 'complete',
          supportedVersions: [MODERN_VERSION],
          capabilities,
          ...(instructions !== undefined && { instructions }),
          ttlMs: 0,
          cacheScope: 'private',
          _meta: { [META.serverInfo]: infoOf(about) },
        }),
      )
    },
  }

  function infoOf(about: Described): object {
    return about.title === undefined ? deps.serverInfo : { ...deps.serverInfo, title: `${about.title} (through Gatehouse)` }
  }
}

/** Capabilities that can be kept towards this host's era (research/protocol.md section 2, row server/discover and initialize). */
function described(face: UpstreamFace, hostEra: Era): object {
  const { extensions } = face.capabilities
  const kept = isObject(extensions)
    ? Object.fromEntries(Object.entries(extensions).filter(([name]) => name !== TASKS || (hostEra === 'modern' && face.era === 'modern')))
    : {}
  // Legacy task augmentation cannot be bridged; JSON leaves out what is undefined.
  return { ...face.capabilities, tasks: undefined, extensions: Object.keys(kept).length > 0 ? kept : undefined }
}

const waitingFor = (alias: string, { stop }: Stop): string =>
  stop === 'server-unverified' || stop === 'server-revoked'
    ? `Nothing of \`${alias}\` can be used now (${stop}).`
    : `Nothing of \`${alias}\` can be used until a reviewer has admitted it.`
const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v)
