// What a command line fetches when it starts, without saying exactly what: whoever publishes the next version runs code here that nobody reviewed.

/**
 * The package or image that a command would fetch without an exact version or digest, as it is written; undefined where nothing is fetched, or all of it
 * is pinned. Every word may begin a command, so that no wrapper or shell hides one; what cannot be told for sure is not pinned.
 */
export function unpinnedIn(words: readonly string[]): string | undefined {
  for (const [i, word] of words.entries()) {
    const inner = isShell(words.slice(0, i)) && /\s/.test(word) ? unpinnedIn(word.split(BREAK).filter(Boolean)) : undefined
    const found = inner ?? loose(baseName(word), words.slice(i + 1))
    if (found !== undefined) return found
  }
  return undefined
}

/** File name of a program in lower case, without the endings of Windows. */
export const baseName = (command: string): string =>
  (command.split(/[\\/]/).at(-1) ?? '').toLowerCase().replace(/\.(?:exe|cmd|bat|ps1)$/, '')

export const SHELLS: ReadonlySet<string> = new Set(['sh', 'bash', 'zsh', 'dash', 'ksh', 'fish', 'cmd', 'powershell', 'pwsh'])
const isShell = (words: readonly string[]): boolean => words.some(word => SHELLS.has(baseName(word)))
/** Where a script may begin another command. */
const BREAK = /[\s;&|()`'"]+/

/** npm: nothing else is one version. */
const NPM = /^(?:@[\w.-]+\/)?[\w.-]+@\d+\.\d+\.\d+(?:[-+][\w.+-]+)?$/
const PYTHON = /^[\w.-]+(?:\[[\w,.-]+\])?(?:==|@)\d[\w.!+-]*$/
const GO = /^[\w./-]+@v\d+\.\d+\.\d+[\w.+-]*$/
const DENO = /^(?:npm|jsr):\/?(?:@[\w.-]+\/)?[\w.-]+@\d+\.\d+\.\d+(?:[-+][\w.+-]+)?(?:\/.*)?$/
const IMAGE = /@sha256:[0-9a-f]{64}$/
const LOCAL = /^(?:\.|\/|~|[A-Za-z]:\\)/

type Runner = {
  readonly exact: RegExp
  /** options whose value is a package of its own */
  readonly packages: ReadonlySet<string>
  /** options with a value that is none, and options without a value; any other makes it unsure */
  readonly values?: ReadonlySet<string>
  readonly flags: ReadonlySet<string>
  /** the first word that is no option is no package where one was named by an option, or never */
  readonly first: 'package' | 'unless-named' | 'program'
}
const set = (...names: readonly string[]): ReadonlySet<string> => new Set(names)

const NODE_RUNNER: Runner = {
  exact: NPM,
  packages: set('-p', '--package'),
  flags: set(
    '-y',
    '--yes',
    '-q',
    '--quiet',
    '--no',
    '--no-install',
    '--silent',
    '--bun',
    '--ignore-existing',
    '--prefer-offline',
    '--offline',
  ),
  first: 'unless-named',
}
const UV_VALUES = set('-p', '--python', '--directory', '--project', '--env-file', '--cache-dir')
const UV_FLAGS = set(
  '-q',
  '--quiet',
  '-n',
  '--no-cache',
  '--isolated',
  '--offline',
  '--no-config',
  '--native-tls',
  '--frozen',
  '--locked',
  '--no-sync',
  '--no-dev',
)
const UVX: Runner = { exact: PYTHON, packages: set('--from', '--with'), values: UV_VALUES, flags: UV_FLAGS, first: 'unless-named' }
const UV_RUN: Runner = { ...UVX, first: 'program' }
const PIPX: Runner = {
  exact: PYTHON,
  packages: set('--spec'),
  values: set('--python'),
  flags: set('-q', '--quiet', '--no-cache'),
  first: 'unless-named',
}
const GO_RUN: Runner = { exact: GO, packages: set(), values: set('-C'), flags: set('-mod=mod', '-trimpath'), first: 'package' }

/** By program, and by its verb where it has one. */
const RUNNERS: Readonly<Record<string, Runner | Readonly<Record<string, Runner>>>> = {
  npx: NODE_RUNNER,
  pnpx: NODE_RUNNER,
  bunx: NODE_RUNNER,
  npm: { exec: NODE_RUNNER, x: NODE_RUNNER },
  pnpm: { dlx: NODE_RUNNER },
  yarn: { dlx: NODE_RUNNER },
  bun: { x: NODE_RUNNER },
  uvx: UVX,
  uv: { tool: UVX, run: UV_RUN },
  pipx: { run: PIPX },
  go: { run: GO_RUN },
}

function loose(program: string, args: readonly string[]): string | undefined {
  if (CONTAINERS.has(program)) return looseImage(program, args)
  if (program === 'deno') return args.find(word => /^(?:npm|jsr|https?):/.test(word) && !DENO.test(word))
  const found = Object.hasOwn(RUNNERS, program) ? RUNNERS[program] : undefined
  if (!found) return undefined
  if ('exact' in found) return looseWith(found as Runner, program, args)
  const [verb = '', ...rest] = args
  const runner = Object.hasOwn(found, verb) ? found[verb] : undefined
  // `uv tool run`
  return runner && looseWith(runner, `${program} ${verb}`, program === 'uv' && verb === 'tool' ? rest.slice(1) : rest)
}

function looseWith(runner: Runner, called: string, args: readonly string[]): string | undefined {
  const isExact = (name: string): boolean => runner.exact.test(name)
  let hasNamed = false
  for (let i = 0; i < args.length; i += 1) {
    const word = args[i] ?? ''
    if (word === '--') continue
    const [option = '', ...value] = word.split('=')
    if (!word.startsWith('-')) {
      if (runner.first === 'program' || (runner.first === 'unless-named' && hasNamed) || LOCAL.test(word)) return undefined
      return isExact(word) ? undefined : word
    }
    if (runner.packages.has(option)) {
      const names = (value.length > 0 ? value.join('=') : (args[(i += 1)] ?? '')).split(',')
      const open = names.find(name => !isExact(name))
      if (open !== undefined) return open === '' ? `${called} ${word}` : open
      hasNamed = true
    } else if (runner.values?.has(option) === true) i += value.length > 0 ? 0 : 1
    else if (!runner.flags.has(word)) return `${called} ${word}`
  }
  return undefined
}

const CONTAINERS: ReadonlySet<string> = new Set(['docker', 'podman', 'nerdctl'])
/** Options of `run` without and with a value; any other makes it unsure which word is the image. */
const BARE = set('--detach', '--init', '--interactive', '--privileged', '--quiet', '--read-only', '--rm', '--tty')
const VALUED = set(
  ...['-e', '--env', '--env-file', '-v', '--volume', '--mount', '--tmpfs', '-p', '--publish', '--name', '-h', '--hostname', '-u', '--user'],
  ...[
    '-w',
    '--workdir',
    '--network',
    '--net',
    '--add-host',
    '--dns',
    '--entrypoint',
    '-m',
    '--memory',
    '--cpus',
    '--pids-limit',
    '--ulimit',
  ],
  ...[
    '--shm-size',
    '-l',
    '--label',
    '--platform',
    '--pull',
    '--security-opt',
    '--cap-add',
    '--cap-drop',
    '--gpus',
    '--device',
    '--ipc',
    '--pid',
  ],
  ...['--userns', '--restart', '--stop-timeout', '--log-driver', '--log-opt'],
)

/** The image, where no digest names it; other verbs run what somebody else has put there under a name. */
function looseImage(program: string, [verb = '', ...args]: readonly string[]): string | undefined {
  if (['exec', 'start', 'compose', 'container', 'stack'].includes(verb)) return `${program} ${verb}`
  if (verb.startsWith('-')) return `${program} ${verb}`
  if (verb !== 'run' && verb !== 'create') return undefined
  for (let i = 0; i < args.length; i += 1) {
    const word = args[i] ?? ''
    if (!word.startsWith('-')) return IMAGE.test(word) ? undefined : word
    if (BARE.has(word) || word.includes('=') || /^-[itdq]+$/.test(word)) continue
    if (!VALUED.has(word)) return `${program} ${verb} ${word}`
    i += 1
  }
  return `${program} ${verb}`
}
