// The tables of docs/collisions.md, from the room's own. Run as a program it writes them; a test compares.

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { COLLISION_RULES } from '../../src/collision/finding.ts'
import { HOSTS } from '../../src/collision/host-commands.ts'

const codes = (): string =>
  [
    '| code | what it says: the later … the earlier | severity | |',
    '|---|---|---|---|',
    ...COLLISION_RULES.map(({ code, says, severity, disposition }) => `| \`${code}\` | ${says} | ${severity} | ${disposition} |`),
  ].join('\n')

const hosts = (): string =>
  [
    '| host | shows a prompt | own commands | from | as of |',
    '|---|---|---|---|---|',
    ...HOSTS.map(({ host, shows, commands, source, asOf }) => `| ${host} | ${shows} | ${commands.length} | ${source} | ${asOf} |`),
  ].join('\n')

const PAGE = new URL('../../docs/collisions.md', import.meta.url)
export const readPage = (): string => readFileSync(PAGE, 'utf8')
export const written = (page: string): string =>
  [['codes', codes()] as const, ['hosts', hosts()] as const].reduce(
    (text, [name, table]) =>
      text.replace(new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- end -->)`), (_, from: string, to: string) => `${from}\n${table}\n\n${to}`),
    page,
  )

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(PAGE, written(readPage()))
