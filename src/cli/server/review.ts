// `gatehouse server review`: starts or connects to one upstream as the gateway would, reads all it lists, and keeps it for `diff` and `approve`.

import { randomInt } from 'node:crypto'
import { SeenFolder } from '../../adapters/admission/seen-folder.ts'
import { inertText } from '../../admission/inert-text.ts'
import type { EraPins } from '../../adapters/upstream/era-pins.ts'
import { Ticker } from '../../adapters/upstream/ticker.ts'
import { createUpstream } from '../../adapters/upstream/upstream.ts'
import { upstreamCapabilities } from '../../bridge/capabilities.ts'
import type { CallEvents, Caller, Upstream } from '../../bridge/upstream.ts'
import { LIST_KINDS, type ListKind } from '../../catalog/entry.ts'
import { fetchList, type FetchPage, type LiveList } from '../../catalog/lists.ts'
import type { UpstreamSettings } from '../../config/schema.ts'
import { isStop } from '../../kernel/errors.ts'
import { CODE } from '../../mcp/revisions.ts'
import { EXIT, type CommandArgs, type Io } from '../command.ts'
import { run as diff } from './diff.ts'
import { heldNames } from './held-names.ts'
import { serverOf } from './surfaces.ts'
import { unpinnedText } from './words.ts'

const METHODS: Readonly<Record<ListKind, string>> = {
  tools: 'tools/list',
  prompts: 'prompts/list',
  resources: 'resources/list',
  templates: 'resources/templates/list',
}
const KINDS = { tools: 'tool', prompts: 'prompt', resources: 'resource', templates: 'resourceTemplate' } as const
const NO_EVENTS: CallEvents = { notification() {}, request: request => request.refuse(CODE.methodNotFound, 'Method not found') }

export async function run(args: CommandArgs): Promise<number> {
  const { io } = args
  const server = await serverOf(args)
  if (typeof server === 'number') return server
  const { settings, alias, snapshot } = server
  const { transport } = settings
  if (transport.kind === 'server') {
    io.err(
      `\`${alias}\` is a version of the registry: its reviewer’s signature says what it lists, and \`gatehouse server diff ${alias}\` what it listed\n`,
    )
    return EXIT.conflict
  }
  if (settings.credential) {
    io.err(
      `\`${alias}\` takes everybody’s own credential: admit how it is reached (\`gatehouse server approve ${alias} --launch ${settings.launch.digest}\`), then let somebody list it through the gateway, which keeps what it sees\n`,
    )
    return EXIT.conflict
  }
  const { launch } = settings
  if (launch.unpinned !== undefined && settings.admission === 'required') {
    io.err(`\`${alias}\`: ${unpinnedText(inertText(launch.unpinned))}\nnothing was started\n`)
    return EXIT.conflict
  }
  const failures: unknown[] = []
  const folder = new SeenFolder({ dataDir: snapshot.dataDir, now: () => io.now(), failed: (_, cause) => failures.push(cause) })
  const problem = await look({ ...settings, transport }, io, async seen => {
    if (seen.instructions !== undefined) await folder.keep(alias, { instructions: seen.instructions })
    for (const list of seen.lists)
      await folder.keep(alias, { kind: KINDS[list.kind], definitions: new Map(list.entries.map(({ name, raw }) => [name, raw])) })
  })
  if (problem !== undefined || failures.length > 0) {
    io.err(`${alias}: ${problem ?? 'what it lists could not be kept; see the data directory'}\n`)
    return problem === undefined ? EXIT.failed : EXIT.unavailable
  }
  await diff(args)
  if (args.json) return EXIT.ok
  for (const { sentence, code, server: held } of (await heldNames(snapshot, alias)).filter(each =>
    [each.server, each.against].includes(alias),
  ))
    io.out(`${held === alias ? 'would be held' : 'would hold'}: ${sentence} (${code}); docs/collisions.md\n`)
  return EXIT.ok
}

type Seen = { readonly instructions?: string; readonly lists: readonly LiveList[] }

/** Why it cannot be looked at; undefined once `keep` has had it. */
async function look(settings: UpstreamSettings, io: Io, keep: (seen: Seen) => Promise<void>): Promise<string | undefined> {
  const noPins: EraPins = { get: () => undefined, set: () => undefined }
  const upstream = createUpstream(settings, {
    ticker: new Ticker({ now: () => performance.now(), wake }),
    pins: noPins,
    // An administrator's own look from the command line: the log is the running gateway's alone.
    contacts: () => Promise.resolve({ end: () => Promise.resolve() }),
    log: () => undefined,
    environment: io.env,
    random: () => randomInt(2 ** 32) / 2 ** 32,
    wallNow: () => io.now(),
    info: { name: 'gatehouse-review', version: '0' },
  })
  try {
    return await readAll(upstream, settings, keep)
  } finally {
    await upstream.close(2000)
  }
}

async function readAll(upstream: Upstream, settings: UpstreamSettings, keep: (seen: Seen) => Promise<void>): Promise<string | undefined> {
  // Some servers list more to a host that can be asked: it is looked at as a host that may all the rules permit.
  const kinds = new Set(settings.allow.flatMap(rule => rule.serverRequests))
  const capabilities = upstreamCapabilities(kinds, { kinds, modes: new Map(), extensions: new Map() }, 'legacy')
  const caller: Caller = { principal: '*', capabilities, affinity: '' }
  const face = await upstream.face(caller)
  if ('stop' in face) return face.detail
  const fetchPage: FetchPage = (kind, cursor) => {
    const capability = kind === 'templates' ? 'resources' : kind
    if (face.capabilities[capability] === undefined) return Promise.resolve({ kind: 'error', code: CODE.methodNotFound })
    const params = cursor === undefined ? undefined : Buffer.from(`{"cursor":${JSON.stringify(cursor)}}`)
    return upstream.call({ caller, method: METHODS[kind], traceparent: '', ...(params && { params }) }, NO_EVENTS).done
  }
  const lists: LiveList[] = []
  const pause = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
  for (const kind of LIST_KINDS) {
    const list = await fetchList({ alias: upstream.alias, kind, limits: settings.limits, fetchPage, pause })
    if (isStop(list)) return `it does not list its ${kind}: ${list.detail ?? list.stop}`
    lists.push(list)
  }
  await keep({ ...(face.instructions !== undefined && { instructions: face.instructions }), lists })
  return undefined
}

function wake(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, ms)
  return () => clearTimeout(timer)
}
