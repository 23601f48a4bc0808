// A gateway in front of genuine upstreams of both eras, over stdio and HTTP, and what the upstreams see of it.

import { createServer, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { ALLOW_ALL, GATES_OPEN, startTestGateway, type TestGateway } from '../../support/gateway.ts'
import { jsonLines, type Command, type Control, type UpstreamEvent } from '../upstreams/control.ts'
import { serveLegacy } from '../upstreams/legacy.ts'
import { serveModern } from '../upstreams/modern.ts'
import { serveRaw } from '../upstreams/raw.ts'
import { Mailbox } from './mailbox.ts'

export type Kind = 'v1-stdio' | 'v1-http' | 'v2-stdio' | 'v2-http'
export const KINDS: readonly Kind[] = ['v1-stdio', 'v1-http', 'v2-stdio', 'v2-http']
export const eraOf = (kind: Kind): 'legacy' | 'modern' => (kind.startsWith('v1') ? 'legacy' : 'modern')

/** One configured upstream as the test sees it: all its processes or sessions together. */
export class UpstreamView {
  readonly events: Mailbox<UpstreamEvent>
  readonly #senders = new Set<(command: Command) => void>()
  readonly kind: Kind
  readonly alias: string
  constructor(alias: string, kind: Kind) {
    this.alias = alias
    this.kind = kind
    this.events = new Mailbox(alias)
  }

  command(command: Command): void {
    for (const send of this.#senders) send(command)
  }
  connected(send: (command: Command) => void): () => void {
    this.#senders.add(send)
    return () => this.#senders.delete(send)
  }
  /** Messages of one method that arrived. */
  received(method: string, mark = 0): any[] {
    return this.events.since(mark).flatMap(e => (e.kind === 'received' && e['message']?.method === method ? [e['message']] : []))
  }
  until(what: string, matches: (event: UpstreamEvent) => boolean, mark = 0): Promise<UpstreamEvent> {
    return this.events.until(what, matches, mark)
  }
  /** Until the tool `wait` runs with this tag. */
  waiting(tag: string): Promise<UpstreamEvent> {
    return this.until(`waiting ${tag}`, e => e.kind === 'waiting' && e['tag'] === tag)
  }
  /** Until the upstream would tell its subscriber about this resource. */
  async announces(uri: string, mark = 0): Promise<void> {
    if (eraOf(this.kind) === 'modern') {
      const kind = this.kind === 'v2-http' ? 'stream' : 'received'
      await this.until(`a listen with ${uri}`, e => e.kind === kind && listensTo(e, uri), mark)
      return
    }
    const isSubscribed = (e: UpstreamEvent): boolean => e.kind === 'subscribed' && e['uri'] === uri
    if (this.kind === 'v1-stdio') {
      await this.until(`subscribed ${uri}`, isSubscribed, mark)
      return
    }
    // in a session whose GET stream stands: it may have had others, and another session may have wanted the same
    await this.events.so(`subscribed ${uri} and a GET`, all => {
      const ended = new Set(all.filter(e => e.kind === 'closed').map(e => e['exchange'] as number))
      const isStanding = (e: UpstreamEvent): boolean => e.kind === 'open' && e['http'] === 'GET' && !ended.has(e['exchange'] as number)
      const sessions = new Set(all.filter(isStanding).map(e => e['session'] as string))
      return all.slice(mark).some(e => isSubscribed(e) && sessions.has(e['session'] as string))
    })
  }
  /** Until the upstream would not tell anybody about a resource any more that it told somebody about: every subscription to it, or stream with it, has ended. */
  async withdraws(uri: string): Promise<void> {
    await this.events.so(`end of all that was about ${uri}`, all => {
      const begun = all.filter(e => (e.kind === 'subscribed' && e['uri'] === uri) || (e.kind === 'received' && listensTo(e, uri)))
      return begun.length > 0 && begun.every(e => all.some(later => ends(later, e)))
    })
  }
}

const listensTo = (e: UpstreamEvent, uri: string): boolean => filterOf(e)?.['resourceSubscriptions']?.includes(uri) === true

/** Whether the one event ends what the other began: an unsubscription, the end of the listen's exchange, a cancel on the same pipe. */
function ends(e: UpstreamEvent, begun: UpstreamEvent): boolean {
  if (begun.kind === 'subscribed') return e.kind === 'unsubscribed' && e['uri'] === begun['uri']
  if (begun['exchange'] !== undefined) return e.kind === 'closed' && e['exchange'] === begun['exchange']
  return e.pid === begun.pid && e['message']?.method === 'notifications/cancelled' && e['message'].params.requestId === begun['message'].id
}

/** The filter of a subscriptions/listen. */
const filterOf = ({ message }: UpstreamEvent): Record<string, any> | undefined =>
  message?.method === 'subscriptions/listen' ? (message.params.notifications as Record<string, any>) : undefined

/** What of an upstream differs from the usual: everything permitted, nothing else said. */
export type UpstreamSpec = {
  readonly kind: Kind
  readonly settings?: Readonly<Record<string, unknown>>
  /** `raw`: no SDK, fixed bytes (upstreams/raw.ts); `tasks`: the conformance fixture of the tasks extension, which tells nothing */
  readonly program?: 'raw' | 'tasks'
}

export type World = TestGateway & {
  upstream(alias: string): UpstreamView
  /** the configuration of `upstreams`, for reloads */
  readonly upstreams: Readonly<Record<string, Record<string, unknown>>>
}

/** The four kinds under their own names, everything permitted. */
const ALL: Readonly<Record<string, UpstreamSpec>> = Object.fromEntries(KINDS.map(kind => [kind, { kind }]))

export async function startWorld(
  specs: Readonly<Record<string, UpstreamSpec>> = ALL,
  more: Readonly<Record<string, unknown>> = {},
): Promise<World> {
  const views = new Map(Object.entries(specs).map(([alias, { kind }]) => [alias, new UpstreamView(alias, kind)]))
  const started: { close(): unknown }[] = []
  const upstreams: Record<string, Record<string, unknown>> = {}
  for (const [alias, view] of views) {
    const { transport, close } = await serve(view, specs[alias]?.program)
    started.push({ close })
    // copies: YAML would write a shared object as an alias, which the gateway refuses
    // A loaded machine takes its time to start a process; what is configured otherwise counts.
    const { timeouts = {}, ...settings } = specs[alias]?.settings ?? {}
    upstreams[alias] = structuredClone({
      ...transport,
      allow: [ALLOW_ALL],
      gates: GATES_OPEN,
      timeouts: { connect: '60s', ...(timeouts as object) },
      ...settings,
    })
  }
  const gateway = await startTestGateway({ upstreams, ...more })
  return {
    ...gateway,
    upstreams,
    upstream(alias) {
      const view = views.get(alias)
      if (!view) throw new Error(`no upstream ${alias}`)
      return view
    },
    async stop() {
      await gateway.stop()
      await Promise.all(started.map(({ close }) => close()))
    },
  }
}

type Running = { readonly transport: Record<string, unknown>; close(): unknown }

const serve = (view: UpstreamView, program: UpstreamSpec['program']): Promise<Running> =>
  view.kind.endsWith('http') ? serveHttp(view, program) : serveStdio(view, program)

async function serveHttp(view: UpstreamView, program: UpstreamSpec['program']): Promise<Running> {
  const listeners: ((command: Command) => void)[] = []
  view.connected(command => {
    for (const listener of listeners) listener(command)
  })
  const control: Control = {
    emit: (kind, more = {}) => view.events.push({ kind, pid: process.pid, ...more }),
    onCommand: listener => void listeners.push(listener),
  }
  const era = eraOf(view.kind)
  const { url, close } = await (program === 'raw' ? serveRaw(control, era) : era === 'legacy' ? serveLegacy(control) : serveModern(control))
  return { transport: { http: { url } }, close }
}

/** The gateway spawns the processes; each of them connects back here. */
const TASKS = new URL('../../conformance/fixtures/tasks.ts', import.meta.url)

async function serveStdio(view: UpstreamView, program: UpstreamSpec['program']): Promise<Running> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    const forget = view.connected(command => void socket.write(`${JSON.stringify(command)}\n`))
    jsonLines(socket, event => view.events.push(event as UpstreamEvent))
    socket.on('error', () => {})
    socket.on('close', () => {
      forget()
      sockets.delete(socket)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const era = eraOf(view.kind)
  const script = program === 'tasks' ? TASKS : new URL(`../upstreams/${program ?? era}.ts`, import.meta.url)
  return {
    transport: {
      stdio: {
        command: process.execPath,
        args: ['--disable-warning=ExperimentalWarning', fileURLToPath(script), ...(program === 'tasks' ? ['--stdio'] : [era])],
        env: { E2E_CONTROL: String(port) },
      },
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
