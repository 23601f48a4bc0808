// A whole gateway as `gatehouse serve` runs it, with its evaluation identity provider, and upstreams: one that anybody may use, two that act only with an account of
// the caller's own.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { stringify } from 'yaml'
import { serve } from '../../src/cli/serve.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Snapshot } from '../../src/config/schema.ts'
import { startRecorder } from '../attacks/world.ts'
import { startAuthorizationServer, type UpstreamAs } from '../connect/authorization-server.ts'
import { startGuarded } from '../connect/guarded-upstream.ts'
import { freePort } from '../support/free-port.ts'
import type { HttpUpstream } from '../support/upstreams/http-upstream.ts'

export type BrowserWorld = {
  readonly dataDir: string
  /** public URL of the gateway */
  readonly url: string
  readonly providerUrl: string
  readonly configFile: string
  /** `calendar` wants nothing; `notes`: wants an account of its authorization server; `tickets`: wants a secret */
  readonly notes: HttpUpstream
  readonly as: UpstreamAs
  /** audit events on disk, oldest first */
  events(): Record<string, any>[]
  /** what people did at pages, in order: `sign-in alice` */
  deeds(): string[]
  readonly lines: string[]
  stop(): Promise<void>
}

export type WorldOptions = {
  /** ports of gateway and provider; default free ones */
  readonly ports?: readonly [number, number]
  /** as people and hosts name the gateway; default 127.0.0.1. Under `localhost` it is another site than everything else here, cookies and all */
  readonly hostname?: string
  /** settings of the gateway's own authorization server */
  readonly server?: Readonly<Record<string, unknown>>
  /** merged over the configuration; see `upstreams` */
  readonly config?: Readonly<Record<string, unknown>>
  /** beside the three that are always there */
  readonly upstreams?: Readonly<Record<string, unknown>>
  /** who there is at the evaluation provider; default alice, in `staff`, and bob */
  readonly users?: readonly { readonly name: string; readonly groups?: readonly string[] }[]
  /** called with what was loaded, right before the gateway starts: files beside the configuration and in the data directory */
  readonly prepare?: (snapshot: Snapshot) => void
  /** of its own certificate; the public URL is then https */
  readonly tls?: { readonly cert: string; readonly key: string }
}

const USERS = [{ name: 'alice', groups: ['staff'] }, { name: 'bob' }]

/** The secret that the ticket system takes. */
export const TICKET_SECRET = 'a-secret-of-alice'

export async function startBrowserWorld({
  ports,
  hostname,
  server = {},
  config = {},
  upstreams: more = {},
  users = USERS,
  prepare,
  tls,
}: WorldOptions = {}): Promise<BrowserWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-browser-'))
  const dataDir = join(folder, 'data')
  mkdirSync(dataDir, { mode: 0o700 })
  const [port, providerPort] = ports ?? [await freePort(), await freePort()]
  const refs: { notes?: HttpUpstream } = {}
  const as = await startAuthorizationServer({ resources: () => ({ [refs.notes?.url ?? '']: 'notes.read notes.write' }) })
  const notes = (refs.notes = await startGuarded({ check: token => as.check(token), issuers: () => [as.issuer], challenge: 'notes.read' }))
  const tickets = await startGuarded({
    check: async token => (token === TICKET_SECRET ? { account: 'alice', scopes: [] } : undefined),
    issuers: () => [],
  })
  const calendar = await startRecorder()
  const everybody = [{ subjects: ['*'], tools: ['*'] }]
  const file = join(folder, 'gatehouse.yaml')
  const document = {
    version: 1,
    listen: `127.0.0.1:${port}`,
    dataDir,
    ...(hostname !== undefined && { publicUrl: `http://${hostname}:${port}` }),
    ...(tls && { tls }),
    identity: {
      authorizationServer: server,
      evaluation: { port: providerPort, users },
    },
    operators: ['alice'],
    outbound: { allow: [new URL(as.issuer).host] },
    admission: 'configured',
    upstreams: {
      calendar: { title: 'Company calendar', http: { url: calendar.url }, allow: everybody },
      notes: { title: 'Team notes', http: { url: notes.url }, credential: { kind: 'oauth' }, allow: everybody },
      tickets: { title: 'Ticket system', http: { url: tickets.url }, credential: { kind: 'secret' }, allow: everybody },
    },
    ...config,
  }
  Object.assign(document.upstreams, more)
  writeFileSync(file, stringify(document, { aliasDuplicateObjects: false }), { mode: 0o600 })
  const loaded = await loadConfig(file)
  if (!loaded.ok) throw new Error(loaded.faults.map(fault => fault.message).join('\n'))
  prepare?.(loaded.snapshot)
  const lines: string[] = []
  const running = await serve(loaded.snapshot, line => void lines.push(line))
  const events = (): Record<string, any>[] =>
    readdirSync(join(dataDir, 'audit'))
      .filter(name => name.endsWith('.jsonl'))
      .sort()
      .flatMap(name =>
        readFileSync(join(dataDir, 'audit', name), 'utf8')
          .split('\n')
          .filter(Boolean),
      )
      .map(line => JSON.parse(line) as Record<string, any>)
  return {
    url: loaded.snapshot.publicUrl,
    dataDir,
    providerUrl: `http://127.0.0.1:${providerPort}`,
    configFile: file,
    notes,
    as,
    events,
    deeds: () =>
      events()
        .filter(({ subject }) => String(subject?.method).startsWith('person/'))
        .map(({ subject, principal }) => `${String(subject.method).slice('person/'.length)} ${principal.subject}`),
    lines,
    async stop() {
      await running.stop()
      await Promise.all([notes.close(), calendar.close(), tickets.close(), as.close()])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** From the gateway's sign-in page to the provider's, and back as this user. */
export async function signIn(page: Page, user: string): Promise<void> {
  await page.getByRole('link', { name: 'Continue to' }).click()
  await page.getByRole('button', { name: `Sign in as ${user}` }).click()
}
