// Who was there first. The first in rank is the incumbent; whoever comes later and looks like it is the offender.

import type { Primitive, ShownServer } from './inventory.ts'

export type Ranked = { readonly server: ShownServer; readonly primitive: Primitive }

/** Admitted before quarantined; then a verified publisher before none; then the earlier; then, so that the answer is always the same, by source and alias. */
export function compareServers(a: ShownServer, b: ShownServer): number {
  return (
    Number(a.standing !== 'admitted') - Number(b.standing !== 'admitted') ||
    Number(a.identity.publisher === undefined) - Number(b.identity.publisher === undefined) ||
    a.since - b.since ||
    compareText(a.identity.source, b.identity.source) ||
    compareText(a.alias, b.alias)
  )
}

/** By code units: the same everywhere. */
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** One server under two aliases, or two of one publisher: they do not imitate each other. */
export const isKin = (a: ShownServer, b: ShownServer): boolean =>
  a.alias === b.alias ||
  a.identity.source === b.identity.source ||
  (a.identity.publisher !== undefined && a.identity.publisher === b.identity.publisher)

/** All entries, the most trusted first: what an operator prefers, then by server, then by kind and name. */
export function inRank(servers: readonly ShownServer[]): Ranked[] {
  const all = [...servers]
    .sort(compareServers)
    .flatMap(server =>
      [...server.primitives]
        .sort((a, b) => compareText(a.kind, b.kind) || compareText(a.name, b.name))
        .map(primitive => ({ server, primitive })),
    )
  const isPreferred = ({ primitive }: Ranked): boolean => primitive.settled === 'preferred'
  return [...all.filter(isPreferred), ...all.filter(entry => !isPreferred(entry))]
}
