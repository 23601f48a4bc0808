// The audit log of the policy demo, as an auditor's program would read it.

import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { readEvents } from '../../adapters/audit/lines.ts'

type Json = Readonly<Record<string, unknown>>
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** A decision about a call of a tool. */
export type Call = {
  readonly who: unknown
  readonly tool: unknown
  readonly digest: unknown
  readonly outcome: unknown
  readonly rules: unknown
  /** what the shadow would have come to; undefined = the same */
  readonly shadow: Json | undefined
}

export type AuditLog = { readonly calls: readonly Call[]; readonly lifecycles: readonly Json[] }

/** All there is now. */
export async function readLog(dataDir: string): Promise<AuditLog> {
  const calls: Call[] = []
  const lifecycles: Json[] = []
  await readEvents(join(dataDir, 'audit'), line => {
    const event: unknown = JSON.parse(line)
    if (!isJson(event)) return
    if (event['type'] === 'lifecycle') lifecycles.push(event)
    const { subject, principal, policy } = event
    if (!isJson(subject) || subject['method'] !== 'tools/call' || !isJson(policy)) return
    const shadow = policy['shadow']
    const { digest, outcome, rules } = policy
    const who = isJson(principal) ? principal['subject'] : undefined
    calls.push({ who, tool: subject['name'], digest, outcome, rules, shadow: isJson(shadow) ? shadow : undefined })
  })
  return { calls, lifecycles }
}

/** Waits for an event of what rules are in force; false = it did not come within 20 s. */
export async function policiesWhen(dataDir: string, is: (detail: Json) => boolean): Promise<boolean> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const { lifecycles } = await readLog(dataDir)
    const last = lifecycles.findLast(({ what }) => what === 'policies')?.['detail']
    if (isJson(last) && is(last)) return true
    await wait(100)
  }
  return false
}
