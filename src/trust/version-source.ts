// The port to a registry: what it has of one exact version. Nothing it says is believed; signatures decide what of it counts.

/** Texts as the registry has them. attacker-controlled: whoever holds its database writes them. */
export type FoundVersion = {
  readonly serverJson: Buffer
  /** at most 64 */
  readonly bundles: readonly Buffer[]
  /** the registry itself says that it was withdrawn; the one thing of its word that counts, because it can only take away */
  readonly isRevoked: boolean
}

/** What is kept beside a version: `lock` by the SHA-256 of its bytes, `surface` by that of its canonical JSON. */
type DocumentKind = 'lock' | 'surface'

/** Each answer is bounded. Rejects with a Fault when the registry cannot be asked, and then nothing is known. */
export interface VersionSource {
  /** exactly this version; undefined = there is none. Names are compared without case. */
  find(name: string, version: string): Promise<FoundVersion | undefined>
  /** the document of this digest; whoever asks compares it */
  document(name: string, version: string, which: { readonly kind: DocumentKind; readonly sha256: string }): Promise<Buffer | undefined>
}
