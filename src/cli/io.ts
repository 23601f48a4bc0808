// The real world behind Io: this process.

import { homedir, userInfo } from 'node:os'
import type { Io } from './command.ts'

export const processIo = (): Io => {
  // Whoever read it has seen enough (`| head`): that ends no command half-way, and no gateway.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && process.stdout.listenerCount('error') === 1) throw error
  })
  return processOf()
}

const processOf = (): Io => ({
  out: text => void process.stdout.write(text),
  err: text => void process.stderr.write(text),
  isTerminal: process.stderr.isTTY,
  env: process.env,
  cwd: process.cwd(),
  home: homedir(),
  platform: process.platform,
  userName: userName(),
  now: Date.now,
})

/** A uid without an entry in the user database (containers) has no name. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return 'operator'
  }
}
