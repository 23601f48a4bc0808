// The bridge in this process, in front of a gateway whose every byte a test decides.

import { PassThrough } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { Bridge } from '../../src/stdio/bridge.ts'
import { GatewayHttp } from '../../src/stdio/gateway-http.ts'
import { HostPipe } from '../../src/stdio/host-pipe.ts'
import { LineReader } from '../../src/stdio/lines.ts'
import { fixedToken, type TokenSource } from '../../src/stdio/tokens.ts'

export type ScriptedBridge = {
  readonly bridge: Bridge
  /** lines for the host, as text */
  readonly raw: string[]
  readonly notes: string[]
  /** pauses the bridge made; each is over at once, so that no test waits */
  readonly pauses: number[]
  send(message: unknown): void
  /** the first line for the host that matches; each is found once */
  next(found: (message: any) => boolean): Promise<any>
  end(): Promise<void>
}

export function startBridge(url: string, tokens: TokenSource = fixedToken('token-1', 'put a fresh one')): ScriptedBridge {
  const output = new PassThrough()
  const raw: string[] = []
  const unseen: any[] = []
  const notes: string[] = []
  const pauses: number[] = []
  let wake = (): void => {}
  const reader = new LineReader(1e9, {
    line(bytes) {
      raw.push(bytes.toString())
      unseen.push(JSON.parse(bytes.toString()))
      wake()
    },
    tooLong: () => {},
  })
  output.on('data', (chunk: Buffer) => reader.push(chunk))
  const pipe = new HostPipe(
    output,
    text => notes.push(text),
    () => 0,
  )
  const delay = async (ms: number, signal: AbortSignal): Promise<void> => {
    // the deadline of an ending bridge is none of the pauses
    if (ms < 10_000) pauses.push(ms)
    await wait(ms < 10_000 ? 1 : ms, undefined, { signal })
  }
  const bridge = new Bridge({ http: new GatewayHttp(new URL(url), tokens), pipe, delay, random: () => 0.5, now: () => 0 })
  const lines = new LineReader(1e6, bridge)
  return {
    bridge,
    raw,
    notes,
    pauses,
    send: message => lines.push(Buffer.from(`${typeof message === 'string' ? message : JSON.stringify(message)}\n`)),
    async next(found) {
      for (;;) {
        const at = unseen.findIndex(found)
        if (at >= 0) return unseen.splice(at, 1)[0]
        await new Promise<void>(resolve => (wake = resolve))
      }
    },
    end: () => bridge.end(20_000),
  }
}

export const answerTo = (id: unknown) => (message: any) => message.id === id && message.method === undefined
const modernMeta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
}
/** A 2026-07-28 request. */
export const modern = (id: unknown, method: string, params: object = {}): object => ({
  jsonrpc: '2.0',
  id,
  method,
  params: { ...params, _meta: modernMeta },
})
