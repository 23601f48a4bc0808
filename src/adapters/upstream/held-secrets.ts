// Whether an upstream shows what it was given to recognise its caller: a credential that stands in an answer would go on to the host, and into its logs and model.
//
// It is a guard against careless servers (an error that repeats the key it was given, an `env` tool): a hostile one knows the credential anyway and can
// write it in ways nobody finds. Shorter secrets than SHORTEST are not searched: they would stand in ordinary words.

import type { CallerCredential } from '../../bridge/upstream.ts'
import type { UpstreamTransport } from '../../config/schema.ts'
import { isSecretName } from '../telemetry/redact.ts'

const SHORTEST = 8

type Needles = { readonly secret: string; readonly now: readonly Buffer[]; readonly before: readonly Buffer[] }

/** Of one upstream. Without a credential nothing is searched; with one, its bytes once in each message (about 1 ms of CPU for 1 MB). */
export class HeldSecrets {
  readonly #fixed: readonly Buffer[]
  readonly #own = new WeakMap<CallerCredential, Needles>()

  constructor(transport: UpstreamTransport) {
    const given = transport.kind === 'stdio' ? transport.env : transport.headers
    this.#fixed = Object.entries(given).flatMap(([name, value]) => (isSecretName(name) ? formsOf(credentialIn(value)) : []))
  }

  /** True when the configured secrets of this upstream, or this caller's own, stand in a message as they are or as JSON writes them. */
  standIn(message: Buffer, credential: CallerCredential | undefined): boolean {
    return this.#fixed.some(needle => message.includes(needle)) || this.ownStandsIn(message, credential)
  }

  /** The caller's own alone: configured ones are taken out of errors by value (pipeline/error-text.ts). */
  ownStandsIn(message: Buffer, credential: CallerCredential | undefined): boolean {
    if (!credential) return false
    const { now, before } = this.#needlesOf(credential)
    return [...now, ...before].some(needle => message.includes(needle))
  }

  /** A call that began before a refresh was sent with the one before. */
  #needlesOf(credential: CallerCredential): Needles {
    const secret = credential.secret()
    const known = this.#own.get(credential)
    if (known?.secret === secret) return known
    const needles = { secret, now: formsOf(secret), before: known?.now ?? [] }
    this.#own.set(credential, needles)
    return needles
  }
}

/** The part of `Bearer x` that is worth hiding. */
const credentialIn = (value: string): string => /^[A-Za-z][\w-]* +(\S+)$/.exec(value)?.[1] ?? value

/** As it is, inside a JSON string, and there with slashes escaped, as some languages do. */
function formsOf(secret: string): readonly Buffer[] {
  if (secret.length < SHORTEST) return []
  const json = JSON.stringify(secret).slice(1, -1)
  return [...new Set([secret, json, json.replaceAll('/', String.raw`\/`)])].map(form => Buffer.from(form))
}
