// A strict reader of RFC 5424 messages and of frames with octet counts, written from the RFCs' grammar, for tests of what is sent.

type Message = {
  readonly priority: number
  readonly time: string
  readonly hostname: string
  readonly app: string
  readonly msgId: string
  readonly data: ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly message: string
}

/** Throws where the message is not of the grammar. */
export function parseSyslog(text: string): Message {
  const head =
    /^<(\d{1,3})>1 (-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) /.exec(text)
  if (!head) throw new SyntaxError('no header')
  const [whole, priority, time = '', hostname = '', app = '', , msgId = ''] = head
  if (Number(priority) > 191) throw new SyntaxError('priority')
  const data = new Map<string, Map<string, string>>()
  let at = whole.length
  while (text[at] === '[') at = element(text, at + 1, data)
  if (data.size === 0) throw new SyntaxError('no structured data')
  if (text[at] !== ' ') throw new SyntaxError('no space before the message')
  return { priority: Number(priority), time, hostname, app, msgId, data, message: text.slice(at + 1) }
}

function element(text: string, from: number, data: Map<string, Map<string, string>>): number {
  const id = /^[!#-<>-\\^-~]{1,32}/.exec(text.slice(from))?.[0]
  if (id === undefined) throw new SyntaxError('SD-ID')
  const parameters = new Map<string, string>()
  let at = from + id.length
  while (text[at] === ' ') {
    const name = /^ ([!#-<>-\\^-~]{1,32})="/.exec(text.slice(at))
    if (!name?.[1]) throw new SyntaxError('PARAM-NAME')
    at += name[0].length
    let value = ''
    for (; text[at] !== '"'; at += 1) {
      if (at >= text.length || text[at] === ']') throw new SyntaxError('PARAM-VALUE')
      if (text[at] === '\\' && /["\\\]]/.test(text[at + 1] ?? '')) at += 1
      value += text[at] ?? ''
    }
    at += 1
    parameters.set(name[1], value)
  }
  if (text[at] !== ']') throw new SyntaxError('no end of structured data')
  data.set(id, parameters)
  return at + 1
}

/** Cuts a stream of octets into messages; what has not come whole yet waits. Throws where a frame does not begin with its length. */
export class SyslogFrames {
  #rest: Buffer = Buffer.alloc(0)

  push(bytes: Buffer): readonly string[] {
    this.#rest = Buffer.concat([this.#rest, bytes])
    const messages: string[] = []
    for (;;) {
      const space = this.#rest.indexOf(0x20)
      if (space < 0) {
        if (this.#rest.length > 10) throw new SyntaxError('no length')
        return messages
      }
      const length = this.#rest.toString('latin1', 0, space)
      if (!/^[1-9]\d{0,9}$/.test(length)) throw new SyntaxError(`\`${length}\` is no length`)
      const end = space + 1 + Number(length)
      if (this.#rest.length < end) return messages
      messages.push(this.#rest.toString('utf8', space + 1, end))
      this.#rest = this.#rest.subarray(end)
    }
  }
}
