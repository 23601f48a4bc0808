// What `serve` prints once it listens: where everything is, and how each kind of host is pointed at it. docs/hosts.md says more.

import { join } from 'node:path'
import type { Snapshot } from '../config/schema.ts'
import { MODERN_VERSION, META } from '../mcp/revisions.ts'
import { shortName } from './config-check.ts'
import { ownCommand, ownProgram } from './self.ts'

/** Plain text for people; every command can be copied as it stands, in the directory `cwd`. */
export function connectGuide(snapshot: Snapshot, configFile: string, cwd: string): string {
  const all = `${snapshot.publicUrl}/mcp`
  const config = shortName(configFile, cwd)
  const own = ownCommand(cwd)
  return `
Gatehouse is ready at ${snapshot.publicUrl}. Ctrl-C stops it.
${evaluationText(snapshot)}
Endpoints (each takes access tokens of its own)
${endpoints(snapshot)}

Connect a host (docs/hosts.md says more; \`${own} import --config ${quoted(config)}\` shows how it would do it)

  Claude Code
    claude mcp add --transport http gatehouse ${all}
    then sign in: claude mcp login gatehouse, or /mcp inside Claude Code

  Cursor, in ~/.cursor/mcp.json
    ${JSON.stringify({ mcpServers: { gatehouse: { url: all } } })}

  VS Code, in .vscode/mcp.json
    ${JSON.stringify({ servers: { gatehouse: { type: 'http', url: all } } })}

  Claude Desktop and other hosts that only start programs, in claude_desktop_config.json or the like
    ${JSON.stringify({ mcpServers: { gatehouse: programEntry(configFile) } })}

  SDK and curl
${scripting(snapshot, all, `${own} token --config ${quoted(config)}`)}

Look after it
${connections(snapshot)}  ${snapshot.publicUrl}/readyz   ${snapshot.publicUrl}/metrics
  audit log: ${shortName(join(snapshot.dataDir, 'audit'), cwd)}
  what is wrong, and how to mend it: ${own} doctor --config ${quoted(config)}
`
}

function evaluationText({ evaluation }: Snapshot): string {
  if (!evaluation) return ''
  const names = evaluation.users.map(({ name }) => name).join(' or ')
  return `For evaluation only: whoever sits at this machine signs in as ${names}, without a password.\n`
}

/** Where people sign in at the gateway itself. */
const connections = ({ login, publicUrl }: Snapshot): string =>
  login ? `  ${publicUrl}/connections   which applications act for you, and with which accounts; revoke them there\n` : ''

function endpoints({ publicUrl, upstreams, sets }: Snapshot): string {
  const rows = [
    [`${publicUrl}/mcp`, 'every server; names are server__tool'],
    ...[...upstreams.values()].map(({ alias, title }) => [`${publicUrl}/servers/${alias}/mcp`, title ?? alias]),
    ...[...sets].map(([name, set]) => [`${publicUrl}/sets/${name}/mcp`, `the servers ${set.upstreams.join(', ')}`]),
  ]
  const width = Math.max(...rows.map(([url = '']) => url.length))
  return rows.map(([url = '', what = '']) => `  ${url.padEnd(width)}  ${what}`).join('\n')
}

function programEntry(configFile: string): { readonly command: string; readonly args: readonly string[] } {
  const { command, script } = ownProgram()
  return { command, args: [script, 'stdio', '--config', configFile] }
}

function scripting({ evaluation }: Snapshot, url: string, tokenCommand: string): string {
  const meta = { [META.protocolVersion]: MODERN_VERSION, [META.clientCapabilities]: {} }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: meta } })
  const headers = [`Authorization: Bearer $TOKEN`, 'Content-Type: application/json', 'Accept: application/json, text/event-stream']
  const own = [`MCP-Protocol-Version: ${MODERN_VERSION}`, 'Mcp-Method: tools/list']
  const options = [...headers, ...own].map(header => `-H "${header}"`).join(' ')
  return [
    evaluation
      ? `    export TOKEN=$(${tokenCommand})   # good for ten minutes`
      : `    export TOKEN=...   # an access token of your identity provider, for ${url}`,
    `    curl -s ${url} ${options} -d '${body}'`,
    `    new StreamableHTTPClientTransport(new URL('${url}'), { requestInit: { headers: { Authorization: \`Bearer \${process.env.TOKEN}\` } } })`,
  ].join('\n')
}

/** For a shell, quoted only where it must be. */
const quoted = (path: string): string => (/^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`)
