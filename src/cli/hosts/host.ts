// What `import` must know of a host (an AI application): where it keeps its MCP servers and how an entry for the gateway looks there.

import { posix, win32 } from 'node:path'
import type { PlatformPath } from 'node:path'

type HostName = 'claude-desktop' | 'claude-code' | 'cursor' | 'vscode'

/** The machine as a host's paths depend on it. `project` is absolute. */
export type Place = {
  readonly platform: NodeJS.Platform
  readonly home: string
  readonly project: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** One map of servers in one file. */
export type Container = {
  /** keys from the top of the file, e.g. `[mcpServers]` */
  readonly path: readonly string[]
  /** for people, e.g. `Claude Code, user scope` */
  readonly label: string
  /** working directory of its programs where the host starts them in one; also `${workspaceFolder}` */
  readonly folder?: string
}

export type HostFile = {
  readonly host: HostName
  readonly file: string
  readonly containers: readonly Container[]
  /** usually committed, so that pointing it at this machine's gateway concerns others */
  readonly isShared: boolean
}

/** How the gateway is reached: by URL, or by a process that the host starts. */
export type GatewayEntry =
  { readonly via: 'http'; readonly url: string } | { readonly via: 'stdio'; readonly command: string; readonly args: readonly string[] }

export type Host = {
  readonly name: HostName
  readonly title: string
  /** false: it only spawns processes */
  readonly speaksHttp: boolean
  /** how `${…}` is written in its files; `none`: it takes such text as it is */
  readonly placeholders: 'none' | 'shell' | 'editor'
  /** every file it may keep servers in; most will not exist */
  files(place: Place): readonly HostFile[]
  entry(gateway: GatewayEntry): Readonly<Record<string, unknown>>
}

/** Paths of the machine that is asked about, which in tests is not the one this runs on. */
export const pathsOf = (place: Place): PlatformPath => (place.platform === 'win32' ? win32 : posix)

/** Where applications keep the settings of one user: Windows `%APPDATA%`, macOS Application Support, else XDG_CONFIG_HOME. */
export function settingsFolder({ platform, home, env }: Place): string {
  if (platform === 'win32') return env['APPDATA'] ?? win32.join(home, 'AppData', 'Roaming')
  if (platform === 'darwin') return posix.join(home, 'Library', 'Application Support')
  const xdg = env['XDG_CONFIG_HOME']
  // The XDG Base Directory Specification says to ignore relative paths.
  return xdg !== undefined && posix.isAbsolute(xdg) ? xdg : posix.join(home, '.config')
}
