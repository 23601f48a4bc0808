// The port to a store of verified artifacts: what is launched is what was signed, kept by its digest and compared again before each start.

import type { Denial } from './denial.ts'
import type { NeededArtifact } from './server-json.ts'

/** One artifact of a server version, as its verified statement names it. */
export type WantedArtifact = {
  readonly artifact: NeededArtifact
  /** as signed: lower-case hexadecimal, SHA-512 for npm, SHA-256 for the others */
  readonly digest: string
  /** the lock file, where the kind has one, and its signed digest */
  readonly lock?: { readonly sha256: string; readonly bytes: Buffer }
  /** server.json, verified */
  readonly server: Buffer
  /** which of its `packages` */
  readonly packageIndex: number
  /**
   * What the operator gives at the end of the command line; `Launchable.args` ends with it. A required argument that server.json leaves to the user is
   * refused where this is absent or empty.
   */
  readonly ownArgs?: readonly string[]
}

/** How it is started, without a shell. All paths are absolute. */
export type Launchable = {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  /** what was installed, all of it: nothing else belongs to the artifact */
  readonly folder: string
  /** SHA-256 over every name, mode and file of the folder */
  readonly treeDigest: string
}

export interface ContentStore {
  /**
   * Downloads from the one configured source, compares every hash, installs without running anything, and records the tree digest. What is kept already is
   * not fetched again; calls for the same at once are one. After a crash it is there whole, or not at all. Bounded in bytes, files, depth and time.
   * Never rejects: a Denial says why.
   */
  keep(wanted: WantedArtifact): Promise<Launchable | Denial>
  /** Asked before every start: undefined where what lies there is what was installed. Off the event loop. Never rejects. */
  check(launchable: Launchable): Promise<Denial | undefined>
}
