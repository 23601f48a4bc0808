// Keys of a task's questions as hosts see them: the upstream's key with what the answer is held against, sealed for the task's own principal, so that any
// replica can check the answer. One question of one task has one key however often it is looked at: hosts tell by it what they have answered.

import type { PrincipalKey } from '../kernel/principal.ts'
import { contextOf, type Sealer } from '../kernel/seal.ts'
import type { RequestKind } from './capabilities.ts'

/** Longest key in characters. */
const MAX_KEY = 65_536

/** Whose task it is. `task`: in the upstream's own name */
export type TaskQuestionBinding = {
  readonly principal: PrincipalKey
  /** resource identifier */
  readonly endpoint: string
  readonly alias: string
  readonly task: string
}
export type TaskQuestion = { readonly key: string; readonly method: string; readonly kind: RequestKind; readonly expects: string }

/** Undefined when it would be too long: the upstream asks for too much. */
export function mintTaskQuestion(sealer: Sealer, binding: TaskQuestionBinding, asked: TaskQuestion): string | undefined {
  const { key, method, kind, expects } = asked
  const text = sealer.seal('task-question', Buffer.from(JSON.stringify([key, method, kind, expects])), contextOfQuestion(binding))
  return text.length > MAX_KEY ? undefined : text
}

/** What was asked, or undefined: never, in another task, or of somebody else. All alike. */
export function openTaskQuestion(sealer: Sealer, text: string, binding: TaskQuestionBinding): TaskQuestion | undefined {
  const payload = sealer.open('task-question', text, MAX_KEY, contextOfQuestion(binding))
  if (payload === undefined) return undefined
  const [key, method, kind, expects] = JSON.parse(payload.toString()) as [string, string, RequestKind, string]
  return { key, method, kind, expects }
}

const contextOfQuestion = (b: TaskQuestionBinding): Buffer => contextOf([b.principal, b.endpoint, b.alias, b.task])
