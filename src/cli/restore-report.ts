// What a restore tells: what is as it was, what stays ended, what is gone, and what nobody knows.

import { basename } from 'node:path'
import type { EndedLog } from '../adapters/audit/floor.ts'
import type { Restored } from '../adapters/sqlite/restored-state.ts'
import type { CommandArgs } from './command.ts'

export type Done = {
  /** of the backup, RFC 3339 */
  readonly createdAt: string
  readonly keys: { readonly placed: readonly string[]; readonly left: readonly string[] }
  /** where the database before is, or what was left of it */
  readonly aside: string | undefined
  /** grants whose key is not here */
  readonly unreadable: number
  readonly restored: Restored
  readonly isLogWhole: boolean
  /** the audit log could not go on: why, where what was left of it is, and how far it had been signed */
  readonly newLog?: { readonly why: string; readonly aside: string | undefined; readonly before: EndedLog | undefined }
  /** acts that the log names and a restore cannot repeat */
  readonly unreadableActs: readonly string[]
  readonly advisories: readonly string[]
}

export function report({ io, json }: CommandArgs, done: Done): void {
  if (json) io.out(`${JSON.stringify({ ...done, lost: lostBy(done), unknown: unknownAfter(done) })}\n`)
  else io.out([...linesOf(done), ...lostBy(done), ...unknownAfter(done)].map(line => `${line}\n`).join(''))
  if (done.unreadable > 0) io.err('grants in it are sealed with a key that is not here; their owners must connect anew\n')
}

function linesOf({ createdAt, keys, aside, restored, newLog }: Done): readonly string[] {
  const { connections, blocked, revoked, frozen, ended, marked } = restored
  const of = (table: string): number => ended[table] ?? 0
  return [
    `state.db is that of ${createdAt}${keys.placed.length > 0 ? `, and ${keys.placed.length} keys with it` : ''}; trust/ was not touched`,
    ...(keys.left.length > 0 ? [`left out: ${keys.left.join(', ')}`] : []),
    ...(aside === undefined
      ? []
      : [`${/-(?:wal|shm)$/.test(aside) ? 'what is left of the one before' : 'the one before'} is ${basename(aside)}`]),
    ...(newLog ? [`a new audit log begins: ${begins(newLog)}`] : ['the audit log goes on']),
    `everybody signs in anew: no token from before now counts, ${of('sign_ins')} sign-ins and ${of('consents')} consents have ended`,
    `ended: ${of('approvals')} approvals, ${of('standing_grants')} standing grants, ${of('proposals')} proposals that waited, ${of('pending_connections')} links to connect an account`,
    `connections: ${connections.kept} are as they were, ${connections.ended} stay ended, ${connections.heldBack} are held back`,
    ...listed('blocked since the backup, blocked again', blocked),
    ...listed('revoked since the backup, revoked again', revoked),
    ...listed('frozen', frozen),
    ...(marked > 0 ? [`${marked} marks of what was read are put back`] : []),
  ]
}
function begins({ why, aside, before }: NonNullable<Done['newLog']>): string {
  const named = before ? `; its first events name \`${before.origin}\` with ${before.size} events` : ''
  return `${LOST[why] ?? why}${aside === undefined ? '' : `, what is left of it is ${basename(aside)}`}${named}`
}
const LOST: Readonly<Record<string, string>> = {
  'audit-missing': 'the one before is gone',
  'audit-rolled-back': 'the one before has less events than were signed',
  'audit-changed': 'the one before is not what was signed',
  'audit-key-missing': 'the key of the one before is gone',
}

const listed = (what: string, names: readonly string[]): readonly string[] => (names.length > 0 ? [`${what}: ${names.join(', ')}`] : [])

/** What was made since the backup, and has to be made anew. */
function lostBy({ createdAt, restored: { goneVersions }, advisories }: Done): readonly string[] {
  const published = goneVersions > 0 ? `${goneVersions} published versions` : 'versions published since'
  return [
    `gone with what is newer than ${createdAt}: accounts connected since, applications allowed since, ${published}, reviews, advice taken back, blocks lifted`,
    ...listed('advisories recorded or withdrawn since, to be recorded again', advisories),
  ]
}

function unknownAfter({ createdAt, isLogWhole, restored, unreadableActs }: Done): readonly string[] {
  const { isSuccessor, connections } = restored
  const lines: string[] = []
  if (!isLogWhole) {
    lines.push(
      `known until ${createdAt}: the audit log here does not go through this backup. What was revoked, blocked, frozen or read after that is unknown${isSuccessor ? ' but for what the database before knew' : ''}: block and revoke again what you know of`,
    )
    lines.push(
      connections.heldBack > 0
        ? 'connections are held back for that: everybody connects their accounts anew (--keep-connections takes the risk)'
        : 'connections that were revoked after that may be among those that are kept',
    )
  } else if (!isSuccessor) {
    lines.push(
      `there was no database that came of this backup: what was ended since ${createdAt} is taken from the audit log. Whoever read contents over a standing stream in the last minutes is not marked`,
    )
  }
  return [...lines, ...listed('the log does not name these whole, look at them', unreadableActs)]
}
