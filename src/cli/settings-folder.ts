// The person's own settings folder, by the customs of the system; nobody else may read what the command line keeps there.

import { posix, win32 } from 'node:path'
import type { Io } from './command.ts'

/** `gatehouse` in the settings folder of the system: XDG_CONFIG_HOME or ~/.config, Application Support, APPDATA. */
export function settingsFolder({ platform, home, env }: Pick<Io, 'platform' | 'home' | 'env'>): string {
  if (platform === 'win32') return win32.join(env['APPDATA'] ?? win32.join(home, 'AppData', 'Roaming'), 'gatehouse')
  if (platform === 'darwin') return posix.join(home, 'Library', 'Application Support', 'gatehouse')
  const xdg = env['XDG_CONFIG_HOME']
  return posix.join(xdg !== undefined && posix.isAbsolute(xdg) ? xdg : posix.join(home, '.config'), 'gatehouse')
}
