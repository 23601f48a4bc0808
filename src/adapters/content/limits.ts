// What one artifact, with all that comes along with it, may be at most.

export type ContentLimits = {
  /** bytes of one download */
  readonly downloadBytes: number
  /** bytes of everything one installation downloads */
  readonly totalDownloadBytes: number
  /** bytes of one archive once it is unpacked: it is held in memory */
  readonly archiveBytes: number
  /** bytes, files and folders of everything that is installed */
  readonly treeBytes: number
  readonly entries: number
  /** folders in one another, counted from the root of what is installed */
  readonly depth: number
  /** from dialling to the last byte of one download, and of a whole installation */
  readonly downloadMs: number
  readonly keepMs: number
  /** reading a tree once */
  readonly checkMs: number
}

const MIB = 1024 * 1024

export const CONTENT_LIMITS: ContentLimits = {
  downloadBytes: 128 * MIB,
  totalDownloadBytes: 512 * MIB,
  archiveBytes: 384 * MIB,
  treeBytes: 1024 * MIB,
  entries: 100_000,
  depth: 64,
  downloadMs: 60_000,
  keepMs: 600_000,
  checkMs: 30_000,
}
