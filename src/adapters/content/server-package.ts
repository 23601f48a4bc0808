// What a server.json says of how one of its packages is fetched and started: its source, and the arguments whose values are fixed.

import { deny, isDenial, shown, type Denial } from '../../trust/denial.ts'
import type { WantedArtifact } from '../../trust/content.ts'
import { readServerJson } from '../../trust/server-json.ts'
import { jsonAt, listAt, objectAt, reading, wrong, type Members } from '../../trust/shape.ts'

type PackageKind = 'npm' | 'pypi' | 'oci' | 'mcpb'
export type ServerPackage = {
  readonly kind: PackageKind
  readonly identifier: string
  /** '' where the kind has none of its own */
  readonly version: string
  /** as given; absent = whatever is configured */
  readonly registryBaseUrl?: string
  /** what follows the program, in order */
  readonly args: readonly string[]
}

const MAX_ARGUMENTS = 256
const MAX_ARGUMENT = 4096
const MAX_TEMPLATE = 65_536

/** The package that is wanted. Every word comes from a server.json that was verified, and is still only a word: no shell and no runner sees it. */
export function serverPackageOf({ server, packageIndex, artifact, ownArgs = [] }: WantedArtifact): ServerPackage | Denial {
  const document = readServerJson(server)
  if (isDenial(document)) return document
  if (document.artifacts[packageIndex]?.purl !== artifact.purl)
    return deny('server-mismatch', `server.json has no ${shown(artifact.purl)} as its package ${packageIndex}`)
  return reading(
    () => {
      const { packages } = objectAt(jsonAt(server, 'server.json'), 'server.json')
      const path = `packages[${packageIndex}]`
      const given = objectAt(listAt(packages, 'packages', 32)[packageIndex], path)
      const transport = objectAt(given['transport'] ?? {}, `${path}.transport`)['type']
      if (transport !== 'stdio') return deny('transport-other', `${path}.transport: expected stdio`)
      const runtime = whyNotRuntime(given['runtimeArguments'], path)
      if (runtime) return runtime
      const args = argumentsOf(given['packageArguments'], `${path}.packageArguments`, ownArgs.length > 0)
      if ('denied' in args) return args
      const { registryBaseUrl, version } = given
      if (registryBaseUrl !== undefined && typeof registryBaseUrl !== 'string')
        return deny('source-other', `${path}.registryBaseUrl: expected a URL`)
      return {
        // both were read by readServerJson
        kind: given['registryType'] as PackageKind,
        identifier: given['identifier'] as string,
        version: typeof version === 'string' ? version : '',
        ...(registryBaseUrl !== undefined && { registryBaseUrl }),
        args: [...args, ...ownArgs],
      }
    },
    detail => deny('server-mismatch', `server.json: ${detail}`),
  )
}

/** Words for a runner such as npx. There is none here, so only those that say nothing but "go on" are passed over. */
function whyNotRuntime(value: unknown, path: string): Denial | undefined {
  const others = listAt(value ?? [], `${path}.runtimeArguments`, MAX_ARGUMENTS).map((each, i) =>
    objectAt(each, `${path}.runtimeArguments[${i}]`),
  )
  const isSilent = ({ name, value: text }: Members): boolean =>
    ['-y', '--yes'].includes(String(name ?? text)) && (name === undefined || text === undefined || text === '')
  return others.every(isSilent)
    ? undefined
    : deny('argument-other', `${path}.runtimeArguments: expected none but \`-y\`, as nothing stands between the gateway and the program`)
}

function argumentsOf(value: unknown, path: string, hasOwn: boolean): readonly string[] | Denial {
  const args: string[] = []
  for (const [i, each] of listAt(value ?? [], path, MAX_ARGUMENTS).entries()) {
    const at = `${path}[${i}]`
    const given = objectAt(each, at)
    const text = fixedText(given, at)
    if (text === undefined) {
      // the operator's own arguments stand for all that are left open
      if (given['isRequired'] === true && !hasOwn) return deny('argument-open', `${at} is required, and left to whoever starts it`)
      continue
    }
    if (given['type'] === 'named') {
      const { name } = given
      if (typeof name !== 'string' || name === '') return deny('server-mismatch', `${at}: expected a name`)
      args.push(name)
    }
    args.push(text)
  }
  const isPlain = args.every(word => word.length <= MAX_ARGUMENT && !word.includes('\0'))
  return isPlain ? args : deny('server-mismatch', `${path}: expected words of at most ${MAX_ARGUMENT} characters without NUL`)
}

/** A value as server.json fixes it, with its variables where they are fixed too; undefined = left open. */
function fixedText(given: Members, path: string): string | undefined {
  const { value, default: fallback } = given
  if (typeof value !== 'string') return typeof fallback === 'string' ? fallback : undefined
  const variables = objectAt(given['variables'] ?? {}, `${path}.variables`)
  const open: string[] = []
  let length = value.length
  const text = value.replaceAll(/\{([^{}]*)\}/g, (whole, name: string) => {
    if (!Object.hasOwn(variables, name)) return whole
    const fixed = fixedText({ ...objectAt(variables[name], `${path}.variables`), variables: {} }, path)
    if (fixed === undefined) open.push(name)
    length += fixed?.length ?? 0
    // A variable can be long and named often: what is too long is not put together first.
    if (length > MAX_TEMPLATE) throw wrong(path, `at most ${MAX_TEMPLATE} characters with what its variables stand for`)
    return fixed ?? ''
  })
  return open.length > 0 ? undefined : text
}
