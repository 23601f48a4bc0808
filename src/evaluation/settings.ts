// What the evaluation identity provider is told by the gateway, and when it refuses to run.

import { isLoopback } from '../config/addresses.ts'
import { endpointScopes, resourcePlans } from '../config/endpoints.ts'
import { evaluationIssuer, LOGIN_CALLBACK, type EvaluationSettings, type Snapshot } from '../config/schema.ts'

/** Everything the provider needs; crosses the process boundary as JSON. */
export type ProviderSettings = {
  /** on 127.0.0.1 */
  readonly port: number
  readonly users: EvaluationSettings['users']
  /** the gateway's endpoints, the only audiences tokens are minted for, each with the scopes there are at it */
  readonly resources: readonly { readonly resource: string; readonly scopes: readonly string[] }[]
  /** absolute; keys, registered clients and the command line's secret live in its `evaluation` folder */
  readonly dataDir: string
  /** where the gateway listens and is reached; both must be loopback */
  readonly gateway: { readonly host: string; readonly publicUrl: string }
  /** where people who sign in at the gateway are sent back to; absent where it does not ask this provider */
  readonly loginCallback?: string
  /** look up clients that identify themselves with a URL (client ID metadata documents); default true, needs the internet */
  readonly clientDocuments?: boolean
}

/** Settings for this configuration, or undefined where it names no evaluation provider. */
export function providerSettings(snapshot: Snapshot): ProviderSettings | undefined {
  const { evaluation, publicUrl, dataDir, listen } = snapshot
  if (!evaluation) return undefined
  return {
    port: evaluation.port,
    users: evaluation.users,
    resources: resourcePlans(snapshot).map(plan => ({
      resource: publicUrl + plan.path,
      scopes: endpointScopes(snapshot, plan, MAX_SCOPES),
    })),
    dataDir,
    gateway: { host: listen.host, publicUrl },
    ...(snapshot.login?.issuer === evaluationIssuer(evaluation.port) && { loginCallback: publicUrl + LOGIN_CALLBACK }),
  }
}

/** Why it must not run, or undefined. It asks for no password, so whoever reaches it is everybody. */
export function refusalOf({ gateway, resources }: ProviderSettings, nodeEnv: string | undefined): string | undefined {
  const mend = 'configure `identity.issuers` and take `identity.evaluation` out'
  if (nodeEnv === 'production') return `the evaluation identity provider does not run with NODE_ENV=production: ${mend}`
  if (!isLoopback(gateway.host))
    return `the evaluation identity provider runs only beside a gateway that listens on loopback, not on ${gateway.host}: ${mend}`
  const urls = [gateway.publicUrl, ...resources.map(({ resource }) => resource)]
  const outside = urls.find(url => !isLoopback(URL.parse(url)?.hostname ?? ''))
  return outside === undefined
    ? undefined
    : `the evaluation identity provider issues no tokens for ${outside}, which is not on loopback: ${mend}`
}

export const issuerOf = (settings: ProviderSettings): string => evaluationIssuer(settings.port)

/** Words for the log, once at every start. */
export const WARNING =
  'FOR EVALUATION ONLY: this identity provider asks for no passwords; whoever can open its page on this machine can be any of its users'

/** In every token, and worth nothing by itself: a token of an endpoint without upstreams has a scope too. */
export const SCOPE = 'mcp'
/** Scopes of one endpoint that are offered; a token has to fit into a header. */
const MAX_SCOPES = 200
export const TOKEN_SECONDS = 600
/** Where command lines ask for tokens (mint.ts). */
export const MINT_PATH = '/evaluation/token'

/** Who may sign in (name to groups) and for what tokens are minted; replaced by a reload. */
export type Directory = {
  users: ReadonlyMap<string, readonly string[]>
  /** resource identifier to the scopes there are at it */
  resources: ReadonlyMap<string, readonly string[]>
}

/** What somebody gets who asks for `asked` at a resource: the scopes of it among them, or all of it where none is (RFC 6749 section 3.3). */
export function scopesFor({ resources }: Directory, resource: string, asked: readonly string[]): readonly string[] {
  const offered = resources.get(resource) ?? []
  const wanted = offered.filter(scope => asked.includes(scope))
  return [SCOPE, ...(wanted.length > 0 ? wanted : offered)]
}
