// How a verified version is started or reached: which of its packages or remotes, with which variables and headers. Nothing that its server.json does not declare.

import { deny, isDenial, shown, type Denial } from './denial.ts'
import { readServerJson, type NeededArtifact } from './server-json.ts'
import { jsonAt, listAt, objectAt, reading, textAt, VISIBLE, wrong, type Members } from './shape.ts'

type PackageKind = 'npm' | 'mcpb' | 'pypi' | 'oci'

/** What the configuration says beside name and version. */
export type LaunchChoice = {
  readonly package?: PackageKind | 'remote'
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
  /** a variable that each caller's own secret goes into */
  readonly ownEnv?: string
}

export type Launch =
  | {
      readonly kind: PackageKind
      /** which of its `packages` */
      readonly packageIndex: number
      readonly artifact: NeededArtifact
      readonly env: Readonly<Record<string, string>>
    }
  | { readonly kind: 'http' | 'sse'; readonly url: string; readonly headers: Readonly<Record<string, string>> }

/** One declared variable or header. */
type Input = { readonly name: string; readonly value?: string; readonly fallback?: string; readonly isRequired: boolean }

/** What loads other code into a process, or finds another program: nobody's server.json says what it is, and no pin needs it. */
const LOADERS =
  /^(?:LD_\w*|DYLD_\w*|NODE_OPTIONS|NODE_PATH|NODE_EXTRA_CA_CERTS|NODE_TLS_REJECT_UNAUTHORIZED|NODE_REPL_EXTERNAL_MODULE|OPENSSL_CONF|OPENSSL_MODULES|OPENSSL_ENGINES|GCONV_PATH|PYTHON\w*|PERL\w*|RUBY\w*|JAVA_TOOL_OPTIONS|BASH_ENV|ENV|IFS|PATH|HOME|SHELL|npm_config_\w*)$/i
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/
/** Headers that belong to the gateway or to the connection (RFC 9110 section 7.6.1, MCP 2026-07-28 streamable-http). */
const OWN_HEADERS =
  /^(?:accept|accept-encoding|connection|content-.*|expect|host|keep-alive|last-event-id|mcp-.*|origin|proxy-.*|te|trailer|transfer-encoding|traceparent|tracestate|upgrade|__proto__)$/i
const HEADER_VALUE = /^[\t -~\u0080-\u00ff]*$/
const MAX_INPUTS = 256

