// Just enough HTTP/1.1 for both ends of the bench, at little cost: heads, Content-Length and chunked bodies on a keep-alive socket.

const HEAD_END = Buffer.from('\r\n\r\n')
const CRLF = Buffer.from('\r\n')

/** Reads messages one after another; the subclass says what a head means. */
abstract class MessageReader {
  #buffered: Buffer[] = []
  #size = 0
  /** bytes needed before it is worth looking again */
  #wanted = 0
  #length: number | undefined
  #isChunked = false
  #pieces: Buffer[] = []

  /** Returns true when the message has no body whatever its fields say. */
  protected abstract onHead(startLine: string, head: string): boolean
  protected abstract onMessage(body: Buffer): void
  /** a piece of a chunked body, as it arrives; for streams that do not end */
  protected abstract onPiece(piece: Buffer): void

  push(chunk: Buffer): void {
    this.#buffered.push(chunk)
    this.#size += chunk.length
    while (this.#size > 0 && this.#size >= this.#wanted && this.#step());
  }

  #all(): Buffer {
    if (this.#buffered.length > 1) this.#buffered = [Buffer.concat(this.#buffered)]
    return this.#buffered[0] ?? Buffer.alloc(0)
  }
  #drop(bytes: number): void {
    const rest = this.#all().subarray(bytes)
    this.#buffered = rest.length > 0 ? [rest] : []
    this.#size = rest.length
    this.#wanted = 0
  }
  #end(body: Buffer): void {
    this.#length = undefined
    this.#isChunked = false
    this.#pieces = []
    this.onMessage(body)
  }

  #step(): boolean {
    if (this.#isChunked) return this.#chunk()
    if (this.#length !== undefined) {
      this.#wanted = this.#length
      if (this.#size < this.#length) return false
      const body = this.#all().subarray(0, this.#length)
      this.#drop(this.#length)
      this.#end(body)
      return true
    }
    const all = this.#all()
    const end = all.indexOf(HEAD_END)
    if (end < 0) {
      this.#wanted = this.#size + 1
      return false
    }
    const head = all.toString('latin1', 0, end + 2)
    const lineEnd = head.indexOf('\r\n')
    this.#drop(end + 4)
    const hasNoBody = this.onHead(head.slice(0, lineEnd), head)
    const length = hasNoBody ? '0' : headerOf(head, 'content-length')
    if (length !== undefined) this.#length = Number(length)
    else if (headerOf(head, 'transfer-encoding') === 'chunked') this.#isChunked = true
    else this.#length = 0
    if (this.#length === 0) this.#end(Buffer.alloc(0))
    return true
  }

  #chunk(): boolean {
    const all = this.#all()
    const lineEnd = all.indexOf(CRLF)
    if (lineEnd < 0) {
      this.#wanted = this.#size + 1
      return false
    }
    const size = Number.parseInt(all.toString('latin1', 0, lineEnd), 16)
    if (Number.isNaN(size)) throw new Error('expected a chunk size')
    this.#wanted = lineEnd + 2 + size + 2
    if (this.#size < this.#wanted) return false
    const piece = all.subarray(lineEnd + 2, lineEnd + 2 + size)
    this.#drop(this.#wanted)
    if (size > 0) {
      this.#pieces.push(piece)
      this.onPiece(piece)
    } else this.#end(this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces))
    return true
  }
}

const FIELDS = {
  'content-length': /\r\ncontent-length:[ \t]*([^\r]*)/i,
  'transfer-encoding': /\r\ntransfer-encoding:[ \t]*([^\r]*)/i,
  'content-type': /\r\ncontent-type:[ \t]*([^\r]*)/i,
  'mcp-session-id': /\r\nmcp-session-id:[ \t]*([^\r]*)/i,
}

/** A field's value, first occurrence. */
export function headerOf(head: string, name: keyof typeof FIELDS): string | undefined {
  return FIELDS[name].exec(head)?.[1]?.trimEnd()
}

export class RequestReader extends MessageReader {
  readonly #onRequest: (method: string, body: Buffer) => void
  #method = ''
  constructor(onRequest: (method: string, body: Buffer) => void) {
    super()
    this.#onRequest = onRequest
  }
  protected override onHead(startLine: string): boolean {
    this.#method = startLine.slice(0, startLine.indexOf(' '))
    return this.#method === 'GET'
  }
  protected override onPiece(): void {}
  protected override onMessage(body: Buffer): void {
    this.#onRequest(this.#method, body)
  }
}

export type HttpResponse = { readonly status: number; readonly head: string; readonly body: Buffer }

export class ResponseReader extends MessageReader {
  readonly #onResponse: (response: HttpResponse) => void
  readonly #onChunk: ((piece: Buffer) => void) | undefined
  #status = 0
  #head = ''
  constructor(onResponse: (response: HttpResponse) => void, onChunk?: (piece: Buffer) => void) {
    super()
    this.#onResponse = onResponse
    this.#onChunk = onChunk
  }
  protected override onHead(startLine: string, head: string): boolean {
    this.#status = Number(startLine.slice(9, 12))
    this.#head = head
    return this.#status === 204 || this.#status === 304
  }
  protected override onPiece(piece: Buffer): void {
    this.#onChunk?.(piece)
  }
  protected override onMessage(body: Buffer): void {
    this.#onResponse({ status: this.#status, head: this.#head, body })
  }
}
