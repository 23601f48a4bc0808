// What deserves a second look in a command before it is run: R44 of the requirements (show it exactly, highlight dangerous patterns).

/** Concerns about a command line and the names of its environment variables, in words; empty = nothing stands out. Not a sandbox and no proof of harmlessness. */
export function launchConcerns(commandLine: readonly string[], envNames: readonly string[] = []): readonly string[] {
  const [command = '', ...args] = commandLine
  const program = baseName(command)
  const concerns: string[] = []
  const add = (concern: string): void => void concerns.push(concern)
  const unpinned = unpinnedPackage(program, args)
  if (unpinned !== undefined)
    add(`fetches \`${shown(unpinned)}\` at every start without a version: whoever publishes the next one runs code here`)
  if (SHELLS.has(program) && args.some(arg => /^-[a-z]*c$|^\/c$/i.test(arg)))
    add(`runs \`${program}\`, which reads its argument as a script`)
  if (/\|\s*(?:\w*\/)*(?:ba|z|da|k)?sh\b/.test(args.join(' ')) || /\b(?:curl|wget)\b.*\|/.test(args.join(' ')))
    add('pipes something fetched from the network into a program')
  if (program === 'sudo' || program === 'doas' || program === 'su') add(`runs with the rights of another user (\`${program}\`)`)
  if (INTERPRETERS.test(program) && args.some(arg => /^(?:-e|-c|--eval|-p|--print)$/.test(arg)))
    add(`runs code that stands on the command line (\`${program}\`)`)
  if (program === 'docker' || program === 'podman') containerConcerns(args, add)
  const injected = envNames.filter(name =>
    /^(?:LD_PRELOAD|LD_LIBRARY_PATH|LD_AUDIT|DYLD_\w+|NODE_OPTIONS|PYTHONSTARTUP|PYTHONPATH|PERL5OPT|RUBYOPT|JAVA_TOOL_OPTIONS|BASH_ENV|ENV|PATH)$/.test(
      name,
    ),
  )
  if (injected.length > 0) add(`sets ${injected.map(name => `\`${name}\``).join(', ')}, which can load other code into the process`)
  return concerns
}

const SHELLS = new Set(['sh', 'bash', 'zsh', 'dash', 'ksh', 'fish', 'cmd', 'powershell', 'pwsh'])
const INTERPRETERS = /^(?:node|deno|bun|python[0-9.]*|perl|ruby|php)$/

function containerConcerns(args: readonly string[], add: (concern: string) => void): void {
  if (args.includes('--privileged')) add('runs a privileged container, which is no confinement')
  if (args.some(arg => arg.includes('docker.sock'))) add('hands the container control of the container engine')
  if (args.some(arg => /^(?:--volume=|-v=?)?\/:/.test(arg))) add('hands the container the whole file system')
  if (args.some(arg => /^--(?:net|network|pid)=host$/.test(arg))) add('shares the machine’s network or processes with the container')
}

/** The package a runner such as npx would fetch without a version, or undefined. */
function unpinnedPackage(program: string, args: readonly string[]): string | undefined {
  // Windows wraps: cmd /c npx -y name
  if (program === 'cmd') {
    const [flag, inner = '', ...rest] = args
    return flag?.toLowerCase() === '/c' ? unpinnedPackage(baseName(inner), rest) : undefined
  }
  const rest = runnerArguments(program, args)
  if (!rest) return undefined
  const named = rest.findIndex(arg => /^(?:-p|--package|--from)$/.test(arg))
  const name = named >= 0 ? rest[named + 1] : rest.find(arg => !arg.startsWith('-'))
  if (name === undefined || /^(?:\.|\/|~|[A-Za-z]:\\)/.test(name)) return undefined
  return /.(?:@|==)v?\d/.test(name) ? undefined : name
}

function runnerArguments(program: string, args: readonly string[]): readonly string[] | undefined {
  if (['npx', 'bunx', 'uvx', 'pipx'].includes(program)) return program === 'pipx' && args[0] === 'run' ? args.slice(1) : args
  const verb = { npm: 'exec', pnpm: 'dlx', yarn: 'dlx', bun: 'x', uv: 'tool' }[program]
  if (verb === undefined || args[0] !== verb) return undefined
  return verb === 'tool' ? args.slice(2) : args.slice(1)
}

const baseName = (command: string): string => (command.split(/[\\/]/).at(-1) ?? '').toLowerCase().replace(/\.(?:exe|cmd|bat|ps1)$/, '')
const shown = (word: string): string => word.slice(0, 100)
