// Claude Code: ~/.claude.json (user scope, and local scope per project) and .mcp.json of the project.

import { pathsOf } from './host.ts'
import type { Host } from './host.ts'

export const claudeCode: Host = {
  name: 'claude-code',
  title: 'Claude Code',
  speaksHttp: true,
  placeholders: 'shell',
  files(place) {
    const { home, project } = place
    const paths = pathsOf(place)
    // The key of a project is its path; on Windows it has been written with either slash.
    const keys = place.platform === 'win32' ? [project, project.replaceAll('\\', '/')] : [project]
    return [
      {
        host: 'claude-code',
        file: paths.join(place.env['CLAUDE_CONFIG_DIR'] ?? home, '.claude.json'),
        containers: [
          { path: ['mcpServers'], label: 'Claude Code, user scope' },
          ...keys.map(key => ({ path: ['projects', key, 'mcpServers'], label: `Claude Code, local scope of ${project}`, folder: project })),
        ],
        isShared: false,
      },
      {
        host: 'claude-code',
        file: paths.join(project, '.mcp.json'),
        containers: [{ path: ['mcpServers'], label: `Claude Code, project ${project}`, folder: project }],
        isShared: true,
      },
    ]
  },
  entry: gateway =>
    gateway.via === 'http' ? { type: 'http', url: gateway.url } : { type: 'stdio', command: gateway.command, args: gateway.args },
}
