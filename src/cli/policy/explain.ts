// `gatehouse policy explain`: why a request would be permitted or refused, and what would change that.

import { CedarEngine } from '../../adapters/cedar/engine.ts'
import { inertLine } from '../../kernel/json-string.ts'
import { explain, type Explanation } from '../../policy/explain.ts'
import type { Policy } from '../../policy/load.ts'
import { PolicyRules } from '../../policy/evaluate.ts'
import type { RequestRecord } from '../../policy/record.ts'
import { EXIT, type CommandArgs } from '../command.ts'
import { loadFolder, reportFaults } from './folder.ts'
import { isProblem, requestOf } from './request.ts'

export async function run(args: CommandArgs): Promise<number> {
  const { io, json } = args
  const loaded = await loadFolder(args)
  const { bundle, dir, language } = loaded
  if (reportFaults(args, loaded) || !bundle) return EXIT.failed
  const request = await requestOf(args, loaded)
  if (isProblem(request)) {
    io.err(request.problem)
    return EXIT.usage
  }
  const engine = new CedarEngine()
  const explanation = explain(request, new PolicyRules(bundle, engine), { language, engine })
  io.out(json ? `${JSON.stringify(asData(explanation))}\n` : asWords(explanation, dir))
  return EXIT.ok
}

function asData({ decision, record, decidedBy, demandedBy, otherPermits }: Explanation): object {
  const named = ({ id, title, file, line }: Policy): object => ({ id, title, file, line })
  return {
    ...record,
    decidedBy: decidedBy.map(named),
    demandedBy: demandedBy.map(named),
    obligations: decision.obligations,
    ...(decision.approvals.length > 0 && { approvals: decision.approvals }),
    ...(decision.detail !== undefined && { detail: decision.detail }),
    advice: decision.advice,
    otherPermits: otherPermits.map(({ policy, unmet }) => ({ ...named(policy), unmet })),
  }
}

const WORDS = { allow: 'allowed', deny: 'denied', approval: 'needs approval' } as const
const MAX_OTHERS = 5

function asWords({ decision, record, decidedBy, demandedBy, otherPermits }: Explanation, dir: string): string {
  const lines = [`${WORDS[decision.outcome]} (${decision.code})${decision.detail === undefined ? '' : `: ${decision.detail}`}`]
  const rule = ({ id, title, file, line }: Policy): string => `  ${id}${title === '' ? '' : `: ${title}`} (${dir}/${file}:${line})`
  if (decidedBy.length > 0) lines.push(decision.outcome === 'allow' ? 'permitted by' : 'forbidden by', ...decidedBy.map(rule))
  for (const { approvers, ttlSeconds } of decision.approvals)
    lines.push(`approval by one of ${approvers.join(', ')} counts for ${ttlSeconds} s`)
  for (const advice of new Set(decision.advice)) lines.push(`advice: ${advice}`)
  if (demandedBy.length > 0) lines.push('with what these demand', ...demandedBy.map(rule))
  if (otherPermits.length > 0) {
    lines.push('no permit applies; these come nearest')
    for (const { policy, unmet } of otherPermits.slice(0, MAX_OTHERS))
      lines.push(rule(policy), ...unmet.map(text => `    would need ${text.replaceAll(/\s+/g, ' ')}`))
    if (otherPermits.length > MAX_OTHERS) lines.push(`  and ${otherPermits.length - MAX_OTHERS} more`)
  }
  if (record.facts) lines.push('decided by these facts', ...factLines(record.facts).map(line => `  ${line}`))
  return `${lines.map(inertLine).join('\n')}\n`
}

function factLines({ action, principal, resource, context, arguments: given }: RequestRecord): string[] {
  const lines = [`action ${action}`]
  for (const [role, { type, id, in: within, notIn = [], attributes }] of [
    ['principal', principal],
    ['resource', resource],
  ] as const) {
    lines.push(`${role} ${type} ${id}`)
    for (const key of within) lines.push(`${role} in ${key}`)
    for (const key of notIn) if (key !== `${type} ${id}`) lines.push(`${role} not in ${key}`)
    for (const [path, value] of Object.entries(attributes)) lines.push(`${role}.${path} = ${shown(value)}`)
  }
  for (const [path, value] of Object.entries(context)) lines.push(`context.${path} = ${shown(value)}`)
  for (const [pointer, values] of Object.entries(given)) lines.push(`argument ${pointer} = ${shown(values)}`)
  return lines
}

const shown = (value: unknown): string => (value === null ? '(absent)' : JSON.stringify(value))
