// Cedar behind the port that reads policies: syntax, types, the one form. For loading and the command line; nothing here is on the way of a request.

import type { PolicyAst } from '../../policy/ast.ts'
import type { LanguageFault, PolicyLanguage } from '../../policy/language.ts'
import { CedarInstance } from './instance.ts'

type DetailedError = {
  readonly message: string
  readonly help: string | null
  readonly sourceLocations?: readonly { readonly start: number; readonly label: string | null }[]
}

const LINE_WIDTH = 120

export class CedarLanguage implements PolicyLanguage {
  readonly #instance = new CedarInstance()

  read(text: string): PolicyAst | { readonly faults: readonly LanguageFault[] } {
    return this.#try<PolicyAst>(() => {
      const answer = this.#instance.call(cedar => cedar.policyToJson(text))
      return answer.type === 'success' ? (answer.json as unknown as PolicyAst) : { faults: answer.errors.map(faultOf) }
    })
  }

  validate(schema: string, policies: ReadonlyMap<string, string>): readonly (LanguageFault & { readonly id?: string })[] {
    const staticPolicies = Object.fromEntries(policies)
    const found = this.#try(() => {
      const answer = this.#instance.call(cedar =>
        cedar.validate({ schema, policies: { staticPolicies }, validationSettings: { mode: 'strict' } }),
      )
      if (answer.type === 'failure') return { faults: answer.errors.map(faultOf) }
      const { validationErrors, validationWarnings, otherWarnings } = answer
      const named = [...validationErrors, ...validationWarnings].map(({ policyId, error }) => ({ ...faultOf(error), id: policyId }))
      return { faults: [...named, ...otherWarnings.map(faultOf)] }
    })
    return found.faults
  }

  format(text: string): string | { readonly faults: readonly LanguageFault[] } {
    return this.#try<string>(() => {
      const answer = this.#instance.call(cedar => cedar.formatPolicies({ policyText: text, lineWidth: LINE_WIDTH, indentWidth: 2 }))
      return answer.type === 'success' ? answer.formatted_policy : { faults: answer.errors.map(faultOf) }
    })
  }

  /** Cedar writes policies only: one that has nothing but this condition, and what surrounds it taken off. */
  write(expression: unknown): string {
    const policy = { effect: 'permit', principal: { op: 'All' }, action: { op: 'All' }, resource: { op: 'All' } }
    const text = this.#try<string>(() => {
      const whole = { ...policy, conditions: [{ kind: 'when', body: expression }] }
      const answer = this.#instance.call(cedar => cedar.policyToText(whole as never))
      return answer.type === 'success' ? answer.text : { faults: [] }
    })
    return typeof text === 'string' ? (/when\s*\{\s*([\s\S]*?)\s*\};?\s*$/.exec(text)?.[1] ?? text) : '(a condition)'
  }

  /** What makes Cedar throw (nesting without end, for one) is a fault of the text. */
  #try<T>(run: () => T | { readonly faults: readonly LanguageFault[] }): T | { readonly faults: readonly LanguageFault[] } {
    try {
      return run()
    } catch {
      return { faults: [{ message: 'cannot be read: too deeply nested, or not well-formed' }] }
    }
  }
}

function faultOf({ message, help, sourceLocations }: DetailedError): LanguageFault {
  const [at] = sourceLocations ?? []
  return {
    message: at?.label ? `${message}: ${at.label}` : message,
    ...(help !== null && { help }),
    ...(at && { start: at.start }),
  }
}
