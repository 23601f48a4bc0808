// Names in definitions: parameters that would carry the conversation away, names that programs take for something else, names that show other than they are.

const CONVERSATION: ReadonlySet<string> = new Set(
  'systemprompt chainofthought conversation conversationhistory conversationtext conversationlog chathistory toolcallhistory toolslist toollist availabletools llmname llmmodelname modelnameused sidenote previousmessages contextwindow fullcontext userprompt internalreasoning scratchpad diagnosticsoutput diagnosticoutput debugcontext'.split(
    ' ',
  ),
)
const SIGIL = 'prompt context history memory reasoning session conversation system instruction thought tool'.split(' ')
const RESERVED: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])
const CREDENTIALS: ReadonlySet<string> = new Set(
  'pin pincode otp totp mfacode 2facode onetimecode onetimepassword token authtoken bearertoken refreshtoken secret clientsecret credential credentials accesskey seedphrase recoveryphrase mnemonic cardnumber creditcard creditcardnumber cvv cvc ssn socialsecuritynumber'.split(
    ' ',
  ),
)
const CREDENTIAL_ENDS = ['password', 'passwd', 'passphrase', 'apikey', 'secretkey', 'privatekey', 'accesstoken']
const MAX_NAME = 128

const nameOf = (bytes: Uint8Array, start: number, end: number): string =>
  end - start > MAX_NAME ? '' : Buffer.from(bytes.subarray(start, end)).toString('latin1')

/** `conversation_history`, `system-prompt`, and what is marked as hidden by `_` on both sides. */
export function takesConversation(bytes: Uint8Array, start: number, end: number): boolean {
  const name = nameOf(bytes, start, end).toLowerCase()
  if (name.startsWith('_') && name.endsWith('_') && SIGIL.some(word => name.includes(word))) return true
  return CONVERSATION.has(name.replaceAll('_', '').replaceAll('-', ''))
}
/** `api_key`, `Your password`, `card number`: what a form must not ask for (MCP 2025-11-25 elicitation, "servers MUST NOT request sensitive information"). */
export function isCredentialName(bytes: Uint8Array, start: number, end: number): boolean {
  const name = nameOf(bytes, start, end).toLowerCase().replaceAll('_', '').replaceAll('-', '').replaceAll(' ', '').replaceAll(':', '')
  return CREDENTIALS.has(name) || CREDENTIAL_ENDS.some(word => name.endsWith(word))
}
export const isReservedName = (bytes: Uint8Array, start: number, end: number): boolean => RESERVED.has(nameOf(bytes, start, end))

/** Anything but letters, digits, `_`, `.`, `-`, at most 128 (MCP 2025-11-25, tool names). */
export function isOddName(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > MAX_NAME) return true
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0
    const isLetter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a
    if (!isLetter && !(byte >= 0x30 && byte <= 0x39) && byte !== 0x5f && byte !== 0x2e && byte !== 0x2d) return true
  }
  return false
}
