// What `serve` prints once it listens: where everything is, and how each kind of host is pointed at it.

import type { Snapshot } from '../config/schema.ts'

/** Plain text for people; every command can be copied as it stands. */
export function connectGuide(snapshot: Snapshot, configFile: string): string {
  const base = snapshot.publicUrl
  const all = `${base}/mcp`
  const servers = [...snapshot.upstreams.values()].map(u => `  ${`${base}/servers/${u.alias}/mcp`.padEnd(46)} ${u.title ?? u.alias}`)
  const sets = [...snapshot.sets.keys()].map(name => `  ${base}/sets/${name}/mcp`)
  const evaluation = snapshot.evaluation
    ? `Evaluation only: sign in as ${snapshot.evaluation.users.map(u => u.name).join(' or ')}, without a password, on this machine.\n`
    : ''
  return `Gatehouse is ready at ${base}
${evaluation}
Endpoints (each takes tokens of its own)
  ${all.padEnd(46)} all servers, names as server__tool
${[...servers, ...sets].join('\n')}

Connect a host
  Claude Code   claude mcp add --transport http gatehouse ${all}
                then /mcp inside Claude Code signs you in
  Cursor        ~/.cursor/mcp.json
                { "mcpServers": { "gatehouse": { "url": "${all}" } } }
  VS Code       .vscode/mcp.json
                { "servers": { "gatehouse": { "type": "http", "url": "${all}" } } }
  Spawn only    { "command": "gatehouse", "args": ["stdio", "--config", "${configFile}"] }
  SDK or curl   TOKEN=$(npm run -s gatehouse -- token --config ${configFile} --resource ${all})
                new StreamableHTTPClientTransport(new URL('${all}'), { requestInit: { headers: { Authorization: \`Bearer \${TOKEN}\` } } })

Look after it
  ${base}/readyz   ${base}/metrics   audit log: ${snapshot.dataDir}/audit
  gatehouse doctor --config ${configFile}
`
}
