// Cursor: ~/.cursor/mcp.json and .cursor/mcp.json of the project.

import { pathsOf } from './host.ts'
import type { Host } from './host.ts'

export const cursor: Host = {
  name: 'cursor',
  title: 'Cursor',
  speaksHttp: true,
  placeholders: 'editor',
  files(place) {
    const paths = pathsOf(place)
    return [
      {
        host: 'cursor',
        file: paths.join(place.home, '.cursor', 'mcp.json'),
        containers: [{ path: ['mcpServers'], label: 'Cursor' }],
        isShared: false,
      },
      {
        host: 'cursor',
        file: paths.join(place.project, '.cursor', 'mcp.json'),
        containers: [{ path: ['mcpServers'], label: `Cursor, project ${place.project}`, folder: place.project }],
        isShared: true,
      },
    ]
  },
  entry: gateway => (gateway.via === 'http' ? { url: gateway.url } : { command: gateway.command, args: gateway.args }),
}
