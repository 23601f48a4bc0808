// Log lines to a file descriptor without ever making the event loop wait for whoever reads it.

import fs from 'node:fs'

export type LineSink = {
  /** takes one line with its newline; false = dropped, because the reader is too slow or gone */
  write(line: string): boolean
  /** what is queued goes out now, blocking; for the last moments of the process */
  flushSync(): void
}

const RETRY_MS = 20

/**
 * One asynchronous write at a time; lines that come meanwhile wait, at most `maxBytes` of them (default 1 MiB). `process.stderr` writes to pipes and
 * files synchronously: a stuck log collector would stop the gateway.
 */
export function createLineSink(fd = 2, maxBytes = 1 << 20): LineSink {
  let queue: string[] = []
  let queuedBytes = 0
  let inFlight: Buffer | undefined

  function next(): void {
    if (inFlight !== undefined || queue.length === 0) return
    inFlight = Buffer.from(queue.join(''))
    queue = []
    queuedBytes = 0
    send()
  }
  function send(): void {
    const bytes = inFlight
    if (bytes === undefined) return
    fs.write(fd, bytes, (error, written) => {
      if (inFlight !== bytes) return
      if (error?.code === 'EAGAIN') {
        setTimeout(send, RETRY_MS).unref()
        return
      }
      // On any other error nobody reads the log any more; the gateway goes on, its audit log is elsewhere.
      inFlight = error === null && written < bytes.length ? bytes.subarray(written) : undefined
      if (inFlight !== undefined) send()
      else next()
    })
  }
  return {
    write(line) {
      if (queuedBytes + line.length > maxBytes) return false
      queue.push(line)
      queuedBytes += line.length
      next()
      return true
    },
    flushSync() {
      const text = queue.join('')
      queue = []
      queuedBytes = 0
      try {
        if (text !== '') fs.writeSync(fd, text)
      } catch {
        // Nothing is left to tell anyone with.
      }
    },
  }
}
