// VS Code: mcp.json of the user's profile and .vscode/mcp.json of the project, `servers` with `inputs`; comments are allowed.

import { pathsOf, settingsFolder } from './host.ts'
import type { Host } from './host.ts'

const EDITIONS = ['Code', 'Code - Insiders', 'VSCodium'] as const

export const vscode: Host = {
  name: 'vscode',
  title: 'VS Code',
  speaksHttp: true,
  placeholders: 'editor',
  files(place) {
    const paths = pathsOf(place)
    return [
      ...EDITIONS.map(edition => ({
        host: 'vscode' as const,
        file: paths.join(settingsFolder(place), edition, 'User', 'mcp.json'),
        containers: [{ path: ['servers'], label: edition === 'Code' ? 'VS Code' : edition }],
        isShared: false,
      })),
      {
        host: 'vscode',
        file: paths.join(place.project, '.vscode', 'mcp.json'),
        containers: [{ path: ['servers'], label: `VS Code, project ${place.project}`, folder: place.project }],
        isShared: true,
      },
    ]
  },
  entry: gateway =>
    gateway.via === 'http' ? { type: 'http', url: gateway.url } : { type: 'stdio', command: gateway.command, args: gateway.args },
}
