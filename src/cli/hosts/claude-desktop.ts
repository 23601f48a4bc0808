// Claude Desktop: claude_desktop_config.json, `mcpServers`; it only spawns processes.

import { pathsOf, settingsFolder } from './host.ts'
import type { Host } from './host.ts'

export const claudeDesktop: Host = {
  name: 'claude-desktop',
  title: 'Claude Desktop',
  speaksHttp: false,
  placeholders: 'none',
  files(place) {
    const file = pathsOf(place).join(settingsFolder(place), 'Claude', 'claude_desktop_config.json')
    return [{ host: 'claude-desktop', file, containers: [{ path: ['mcpServers'], label: 'Claude Desktop' }], isShared: false }]
  },
  // Entries with a URL are not read from this file; the caller always asks for stdio here.
  entry: gateway => (gateway.via === 'stdio' ? { command: gateway.command, args: gateway.args } : { url: gateway.url }),
}
