// What deserves a second look in a command before it is run: R44 of the requirements (show it exactly, highlight dangerous patterns).

import { baseName, SHELLS, unpinnedIn } from './unpinned.ts'

/** Concerns about a command line and the names of its environment variables, in words; empty = nothing stands out. Not a sandbox and no proof of harmlessness. */
export function launchConcerns(commandLine: readonly string[], envNames: readonly string[] = []): readonly string[] {
  const [command = '', ...args] = commandLine
  const program = baseName(command)
  const concerns: string[] = []
  const add = (concern: string): void => void concerns.push(concern)
  const unpinned = unpinnedIn(commandLine)
  if (unpinned !== undefined)
    add(`starts \`${shown(unpinned)}\` without an exact version or digest: whoever publishes the next one runs code here`)
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

const INTERPRETERS = /^(?:node|deno|bun|python[0-9.]*|perl|ruby|php)$/

function containerConcerns(args: readonly string[], add: (concern: string) => void): void {
  if (args.includes('--privileged')) add('runs a privileged container, which is no confinement')
  if (args.some(arg => arg.includes('docker.sock'))) add('hands the container control of the container engine')
  if (args.some(arg => /^(?:--volume=|-v=?)?\/:/.test(arg))) add('hands the container the whole file system')
  if (args.some(arg => /^--(?:net|network|pid)=host$/.test(arg))) add('shares the machine’s network or processes with the container')
}

const shown = (word: string): string => word.slice(0, 100)
