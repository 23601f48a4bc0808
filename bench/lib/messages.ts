// The MCP requests that the bench sends, for both eras, as bytes that only need their id and nonce written in.

export type Era = 'legacy' | 'modern'
export type Session = { readonly id: string | undefined }

const CLIENT = { name: 'bench', version: '1.0.0' }
export const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': CLIENT,
  'io.modelcontextprotocol/clientCapabilities': {},
}

/** A request's head; `length` undefined = no body. */
export function headOf(options: {
  path: string
  host: string
  era: Era
  headers: Record<string, string>
  method: string
  name?: string
  session?: Session
  length: number
}): string {
  const lines = [
    `POST ${options.path} HTTP/1.1`,
    `Host: ${options.host}`,
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    `Content-Length: ${options.length}`,
    ...Object.entries(options.headers).map(([name, value]) => `${name}: ${value}`),
  ]
  if (options.era === 'modern') {
    lines.push('MCP-Protocol-Version: 2026-07-28', `Mcp-Method: ${options.method}`)
    if (options.name !== undefined) lines.push(`Mcp-Name: ${options.name}`)
  } else if (options.method !== 'initialize') {
    lines.push('MCP-Protocol-Version: 2025-11-25')
    if (options.session?.id !== undefined) lines.push(`Mcp-Session-Id: ${options.session.id}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}

export function initializeBody(): Buffer {
  return Buffer.from(
    JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: CLIENT },
    }),
  )
}
export const INITIALIZED = Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}')

/** Digits of every id and nonce: bytes are patched in place, so their number is fixed. */
const DIGITS = 12
const PLACE = '0'.repeat(DIGITS)

/** One request that is sent again and again; `stamp` makes it the n-th. Ids start at 10^11, so that no digit is a leading zero. */
export class Template {
  readonly body: Buffer
  readonly id = Buffer.from(PLACE)
  /** the text that an echo must bring back, nonce included; empty for other methods */
  readonly text: Buffer
  readonly #idAt: number

  constructor(options: { era: Era; method: 'tools/call' | 'tools/list'; textBytes: number; tag: string; tool?: string }) {
    const params: Record<string, unknown> = {}
    let text = ''
    if (options.method === 'tools/call') {
      // The nonce stands at both ends: a cut or mixed answer shows.
      text = `${PLACE}${options.tag}`.padEnd(Math.max(options.textBytes - DIGITS, 0), 'x') + PLACE
      params['name'] = options.tool ?? 'echo'
      params['arguments'] = { text }
    }
    if (options.era === 'modern') params['_meta'] = ENVELOPE
    this.body = Buffer.from(`{"jsonrpc":"2.0","id":${PLACE},"method":"${options.method}","params":${JSON.stringify(params)}}`)
    this.#idAt = this.body.indexOf(PLACE)
    const textAt = this.body.indexOf('"text":"') + 8
    this.text = options.method === 'tools/call' ? this.body.subarray(textAt, textAt + text.length) : Buffer.alloc(0)
  }

  stamp(n: number): void {
    const digits = String(100_000_000_000 + n)
    this.id.write(digits, 0, 'latin1')
    this.body.write(digits, this.#idAt, 'latin1')
    if (this.text.length === 0) return
    this.text.write(digits, 0, 'latin1')
    this.text.write(digits, this.text.length - DIGITS, 'latin1')
  }

  /** What is wrong with an answer, or undefined. */
  fault(status: number, answer: Buffer): string | undefined {
    if (status !== 200) return `status ${status}: ${answer.toString('latin1', 0, 200)}`
    const idAt = answer.indexOf(this.id)
    if (idAt < 0) return `not the id that was sent: ${answer.toString('latin1', 0, 200)}`
    if (this.text.length === 0) return answer.includes('"tools":[') ? undefined : `no list: ${answer.toString('latin1', 0, 200)}`
    const at = answer.indexOf('"text":"')
    if (at < 0 || answer.compare(this.text, 0, this.text.length, at + 8, at + 8 + this.text.length) !== 0) {
      return `not the text that was sent: ${answer.toString('latin1', 0, 200)}`
    }
    return undefined
  }
}
