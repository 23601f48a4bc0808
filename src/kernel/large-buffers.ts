// What large messages leave behind: buffers outside of V8's heap, dead as soon as their call is over, and collected in time (docs/adr/0008).

/** Bytes from which a message counts; what smaller ones leave is collected along with their objects. */
const LARGE = 65_536
/** Large messages that may be dead and not yet collected. */
const COLLECT_AFTER = 16 * 1024 * 1024

let bytesSince = 0

/**
 * To be told of every message put together, with its size in bytes. V8 starts a young collection when its young objects are many, and a full one when
 * the buffers behind them reach 64 MB: a call with a large message makes few objects, so without this every tenth such call costs a full collection.
 * Does nothing where the engine was started without `--expose-gc` (src/cli/engine-flags.ts).
 */
export function noteMessage(bytes: number): void {
  if (bytes < LARGE) return
  bytesSince += bytes
  if (bytesSince < COLLECT_AFTER) return
  bytesSince = 0
  globalThis.gc?.({ type: 'minor' })
}
