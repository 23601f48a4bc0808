// What `gatehouse trust` says to people.

import type { OfflineRole } from '../../adapters/tuf/ceremony.ts'
import { keysOf, type AnyMetadata, type SignedBy } from '../../adapters/tuf/metadata.ts'
import type { Publication } from '../../adapters/tuf/keyholders-part.ts'
import type { TrustFolder } from '../../adapters/tuf/trust-folder.ts'
import type { ReportedRole, TrustReport } from '../../adapters/tuf/trust-report.ts'

export const EVALUATION =
  'EVALUATION: one key signs everything, and it lies on this machine. Whoever has it decides what gateways trust. For trying out only.\n'

const HOUR_MS = 3_600_000

export function stagedText(folder: TrustFolder, roles: readonly OfflineRole[], isSigned: boolean): string {
  const lines = roles.map(role => `  ${folder.stagedFile(role)}`)
  const next = isSigned ? '' : 'have them signed with `gatehouse trust sign`, then '
  return `staged:\n${lines.join('\n')}\n${next}run \`gatehouse trust publish\`\n`
}

/** What a keyholder is about to answer for. */
export function metadataText(metadata: AnyMetadata): string {
  const { type, version, expires } = metadata.signed
  const lines = [`${type} metadata, version ${version}, counts until ${expires}`]
  const roles = 'roles' in metadata.signed ? metadata.signed.roles : (metadata.signed.delegations?.roles ?? {})
  for (const [role, { threshold }] of Object.entries(roles)) {
    lines.push(`  ${role}: ${threshold} of`)
    for (const { id } of keysOf(metadata, role)) lines.push(`    ${id}`)
  }
  if ('targets' in metadata.signed)
    for (const [path, { hashes }] of Object.entries(metadata.signed.targets)) lines.push(`  ${path}: SHA-256 ${hashes['sha256'] ?? ''}`)
  return `${lines.join('\n')}\n`
}

export function publicationText({ published, waiting }: Publication): string {
  const taken = published.length === 0 ? 'nothing new from keyholders' : `taken up: ${published.join(', ')}`
  const lines = waiting.map(({ role, ...by }) => `waiting: ${role}, ${signaturesText(by)}`)
  return `${[taken, 'snapshot and timestamp are signed anew', ...lines].join('\n')}\n`
}

const signaturesText = ({ signed, threshold, missing }: Omit<Publication['waiting'][number], 'role'>): string =>
  `${signed} of ${threshold} signatures; could sign: ${missing.join(', ')}`

export function reportText({ roles, staged, refused }: TrustReport, nowMs: number): string {
  const lines = roles.flatMap(role => roleLines(role, nowMs))
  for (const { role, version, by } of staged)
    lines.push(`staged: ${role}, version ${version}: ${by.map(byText).join('; and of the new keys ')}`)
  lines.push(refused.length === 0 ? 'a new gateway believes all of it' : 'a new gateway would refuse:', ...refused.map(why => `  ${why}`))
  return `${lines.join('\n')}\n`
}

const byText = ({ threshold, signed, missing }: SignedBy): string => signaturesText({ threshold, signed: signed.length, missing })

function roleLines({ role, version, expiresMs, standing, threshold, keys }: ReportedRole, nowMs: number): readonly string[] {
  const until = new Date(expiresMs).toISOString()
  const mark = standing === 'good' ? '' : standing === 'soon' ? '  SOON' : '  EXPIRED'
  const first = `${role.padEnd(12)}version ${version}, until ${until} (${leftText(expiresMs - nowMs)}), ${threshold} of ${keys.length} keys${mark}`
  return [first, ...keys.map(id => `            ${id}`)]
}

const leftText = (ms: number): string =>
  ms <= 0 ? 'over' : ms < 48 * HOUR_MS ? `${Math.ceil(ms / 60_000)} minutes` : `${Math.floor(ms / (24 * HOUR_MS))} days`
