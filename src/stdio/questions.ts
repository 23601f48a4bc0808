// Questions of servers (sampling, elicitation, roots) on their way to the host and back: an answer reaches the session that asked, and no other.

import { member, rawOf } from '../mcp/json.ts'
import type { NotificationMessage, RequestMessage, ResponseMessage } from '../mcp/message.ts'
import { splice } from '../mcp/splice.ts'

type Open = { readonly generation: number; readonly id: string }

const OPEN_MAX = 1000

/**
 * Each session of the gateway numbers its questions from the start. A host that answers an old question after a new session began must not thereby answer
 * a new one: sessions after the first get ids of their own, and the first one's pass untouched.
 */
export class Questions {
  /** by the exact text of the id that the host sees */
  readonly #open = new Map<string, Open>()

  /** Bytes for the host. */
  ask({ doc, id, idNode }: RequestMessage, generation: number): Buffer {
    const shown = shownId(id, generation)
    if (this.#open.size >= OPEN_MAX) for (const oldest of [...this.#open.keys()].slice(0, 1)) this.#open.delete(oldest)
    this.#open.set(shown, { generation, id })
    return shown === id ? doc.bytes : splice(doc.bytes, [{ start: idNode.start, end: idNode.end, text: shown }])
  }

  /** Bytes for the host of a notification; only a cancelled question names an id. */
  notification({ doc, method, params }: NotificationMessage, generation: number): Buffer {
    const node = method === 'notifications/cancelled' ? member(params, 'requestId') : undefined
    if (!node) return doc.bytes
    const id = rawOf(doc, node).toString()
    const shown = shownId(id, generation)
    this.#open.delete(shown)
    return shown === id ? doc.bytes : splice(doc.bytes, [{ start: node.start, end: node.end, text: shown }])
  }

  /** Bytes for the gateway, or undefined: nobody of this generation asked. */
  answer({ doc, id }: ResponseMessage, generation: number): Buffer | undefined {
    const asked = id === undefined ? undefined : this.#open.get(id)
    if (id === undefined || !asked) return undefined
    this.#open.delete(id)
    if (asked.generation !== generation) return undefined
    const node = asked.id === id ? undefined : member(doc.root, 'id')
    return node ? splice(doc.bytes, [{ start: node.start, end: node.end, text: asked.id }]) : doc.bytes
  }

  /** Forgets the questions of a session that is over; the ids under which the host knows them. */
  end(generation: number): string[] {
    const ended = [...this.#open].filter(([, open]) => open.generation === generation).map(([id]) => id)
    for (const id of ended) this.#open.delete(id)
    return ended
  }
}

/** Strings and numbers stay apart. */
const shownId = (id: string, generation: number): string =>
  generation === 0 ? id : JSON.stringify(`session-${generation}-${id.startsWith('"') ? 's' : 'n'}-${id.replaceAll('"', '')}`)
