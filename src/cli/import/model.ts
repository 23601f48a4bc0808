// What an import works with: what was found at hosts, and what would be done about it.

import type { LoadResult } from '../../config/load.ts'
import type { Snapshot } from '../../config/schema.ts'
import type { Host, HostFile, Place } from '../hosts/host.ts'
import type { Json } from '../jsonc.ts'
import type { Entry } from './entry.ts'

export type FoundServer = {
  readonly name: string
  readonly label: string
  readonly file: string
  readonly path: readonly string[]
  readonly entry: Entry
}
export type Skipped = { readonly name: string; readonly label: string; readonly problem: string }
/** One host's file as it was read. */
export type FoundFile = {
  readonly hostFile: HostFile
  readonly host: Host
  readonly bytes: Buffer
  readonly text: string
  readonly root: Json
}
export type Found = { readonly servers: readonly FoundServer[]; readonly skipped: readonly Skipped[]; readonly files: readonly FoundFile[] }

export type PlanInput = {
  readonly place: Place
  readonly hosts: readonly Host[]
  readonly snapshot: Snapshot
  /** the bytes the snapshot was made from */
  readonly configBytes: Buffer
  readonly via: 'http' | 'stdio' | undefined
  /** how a host starts `gatehouse stdio` */
  readonly bridge: { readonly command: string; readonly args: readonly string[] }
  /** VS Code inputs, by id */
  readonly inputs: ReadonlyMap<string, string>
}

export type PlannedServer = FoundServer & {
  readonly alias: string
  /** it is in gatehouse.yaml already, or was found at another host too */
  readonly isKnown: boolean
  readonly concerns: readonly string[]
}
/** One file before and after; `before` is what must still stand there when it is written. */
export type PlannedFile = {
  readonly path: string
  readonly label: string
  readonly before: Buffer
  readonly after: string
  readonly isShared: boolean
}
export type PlannedSecret = { readonly file: string; readonly text: string; readonly what: string }

export type Plan = {
  readonly servers: readonly PlannedServer[]
  readonly skipped: readonly Skipped[]
  /** undefined: gatehouse.yaml stays as it is */
  readonly config: PlannedFile | undefined
  readonly hosts: readonly PlannedFile[]
  readonly secrets: readonly PlannedSecret[]
  /** subject of the first operator, the only one new servers are opened to; undefined: nobody */
  readonly operator: string | undefined
}
/** Why nothing can be done; `loaded` has the faults of the configuration that would come out. */
export type Broken = { readonly problem: string; readonly loaded?: Extract<LoadResult, { ok: false }> }
export type PlanResult = Plan | Broken
