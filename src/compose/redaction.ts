// Values of the configuration that must never appear in a log line or an error.

import { createRedactor } from '../adapters/telemetry/redact.ts'
import type { Snapshot } from '../config/schema.ts'
import type { SinkSettings } from '../delivery/settings.ts'

export class Redaction {
  #secrets: readonly string[] = []
  #scrub = createRedactor([])

  constructor(snapshot: Snapshot) {
    this.configure(snapshot)
  }

  configure(snapshot: Snapshot): void {
    this.#secrets = secretsOf(snapshot)
    this.#scrub = createRedactor(this.#secrets)
  }
  readonly secrets = (): readonly string[] => this.#secrets
  /** takes secrets out of what upstreams say in errors (N106) */
  readonly scrub = (text: string): string => this.#scrub(text)
}

/**
 * What the configuration gives upstreams as headers, environment and credentials, shows issuers, sources of artifacts and collectors, where it tells of
 * approvals, and where audit events go.
 */
const secretsOf = ({
  issuers,
  login,
  authorizationServer,
  registry,
  approvals,
  audit,
  telemetry,
  upstreams,
}: Snapshot): readonly string[] => [
  ...issuers.flatMap(({ introspection }) => introspection?.clientSecret ?? []),
  ...[login?.clientSecret, ...(authorizationServer?.clients ?? []).map(({ secret }) => secret)].filter(secret => secret !== undefined),
  ...[registry.artifacts.npmAuthorization ?? []].flat().flatMap(value => [value, ...credentialIn(value)]),
  // Whoever knows the address of a chat's webhook writes into it.
  ...approvals.webhooks.map(({ url }) => url),
  ...[telemetry.traces, telemetry.metrics].flatMap(sent =>
    Object.values(sent?.headers ?? {}).flatMap(value => [value, ...credentialIn(value)]),
  ),
  ...audit.sinks.flatMap(secretsOfSink),
  ...[...upstreams.values()].flatMap(({ transport, credential }) => [
    ...('env' in transport ? Object.values(transport.env) : []),
    ...('headers' in transport ? Object.values(transport.headers).flatMap(value => [value, ...credentialIn(value)]) : []),
    ...[credential?.client, credential?.identityProvider?.client].flatMap(client => [client?.secret ?? [], client?.key ?? []].flat()),
  ]),
]

/** Addresses that let whoever knows them write, what is sent beside, and passwords as they stand in a URL and as they are. */
function secretsOfSink(sink: SinkSettings): readonly string[] {
  if (!('url' in sink)) return []
  const { password, search } = new URL(sink.url)
  const headers = 'headers' in sink ? Object.values(sink.headers).flatMap(value => [value, ...credentialIn(value)]) : []
  return [
    ...(sink.kind === 'redis' && password === '' ? [] : [sink.url]),
    ...(search.length > 1 ? [search.slice(1)] : []),
    ...(password === '' ? [] : [password, decodeURIComponent(password)]),
    ...headers,
  ]
}

/** The part of `Bearer x` that is worth hiding wherever it stands. */
const credentialIn = (value: string): string[] => /^[A-Za-z][\w-]* +(\S+)$/.exec(value)?.slice(1) ?? []
