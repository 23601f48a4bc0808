// Administration as this process has it: roles of the snapshot, blocks, proposals, break-glass, and what a change does.

import type { Logger } from '../adapters/telemetry/logs.ts'
import type { EventEncoder } from '../audit/encode.ts'
import type { AuditLog } from '../audit/log.ts'
import type { ValueStore } from '../audit/values.ts'
import { BreakGlass, type Opening } from '../administration/break-glass.ts'
import { Proposals, type ProposalStore } from '../administration/proposals.ts'
import { hasOperator, rolesOf } from '../administration/roles.ts'
import type { Snapshot } from '../config/schema.ts'
import { BLOCK_KINDS, type BlockTarget } from '../identity/blocks.ts'
import { keyOf, type PrincipalKey } from '../kernel/principal.ts'
import type { AdminDeps } from '../pipeline/administration.ts'
import type { GatewayDeps } from '../pipeline/deps.ts'
import { groupPrefix } from './policy-candidate.ts'
import type { Standing } from './standing.ts'

export type AdministrationParts = Pick<GatewayDeps, 'authenticate' | 'standing' | 'admit' | 'streamLimit' | 'now' | 'newId' | 'judge'> & {
  readonly current: () => Snapshot
  readonly blocking: Standing
  readonly proposals: ProposalStore
  readonly connections: AdminDeps['connections']
  readonly collisions: AdminDeps['collisions']
  readonly activity: AdminDeps['activity']
  readonly reviews: AdminDeps['reviews']
  readonly marks: Pick<AdminDeps['marks'], 'all' | 'clear'>
  readonly delivery: AdminDeps['delivery']
  readonly registry: AdminDeps['registry']
  readonly auditReader: AdminDeps['auditReader']
  readonly auditValues: ValueStore
  readonly approvals: Omit<AdminDeps['approvals'], 'groupsOf' | 'selfFrom'>
  /** key name -> makes a new generation; what it answers is told to the operator and holds no secret */
  readonly rotations: Readonly<Record<string, () => Promise<object>>>
  readonly log: Pick<AuditLog, 'append'>
  readonly encoder: Pick<EventEncoder, 'lifecycle'>
  readonly logger: Pick<Logger, 'warn' | 'fault'>
}

export function createAdministration(parts: AdministrationParts): AdminDeps {
  const { current, blocking, log, encoder, logger } = parts
  const prefixOf = groupPrefix(current)
  const nowSeconds = (): number => Math.floor(parts.now() / 1000)
  /** Loud: the gateway's log and the audit log; /readyz and the metrics read `breakGlass.now`. */
  const say = async (what: string, detail: object): Promise<void> => {
    logger.warn(`break-glass ${what}`, { ...detail })
    await log.append(encoder.lifecycle(`break-glass-${what}`, { ...detail }))
  }
  const closed = ({ why, by }: Opening): void =>
    void say('closed', { why, by }).catch((cause: unknown) => logger.fault('the end of break-glass could not be recorded', cause))
  return {
    ...parts,
    rolesOf: principal => rolesOf(current().administration.roles, principal),
    isTwoPerson: () => current().administration.twoPerson,
    blocks: { all: () => blocking.blocks.all, block: block => blocking.block(block) },
    signOut: key => blocking.signOut({ kind: 'principal', key }),
    principalNamed: text => principalNamed(current(), text),
    marks: {
      all: principal => parts.marks.all(principal),
      clear: (principal, client) => parts.marks.clear(principal, client),
      mayClearOwn: () => current().flow.clearOwn,
      recordClear: detail => log.append(encoder.lifecycle('marks-clear', { ...detail })),
    },
    approvals: {
      ...parts.approvals,
      groupsOf: ({ issuer, groups }) => groups.map(group => prefixOf(issuer) + group),
      selfFrom: () => current().approvals.selfFrom,
    },
    hasServer: alias => current().upstreams.has(alias),
    wouldLockOut: target =>
      target.kind === 'principal' && isAnybodyLeft(current(), blocking) && !isAnybodyLeft(current(), blocking, target),
    changes: {
      // On record when it is done: whoever restores an older database learns from it that the block does not come back.
      unblock: async target => {
        if (!(await blocking.unblock(targetOf(target)))) return undefined
        await log.append(encoder.lifecycle('block-freed', { target }))
        return { freed: target }
      },
      'register-namespace': async target => {
        const [name = '', ...owner] = target.split(' ')
        const key = principalNamed(current(), owner.join(' '))
        const namespace = key === undefined ? undefined : await parts.registry.namespaces.register(name, key)
        return namespace && { namespace }
      },
      // Nobody but the approver is asked who clears it: the audit log has both.
      'clear-lookalike': name => parts.registry.publisher.clear(name),
      'thaw-namespace': async name => {
        const namespace = await parts.registry.namespaces.setState(name, 'active')
        return namespace && { namespace }
      },
      'reassign-namespace': async target => {
        const [name = '', ...owner] = target.split(' ')
        const key = principalNamed(current(), owner.join(' '))
        const namespace = key === undefined ? undefined : await parts.registry.namespaces.reassign(name, key)
        return namespace && { namespace }
      },
      // On record with who, why and how many first. A crash in between leaves values: done again, it removes them.
      'erase-values': async (target, asked) => {
        const of = target as PrincipalKey
        await log.append(encoder.lifecycle('audit-erased', { of, ...asked, values: await parts.auditValues.count(of) }))
        return { erased: await parts.auditValues.erase(of) }
      },
      // Nothing counts by it: keyholders sign what is staged.
      'stage-signer-policy': target => parts.registry.signers.stage(target),
      'rotate-key': async name => (Object.hasOwn(parts.rotations, name) ? parts.rotations[name]?.() : undefined),
    },
    proposals: new Proposals({
      store: parts.proposals,
      nowSeconds,
      lifeSeconds: () => current().administration.proposalSeconds,
      newId: parts.newId,
      isBlocked: key => blocking.blocks.hasPrincipal(key),
    }),
    recordChange: detail => log.append(encoder.lifecycle('change-applied', { ...detail })),
    breakGlass: new BreakGlass(nowSeconds, closed),
    onBreakGlass: (what, by, detail) => say(what, { by, ...detail }),
  }
}

/** Whether a snapshot leaves somebody who can administer, with what is blocked now and would be besides. */
export const isAnybodyLeft = ({ administration }: Snapshot, { blocks }: Standing, besides?: BlockTarget): boolean =>
  hasOperator(administration.roles, key => blocks.hasPrincipal(key) || key === besides?.target)

/** Also somebody whom only a proof of a namespace names, such as a job: to be blocked. */
function principalNamed({ issuers, registry }: Snapshot, text: string): PrincipalKey | undefined {
  const [issuer = '', ...rest] = text.split(' ')
  if (rest.length > 0 && [...issuers, ...registry.proofs].some(known => known.issuer === issuer)) return keyOf(issuer, rest.join(' '))
  const [only, ...others] = issuers
  return rest.length === 0 && only && others.length === 0 && text !== '' ? keyOf(only.issuer, text) : undefined
}

/** `<kind> <target>`, as a change names it. */
function targetOf(text: string): BlockTarget {
  const [word] = text.split(' ', 1)
  const kind = BLOCK_KINDS.find(k => k === word) ?? 'principal'
  return { kind, target: text.slice(kind.length + 1) }
}
