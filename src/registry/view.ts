// What of the registry somebody sees.

import type { ServerName } from './names.ts'

/** What may be seen: all of it, or certain servers and namespaces (lower case). `name` tells cursors of one view from those of another. */
export type RegistryView = {
  readonly name: string
  readonly only?: { readonly servers: readonly string[]; readonly namespaces: readonly string[] }
  /** for reviewers: what waits for them, too */
  readonly withQuarantined?: true
}

export const isSeen = ({ only }: RegistryView, { key, namespace }: ServerName): boolean =>
  !only || only.servers.includes(key) || only.namespaces.includes(namespace.toLowerCase())

/** A path segment; undefined for what is not UTF-8, or half an escape. */
export function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}
