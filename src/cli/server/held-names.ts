// Names of reviewed servers that would be held at `/mcp`, found without a running gateway: from what was admitted, and of one server from what it was seen to list.

import { PRIMITIVE_KINDS, type PrimitiveKind } from '../../admission/primitive.ts'
import { LIST_KINDS, type ListKind } from '../../catalog/entry.ts'
import { collide } from '../../collision/collide.ts'
import { Resolutions } from '../../collision/resolution.ts'
import type { Snapshot } from '../../config/schema.ts'
import { digestOf } from '../../kernel/digest.ts'
import { shownServer, type Compared } from '../../pipeline/compared-servers.ts'
import { heldIn } from '../../pipeline/held-entries.ts'
import type { Known, KnownEntry } from '../../pipeline/known-lists.ts'
import { reviewedOf } from './surfaces.ts'

export type HeldName = { readonly server: string; readonly against?: string; readonly sentence: string; readonly code: string }

const KIND_OF: Readonly<Record<PrimitiveKind, ListKind>> = {
  tool: 'tools',
  prompt: 'prompts',
  resource: 'resources',
  resourceTemplate: 'templates',
}
const pause = (): Promise<void> => Promise.resolve()

/** `seen`: of this server what it listed counts, too, whether or not it was admitted. Versions of the registry are not compared here. */
export async function heldNames(snapshot: Snapshot, seen?: string): Promise<readonly HeldName[]> {
  const compared: Compared[] = []
  for (const [alias, { transport, admission }] of snapshot.upstreams) {
    if (transport.kind === 'server') continue
    const known = await knownOf(snapshot, alias, alias === seen)
    const identity = { source: digestOf(JSON.stringify(transport)) }
    compared.push({ alias, known, isReviewed: admission === 'required', identity, rank: compared.length })
  }
  const resolutions = new Resolutions(snapshot.collisions)
  const endpoint = { kind: 'all', path: '/mcp', aliases: compared.map(({ alias }) => alias) } as const
  const servers = await Promise.all(compared.map(each => shownServer(endpoint, each, resolutions, pause)))
  const known = new Map(compared.flatMap(({ alias, known: own }) => (own ? [[alias, own] as const] : [])))
  const held = heldIn(endpoint, { resolutions, applied: collide({ naming: 'qualified', servers }), known })
  return [...held].flatMap(([server, of]) =>
    LIST_KINDS.flatMap(kind =>
      [...of[kind].values()]
        .filter(({ code }) => code !== 'hidden')
        .map(({ code, sentence, against }) => ({
          server,
          code,
          sentence,
          ...(against?.server !== undefined && { against: against.server }),
        })),
    ),
  )
}

async function knownOf(snapshot: Snapshot, alias: string, isSeen: boolean): Promise<Known> {
  const { admission, seen } = await reviewedOf({ snapshot, alias })
  const of: Record<ListKind, Map<string, KnownEntry>> = { tools: new Map(), prompts: new Map(), resources: new Map(), templates: new Map() }
  const surface = typeof admission === 'object' && admission.verdict === 'passed' ? admission.surface : undefined
  for (const kind of PRIMITIVE_KINDS) {
    const names = [...(surface?.primitives[kind].keys() ?? []), ...(isSeen ? (seen?.definitions[kind].keys() ?? []) : [])]
    for (const name of names) of[KIND_OF[kind]].set(name, { name })
  }
  return { of, has: () => true, hasRead: () => true }
}
