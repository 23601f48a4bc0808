// One POST of OTLP over HTTP to a collector (OpenTelemetry protocol 1.x, OTLP/HTTP binary). Nobody waits for it but the queue behind it.

import { Client } from 'undici'

/** `later`: it may be sent again as it is; `refused`: it never will be taken. `status` 0: nobody answered. */
export type Sent = { readonly is: 'taken' | 'later' | 'refused'; readonly status: number }

export interface OtlpSender {
  /** never rejects */
  send(body: Uint8Array): Promise<Sent>
  /** ends what is under way */
  close(): Promise<void>
}

type Target = { readonly url: string; readonly headers: Readonly<Record<string, string>> }

const TIMEOUT_MS = 10_000
/** An answer is read to its end, so that its connection can be used again, but no further than this. */
const MAX_ANSWER = 64 * 1024
/** OTLP section "Failures": these may be tried again, all other statuses not. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** No redirect is followed, and what the collector says is not read: its status alone counts. */
export function createOtlpSender({ url, headers }: Target): OtlpSender {
  const { origin, pathname, search } = new URL(url)
  const client = new Client(origin, { pipelining: 1, maxHeaderSize: 16_384, maxResponseSize: MAX_ANSWER, connect: { timeout: TIMEOUT_MS } })
  return {
    async send(body) {
      try {
        const { statusCode, body: answer } = await client.request({
          method: 'POST',
          path: pathname + search,
          headers: { ...headers, 'content-type': 'application/x-protobuf' },
          body,
          signal: AbortSignal.timeout(TIMEOUT_MS),
        })
        answer.on('error', () => {})
        await answer.dump({ limit: MAX_ANSWER })
        const isTaken = statusCode >= 200 && statusCode < 300
        return { is: isTaken ? 'taken' : RETRYABLE.has(statusCode) ? 'later' : 'refused', status: statusCode }
      } catch {
        return { is: 'later', status: 0 }
      }
    },
    close: () => client.destroy(),
  }
}
