// From `upstreams.<alias>.arguments` to what the gateway sees.

import type { ArgumentSettings } from '../arguments/rule.ts'
import type { UpstreamDocument } from './upstream-table.ts'

/** `admission`: as it holds for this upstream. */
export function argumentsOf(
  alias: string,
  { validate, rules, resourceRoots }: UpstreamDocument['arguments'],
  admission: 'required' | 'configured',
): ArgumentSettings {
  return {
    validate: validate ?? (admission === 'required' ? 'strict' : 'off'),
    rules: rules.map(({ id, roots, url, command, identifier, pattern, maxLength, ...rule }, index) => ({
      ...rule,
      id: id ?? `${alias}/arguments/${index + 1}`,
      ...(roots && { roots }),
      ...(url && { url }),
      ...(command && { command }),
      ...(identifier !== undefined && { identifier }),
      ...(pattern !== undefined && { pattern }),
      ...(maxLength !== undefined && { maxLength }),
    })),
    resourceRoots,
  }
}
