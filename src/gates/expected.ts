// What was asked, as far as its answer is held against it: text that travels in sealed state between question and answer, so that any replica can check.

import type { Field, Form } from './form.ts'

export type Expected =
  | { readonly kind: 'form'; readonly form: Form }
  | { readonly kind: 'url' }
  | { readonly kind: 'roots' }
  | { readonly kind: 'sampling'; readonly tools: readonly string[] | undefined }

export const expectsForm = (form: Form): string => JSON.stringify(['form', form])
export const expectsSampling = (tools: readonly string[] | undefined): string => JSON.stringify(['sampling', tools ?? null])
export const expectsNothing = (kind: 'url' | 'roots'): string => JSON.stringify([kind])

/** Text of ours that came back whole: it was sealed, or never left. */
export function readExpected(text: string): Expected {
  const [kind, more] = JSON.parse(text) as ['form', Field[]] | ['sampling', string[] | null] | ['url' | 'roots', undefined]
  if (kind === 'form') return { kind, form: more }
  if (kind === 'sampling') return { kind, tools: more ?? undefined }
  return { kind }
}
