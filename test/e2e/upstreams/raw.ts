// An upstream without an SDK: it answers with bytes no serialiser would write, and repeats what it got byte for byte.
// `node raw.ts legacy|modern` serves stdio, `serveRaw` Streamable HTTP in this process.

import { createServer } from 'node:http'
import { processControl, textLines, type Control } from './control.ts'
import { listening, type Served } from './http.ts'

export type Era = 'legacy' | 'modern'

/** Every kind of thing that parsing and writing again would change: spelling of numbers and strings, space, order, unknown members. */
const VENDOR =
  '"x-vendor":{"big":12345678901234567890,"one":1.0,"e":1E+2,"text":"\\u00e9\\/\\ud83d\\ude00 é", "nested" : [ [ ] , { } ],"\\u0061":null}'
const FORM = '"requestedSchema":{"type" : "object","properties":{"name":{"type":"str\\u0069ng"},"n":{"type":"number"}}}'
const PARTS = {
  content: `[{"type":"text","text":"a\\u0062c",${VENDOR},"annotations":{"priority":0.50,"vendor":true}},{"type":"hologram","depth":3.0,${VENDOR}}]`,
  structured: `{"b":1.0,"a":[ 1 , 2.50 ],${VENDOR}}`,
  top: `{"vendorTop":[1.50,-0.0]}`,
  meta: `{"example.com/key":{"n":1.0},${VENDOR}}`,
  tool: `{"name":"exact","inputSchema":{"type":"object","x-order":["b","a"],"properties":{"n":{"type":"number","default":1.0}}},${VENDOR},"icons":[{"src":"https://x.example/i.png","vendor":1.0}],"_meta":{"example.com/t":1.0}}`,
  read: `[{"uri":"raw://1","text":"\\u0041",${VENDOR}}]`,
  /** what of a question is shown is written anew, its form excepted: docs/gates.md */
  form: FORM,
  question: `{"message":"who\\u003f",${FORM},${VENDOR}}`,
  progress: `"progress":1.50,"total":3.0,"message":"\\u0041",${VENDOR}`,
} as const
const errorOf = (code: number): string => `{"code":${code},"message":"no\\u0021","data":{${VENDOR}}}`
export const EXACT = {
  ...PARTS,
  result: `"content":${PARTS.content},"structuredContent":${PARTS.structured},"isError":false,"vendor":${PARTS.top},"_meta":${PARTS.meta}`,
  error: errorOf(-32000),
} as const

const CAPABILITIES = '{"tools":{},"resources":{},"logging":{}}'
const INFO = '{"name":"raw","version":"1"}'

/** How to speak within one exchange: `send` any message, `end` with the answer. */
type Exchange = { readonly send: (text: string) => void; readonly end: (text: string) => void }

class RawUpstream {
  readonly #era: Era
  readonly #control: Control
  /** what waits for answers of the host, by the id of the question */
  readonly #waiting = new Map<string, () => void>()
  constructor(era: Era, control: Control) {
    this.#era = era
    this.#control = control
  }

  /** Takes one message as it came. */
  take(text: string, { send, end }: Exchange): void {
    this.#control.emit('raw', { text })
    const { id: given, method, params } = JSON.parse(text) as { id?: string | number; method?: string; params?: any }
    if (method === undefined) return this.#waiting.get(String(given))?.()
    if (given === undefined) return
    const id = JSON.stringify(given)
    const isModern = this.#era === 'modern'
    const result = (body: string): void =>
      end(`{"jsonrpc":"2.0","id":${id},"result":{${isModern ? '"resultType":"complete",' : ''}${body}}}`)
    const error = (code: number): void => end(`{"jsonrpc":"2.0","id":${id},"error":${errorOf(code)}}`)
    const cache = isModern ? ',"ttlMs":0,"cacheScope":"private"' : ''
    const answers: Readonly<Record<string, () => void>> = {
      initialize: () =>
        isModern ? error(-32022) : result(`"protocolVersion":"2025-11-25","capabilities":${CAPABILITIES},"serverInfo":${INFO}`),
      'server/discover': () =>
        isModern
          ? result(
              `"supportedVersions":["2026-07-28"],"capabilities":${CAPABILITIES}${cache},"_meta":{"io.modelcontextprotocol/serverInfo":${INFO}}`,
            )
          : error(-32601),
      'tools/list': () => result(`"tools":[${EXACT.tool},{"name":"ask","inputSchema":{"type":"object"}}]${cache}`),
      'resources/list': () => result(`"resources":[]${cache}`),
      'resources/read': () => result(`"contents":${EXACT.read}${cache}`),
      'tools/call': () => {
        if (params.name === 'refuse') return error(-32000)
        if (params.name === 'ask')
          return this.#ask({ id, isAnswered: params.inputResponses !== undefined, result, exchange: { send, end } })
        const token = params._meta?.progressToken as unknown
        if (token !== undefined)
          send(`{"jsonrpc":"2.0","method":"notifications/progress","params":{${EXACT.progress},"progressToken":${JSON.stringify(token)}}}`)
        return result(EXACT.result)
      },
    }
    ;(answers[method] ?? (() => error(-32601)))()
  }

  /** Asks the host one thing, and is then done. */
  #ask(call: { id: string; isAnswered: boolean; result: (body: string) => void; exchange: Exchange }): void {
    const done = (): void => call.result('"content":[]')
    if (this.#era === 'legacy') {
      const id = `q-${call.id}`
      this.#waiting.set(id, done)
      call.exchange.send(`{"jsonrpc":"2.0","id":"${id}","method":"elicitation/create","params":${EXACT.question}}`)
    } else if (call.isAnswered) done()
    else {
      const questions = `{"q\\u0031":{"method":"elicitation/create","params":${EXACT.question}}}`
      call.exchange.end(
        `{"jsonrpc":"2.0","id":${call.id},"result":{"resultType":"input_required","inputRequests":${questions},"requestState":"s\\u0074ate"}}`,
      )
    }
  }
}

export async function serveRaw(control: Control, era: Era): Promise<Served> {
  const upstream = new RawUpstream(era, control)
  const http = createServer((request, response) => {
    void (async () => {
      let text = ''
      for await (const chunk of request.setEncoding('utf8')) text += chunk as string
      if (request.method !== 'POST') return void response.writeHead(405).end()
      const { id, method } = JSON.parse(text) as { id?: unknown; method?: string }
      if (id === undefined || method === undefined) {
        upstream.take(text, { send() {}, end() {} })
        return void response.writeHead(202).end()
      }
      response.writeHead(200, { 'content-type': 'text/event-stream', ...(era === 'legacy' && { 'mcp-session-id': 'the-session' }) })
      const send = (message: string): void => void response.write(`data: ${message}\n\n`)
      upstream.take(text, {
        send,
        end(message) {
          send(message)
          response.end()
        },
      })
    })()
  })
  return listening(http)
}

if (import.meta.main) {
  const upstream = new RawUpstream(process.argv[2] as Era, processControl())
  const send = (text: string): void => void process.stdout.write(`${text}\n`)
  textLines(process.stdin, text => upstream.take(text, { send, end: send }))
}
