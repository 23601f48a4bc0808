// MCPB files: fetched from hosts that the configuration names, compared before they are opened, and started as their manifest says, as far as that leaves nothing open.

import { lstat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { deny, isDenial, shown, type Denial } from '../../trust/denial.ts'
import { jsonAt, listAt, objectAt, reading, textAt, type Members, type TextRule } from '../../trust/shape.ts'
import { namesOf } from './entries.ts'
import { run, type Installation } from './installation.ts'
import { readInstalled } from './read-installed.ts'
import { refusing } from './refusal.ts'
import { answerOf } from './source.ts'

const MAX_MANIFEST = 256 * 1024
const MAX_REDIRECTS = 3

/** How a bundle is started. `program`: path in the bundle of what is run; `args` follow it, with absolute paths. */
export type BundleLaunch = { readonly kind: 'node' | 'binary'; readonly program: string; readonly args: readonly string[] }

/** Fills the folder; answers with what has to be executable there. Never rejects. */
export async function installMcpb(install: Installation): Promise<readonly string[] | Denial> {
  const { wanted, folder } = install
  const bytes = await fetchBundle(install)
  if (isDenial(bytes)) return bytes
  const done = await run(install, { kind: 'bundle', bytes, sha256: wanted.digest, folder })
  if (done) return done
  const launch = await readBundle(folder)
  if (isDenial(launch)) return launch
  return launch.kind === 'binary' ? [launch.program] : []
}

/** Files of releases are usually a redirect away; each host on the way has to be one of those named. */
async function fetchBundle({ package: asked, sources, fetch, limits, budget }: Installation): Promise<Buffer | Denial> {
  let url = asked.identifier
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const target = URL.parse(url)
    if (target?.protocol !== 'https:') return deny('source-other', `${shown(url)} is not fetched: expected https`)
    if (!sources.mcpb.includes(target.host))
      return deny('source-other', `${shown(target.host)} is not among the hosts that MCPB files come from (\`registry.artifacts.mcpb\`)`)
    const what = `the MCPB file at ${shown(target.host)}`
    const answer = await answerOf(
      fetch,
      url,
      { what, maxBytes: limits.downloadBytes, timeoutMs: limits.downloadMs, headers: { accept: '*/*' } },
      budget,
    )
    if (isDenial(answer)) return answer
    if (answer.status === 200) return answer.body
    const isMoved = [301, 302, 303, 307, 308].includes(answer.status) && answer.location !== undefined
    if (!isMoved) return deny('artifact-unreachable', `${what}: it answered ${answer.status}`)
    url = URL.parse(answer.location ?? '', url)?.href ?? ''
  }
  return deny('artifact-unreachable', `the MCPB file: more than ${MAX_REDIRECTS} redirects`)
}

/** What the manifest of an unpacked bundle says. `folder` is absolute. */
export async function readBundle(folder: string): Promise<BundleLaunch | Denial> {
  const bytes = await readInstalled(join(folder, 'manifest.json'), MAX_MANIFEST)
  if (!bytes) return deny('manifest-invalid', 'the bundle has no manifest.json of at most 256 KiB')
  const launch = reading(
    () => launchOf(bytes, folder),
    detail => deny('manifest-invalid', detail),
  )
  if (isDenial(launch)) return launch
  const found = await lstat(join(folder, launch.program)).catch(() => undefined) // not there
  return found?.isFile() === true ? launch : deny('entry-point', `server.entry_point: the bundle has no file ${shown(launch.program)}`)
}

function launchOf(bytes: Buffer, folder: string): BundleLaunch | Denial {
  const { server: given } = objectAt(jsonAt(bytes, 'manifest.json'), 'manifest.json')
  const server = objectAt(given, 'server')
  const { type, entry_point: entryPoint } = server
  if (type !== 'node' && type !== 'binary') {
    const got = typeof type === 'string' ? shown(type) : 'none'
    return deny(
      'artifact-kind-unsupported',
      `the bundle has the signed SHA-256; bundles of type ${got} are not started: expected node or binary`,
    )
  }
  const program = typeof entryPoint === 'string' ? refusing(() => namesOf(Buffer.from(entryPoint)).join('/')) : undefined
  if (typeof program !== 'string') return deny('entry-point', 'server.entry_point: expected a path in the bundle')
  const entry = join(folder, program)
  const { command, args } = configOf(server, type, program)
  const words: string[] = []
  for (const [i, word] of [command, ...args].entries()) {
    const text = word.replaceAll('${__dirname}', folder).replaceAll('${/}', '/')
    if (text.includes('${')) return deny('argument-open', `server.mcp_config: ${shown(word)} is left to whoever starts it`)
    // a command such as `./server/run` starts in the bundle
    words.push(i === 0 && type === 'binary' ? resolve(folder, text) : text)
  }
  const [first, ...rest] = words
  if (type === 'binary')
    return first === entry
      ? { kind: type, program, args: rest }
      : deny('argument-other', 'server.mcp_config.command: expected the entry point')
  if (first !== 'node' || rest[0] !== entry)
    return deny('argument-other', 'server.mcp_config: expected `node` with the entry point as its first argument')
  return { kind: type, program, args: rest.slice(1) }
}

/** Command and arguments for this platform; without any, the entry point alone. */
function configOf(
  server: Members,
  type: 'node' | 'binary',
  program: string,
): { readonly command: string; readonly args: readonly string[] } {
  const entry = `\${__dirname}/${program}`
  const path = 'server.mcp_config'
  const plain = objectAt(server['mcp_config'] ?? {}, path)
  const overrides = objectAt(plain['platform_overrides'] ?? {}, `${path}.platform_overrides`)
  const config = { ...plain, ...objectAt(overrides[process.platform] ?? {}, `${path}.platform_overrides`) }
  const command = config['command'] ?? (type === 'node' ? 'node' : entry)
  const args = listAt(config['args'] ?? (type === 'node' ? [entry] : []), `${path}.args`, 256)
  const words = [command, ...args].map(word => textAt(word, path, WORD))
  return { command: words[0] ?? '', args: words.slice(1) }
}

const WORD: TextRule = { pattern: /^[^\0]{1,4096}$/s, what: 'words of at most 4096 characters without NUL' }
