// The one form of a file of policies: Cedar's own, with the comment at its head kept apart from the first rule.

import type { LanguageFault, PolicyLanguage } from './language.ts'

/** The file as it should be; offsets of faults count bytes of the file. */
export function formatFile(text: string, language: PolicyLanguage): string | { readonly faults: readonly LanguageFault[] } {
  const unix = text.replaceAll('\r\n', '\n')
  const head = /^(?:\/\/[^\n]*\n)+\n+/.exec(unix)?.[0] ?? ''
  const body = unix.slice(head.length)
  if (body.trim() === '') return `${unix.trim()}\n`
  const formatted = language.format(body)
  if (typeof formatted !== 'string') {
    const offset = Buffer.byteLength(head)
    return { faults: formatted.faults.map(fault => ({ ...fault, ...(fault.start !== undefined && { start: fault.start + offset }) })) }
  }
  return `${head === '' ? '' : `${head.trimEnd()}\n\n`}${formatted.trim()}\n`
}
