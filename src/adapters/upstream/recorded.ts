// Nothing of the gateway's own leaves for an upstream before it is recorded, and nothing that was learned is used before its end is recorded too.

import type { Caller } from '../../bridge/upstream.ts'
import type { ContactAsked, OpenContact } from '../../audit/contacts.ts'
import { isFailure, type Failure } from './calls.ts'
import type { TransportContext } from './transport.ts'

type Asked = Pick<ContactAsked, 'purpose' | 'method' | 'paramsDigest'> & { readonly caller: Caller }
type Context = Pick<TransportContext, 'contacts' | 'settings'>

/** No record, no contact. */
export const UNRECORDED: Failure = { stop: 'audit-unavailable', detail: 'the audit log cannot be written', contact: 'none' }

/** Resolves once the record is durable; never rejects. */
export async function openContact({ contacts, settings }: Context, { caller, ...asked }: Asked): Promise<OpenContact | Failure> {
  try {
    const { principal, credential } = caller
    return await contacts({ ...asked, server: settings.alias, principal, ...(credential && { credential: credential.id }) })
  } catch {
    // The log says itself why it cannot be written.
    return UNRECORDED
  }
}

/** Asks within a record. Where its end cannot be recorded, `undo` lets go of what was opened. `ask` must not reject; neither does this. */
export async function recorded<T extends object>(
  context: Context,
  asked: Asked,
  { ask, undo }: { readonly ask: () => Promise<T | Failure>; readonly undo?: (opened: T) => void },
): Promise<T | Failure> {
  const contact = await openContact(context, asked)
  if (isFailure(contact)) return contact
  const got = await ask()
  try {
    await contact.end(isFailure(got) ? { outcome: 'stopped', reason: got.stop } : { outcome: 'ok' })
    return got
  } catch {
    // As above.
    if (!isFailure(got)) undo?.(got)
    return UNRECORDED
  }
}
