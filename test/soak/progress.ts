// How far a soak test is, on standard error: its first step and then a line every ten seconds, for whoever waits.

const EVERY_MS = 10_000

/** Tells `done` of `total`; to be called after each step, for it is silent in between. */
export function progress(name: string, total: number, what: string): (done: number) => void {
  let dueMs = -Infinity
  return done => {
    if (performance.now() < dueMs) return
    dueMs = performance.now() + EVERY_MS
    process.stderr.write(`${name}: ${done.toLocaleString('en')} of ${total.toLocaleString('en')} ${what}\n`)
  }
}