/** INVARIANT: the bytes are those that were verified. */
export function launchOf(serverJson: Buffer, choice: LaunchChoice): Launch | Denial {
  const document = readServerJson(serverJson)
  if (isDenial(document)) return document
  return reading(
    () => {
      const json = objectAt(jsonAt(serverJson, 'server.json'), 'server.json')
      const packages = listOf(json, 'packages')
      const remotes = listOf(json, 'remotes')
      const places = [
        ...packages.map((given, at) => ({ kind: given['registryType'] as PackageKind, given, at })),
        ...remotes.map((given, at) => ({ kind: 'remote' as const, given, at })),
      ]
      const named = places.filter(({ kind }) => choice.package === undefined || kind === choice.package)
      const [place, another] = named
      if (!place)
        return deny(
          'launch-choice',
          `its server.json has no ${choice.package === undefined ? 'package and no remote' : `\`${choice.package}\``}`,
        )
      if (another)
        return deny('launch-choice', `its server.json leaves a choice: ${[...new Set(named.map(({ kind }) => shown(kind)))].join(', ')}`)
      if (place.kind === 'remote') return remoteOf(place.given, `remotes[${place.at}]`, choice)
      const artifact = document.artifacts[place.at]
      return artifact ? packageOf(place, artifact, choice) : deny('artifact-unsupported', 'it is no package')
    },
    detail => deny('server-mismatch', `server.json: ${detail}`),
  )
}

const listOf = (json: Members, key: string): readonly Members[] =>
  listAt(json[key] ?? [], key, 32).map((each, i) => objectAt(each, `${key}[${i}]`))

type Place = { readonly kind: PackageKind; readonly given: Members; readonly at: number }
function packageOf({ kind, given, at }: Place, artifact: NeededArtifact, choice: LaunchChoice): Launch | Denial {
  const path = `packages[${at}]`
  const transport = objectAt(given['transport'], `${path}.transport`)['type']
  if (transport !== 'stdio')
    return deny('launch-choice', 'a package is started as a process that speaks on standard input and output alone')
  const declared = inputsOf(given['environmentVariables'], `${path}.environmentVariables`)
  if (Object.keys(choice.headers).length > 0) return deny('launch-mismatch', '`headers` are for remotes, and this is a package')
  const refused = declared.find(
    ({ name, value, fallback }) => !ENV_NAME.test(name) || (LOADERS.test(name) && (value ?? fallback) !== undefined),
  )
  if (refused) return deny('launch-mismatch', `the variable ${shown(refused.name)} is set by nobody: it loads other code into a process`)
  const own = choice.ownEnv
  if (own !== undefined && !declared.some(({ name }) => name === own))
    return deny('launch-mismatch', `the variable ${shown(own)} is not declared`)
  const env = valuesOf(
    declared.filter(({ name }) => name !== own),
    choice.env,
    { what: 'variable', isSame: (a, b) => a === b },
  )
  if (isDenial(env)) return env
  const loader = Object.keys(env.values).find(name => LOADERS.test(name))
  if (loader !== undefined)
    return deny('launch-mismatch', `the variable ${shown(loader)} is set by nobody: it loads other code into a process`)
  return { kind, packageIndex: at, artifact, env: env.values }
}

function remoteOf(given: Members, path: string, choice: LaunchChoice): Launch | Denial {
  const type = given['type']
  if (type !== 'streamable-http' && type !== 'sse') return deny('launch-choice', `${path}.type: expected streamable-http or sse`)
  const url = textAt(given['url'], `${path}.url`, VISIBLE)
  // Exactly what was signed: no template, no user, https alone.
  const parsed = URL.parse(url)
  if (parsed?.protocol !== 'https:' || /[{}]/.test(url) || parsed.username !== '' || parsed.password !== '')
    return deny('remote-mismatch', `${path}.url: expected one https URL without variables`)
  if (Object.keys(choice.env).length > 0 || choice.args.length > 0 || choice.ownEnv !== undefined)
    return deny('launch-mismatch', 'variables and arguments are for processes, and this is a remote')
  const declared = inputsOf(given['headers'], `${path}.headers`)
  const refused = declared.find(({ name }) => !HEADER_NAME.test(name) || OWN_HEADERS.test(name))
  if (refused) return deny('launch-mismatch', `the header ${shown(refused.name)} is the gateway’s own`)
  const headers = valuesOf(declared, choice.headers, { what: 'header', isSame: (a, b) => a.toLowerCase() === b.toLowerCase() })
  if (isDenial(headers)) return headers
  const bad = Object.entries(headers.values).find(([, value]) => !HEADER_VALUE.test(value))
  if (bad) return deny('launch-mismatch', `the header ${shown(bad[0])} cannot be sent`)
  return { kind: type === 'sse' ? 'sse' : 'http', url, headers: headers.values }
}

function inputsOf(value: unknown, path: string): readonly Input[] {
  return listAt(value ?? [], path, MAX_INPUTS).map((each, i) => {
    const at = `${path}[${i}]`
    const given = objectAt(each, at)
    const [fixed, fallback] = (['value', 'default'] as const).map(key => {
      const text = given[key]
      if (text !== undefined && (typeof text !== 'string' || text.length > 4096 || text.includes('\0')))
        throw wrong(`${at}.${key}`, 'text of at most 4096 characters')
      return text
    })
    return {
      name: textAt(given['name'], `${at}.name`, VISIBLE),
      isRequired: given['isRequired'] === true,
      // A template waits for somebody to fill it in: that is the configuration's to say.
      ...(fixed !== undefined && !fixed.includes('{') && { value: fixed }),
      ...(fallback !== undefined && { fallback }),
    }
  })
}

type Naming = { readonly what: 'variable' | 'header'; readonly isSame: (a: string, b: string) => boolean }

/** What was signed stands; what it leaves open the configuration says, then its own default. */
function valuesOf(
  declared: readonly Input[],
  given: Readonly<Record<string, string>>,
  { what, isSame }: Naming,
): { readonly values: Readonly<Record<string, string>> } | Denial {
  const strange = Object.keys(given).find(name => !declared.some(input => isSame(input.name, name)))
  if (strange !== undefined) return deny('launch-mismatch', `the ${what} ${shown(strange)} is not declared by the signed server.json`)
  const values: (readonly [string, string])[] = []
  for (const { name, value, fallback, isRequired } of declared) {
    const said = Object.entries(given).find(([key]) => isSame(key, name))?.[1]
    if (value !== undefined && said !== undefined) return deny('launch-mismatch', `the ${what} ${shown(name)} has a value that was signed`)
    const chosen = value ?? said ?? fallback
    if (chosen === undefined && isRequired) return deny('launch-incomplete', `the ${what} ${shown(name)} has no value`)
    if (chosen !== undefined) values.push([name, chosen])
  }
  return { values: Object.fromEntries(values) }
}
