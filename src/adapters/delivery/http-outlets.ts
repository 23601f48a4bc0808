// The two sinks that are posted to: OTLP logs to a collector, and signed webhooks. The rules of safe-fetch hold; the host that the configuration names may be internal.

import { logsAnswer, logsRequest } from '../../delivery/otlp.ts'
import { later, taken, troubleOf, type Outlet } from '../../delivery/outlet.ts'
import { postedOf } from '../../delivery/posted.ts'
import type { OtlpSink, WebhookSink } from '../../delivery/settings.ts'
import { Fault } from '../../kernel/errors.ts'
import { createSafeFetch, type SafeFetch } from '../safe-fetch.ts'
import { postSigned, webhookSecret } from '../webhook-sender.ts'

const MAX_ANSWER = 64 * 1024
const TIMEOUT_MS = 10_000
const NOTHING = (): Promise<void> => Promise.resolve()

/** `host:port` of a URL counts as named: an administrator wrote it. */
function sinkFetch(url: string): SafeFetch {
  const { hostname, port, protocol } = new URL(url)
  return createSafeFetch({ namedHosts: [`${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`] })
}

/** `version`: this build's. `timeoutMs`: from dialling to the last byte of the answer; default 10,000. */
export function otlpOutlet({ url, headers }: OtlpSink, version: string, timeoutMs = TIMEOUT_MS): Outlet {
  const fetch = sinkFetch(url)
  return {
    async send({ parcels }) {
      try {
        const body = logsRequest(parcels, version)
        const sent = { ...headers, 'content-type': 'application/json' }
        const answer = await fetch.request(url, { method: 'POST', headers: sent, body, maxBytes: MAX_ANSWER, timeoutMs })
        if (answer.status === 200) return logsAnswer(answer.body, parcels.length)
        // The protocol has no other success.
        if (answer.status < 300) return later(`it answered with status ${answer.status}: this is no collector`)
        return troubleOf(answer.status, answer.headers['retry-after'])
      } catch (cause) {
        return later(cause instanceof Fault ? cause.code : 'it could not be reached')
      }
    },
    close: NOTHING,
  }
}

/** `nowMs`: wall clock. */
export function webhookOutlet({ url, keyFile }: WebhookSink, nowMs: () => number): Outlet {
  const fetch = sinkFetch(url)
  return {
    async send({ parcels }) {
      const seconds = Math.floor(nowMs() / 1000)
      let key
      try {
        key = await webhookSecret(keyFile)
      } catch {
        return later('its key cannot be used')
      }
      const posted = await postSigned(fetch, { url, key, seconds, ...postedOf(parcels, seconds) })
      if ('why' in posted) return later(posted.why)
      return posted.status >= 200 && posted.status < 300 ? taken(parcels.length) : troubleOf(posted.status, posted.retryAfter)
    },
    close: NOTHING,
  }
}
