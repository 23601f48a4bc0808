// What the gateway itself asks of upstreams (handshakes, lists, streams of changes), recorded like a call: before it leaves, and how it ended.

import { principalOf, type PrincipalKey } from '../kernel/principal.ts'
import type { ContactEnd, EventEncoder } from './encode.ts'
import type { AuditLog } from './log.ts'
import type { ContactFacts } from './record.ts'
import { contactKey } from './recover.ts'

/** `principal`: `*` where an upstream is shared by all. */
export type ContactAsked = Pick<ContactFacts, 'server' | 'purpose' | 'method' | 'paramsDigest' | 'credential'> & {
  readonly principal: PrincipalKey | '*'
}

export type OpenContact = {
  /** durable when it resolves; once: later ends are ignored. Rejects with the log's Fault, and then nothing that was learned may be used */
  end(how: Pick<ContactEnd, 'outcome' | 'reason'>): Promise<void>
}

/**
 * Durable when it resolves: only then may anything leave for the upstream. Rejects with the log's Fault `audit-unavailable`, and then nothing may.
 * Not for the data path: whoever asks keeps what he learns, so that hosts cannot make rows in the log by asking again.
 */
export type Contacts = (asked: ContactAsked) => Promise<OpenContact>

export function createContacts(log: Pick<AuditLog, 'append'>, encoder: EventEncoder, monotonic: () => number): Contacts {
  return async ({ principal, ...asked }) => {
    const beganMs = monotonic()
    const who = principal === '*' ? undefined : principalOf(principal)
    const contact = encoder.newId()
    const key = contactKey(contact)
    const text = encoder.contactText({ ...asked, contact, principal: who })
    await log.append(encoder.contact(text), key)
    let isOver = false
    return {
      async end(how) {
        if (isOver) return
        isOver = true
        await log.append(encoder.contactEnd(text, { ...how, ms: monotonic() - beganMs }), undefined, key)
      },
    }
  }
}
