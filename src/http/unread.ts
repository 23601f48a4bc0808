// Answers that nobody reads: a host that stops reading keeps the bytes written for it in memory, so its connection is cut after a while.

import type { ServerResponse } from 'node:http'

/** Time without any progress after which a finished answer that was not read is given up; milliseconds. */
const UNREAD_MS = 60_000

/** Call it after `end()`. Costs nothing where everything has left already. */
export function cutUnread(res: ServerResponse, unreadMs = UNREAD_MS): void {
  const { socket } = res
  if (!socket || res.writableLength === 0) return
  // node:net starts the time again with each byte that leaves; node:http destroys a socket whose time is up.
  socket.setTimeout(unreadMs)
  res.once('finish', () => {
    if (socket.timeout === unreadMs) socket.setTimeout(0)
  })
}
