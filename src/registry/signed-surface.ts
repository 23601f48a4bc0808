// Which of a version's surfaces counts, and what is kept of it: the one that a reviewer admitted, before that its publisher's.

import type { DocumentInfo, DocumentStore } from './documents.ts'
import type { Attestation } from './store.ts'

/** `surface`: the digest that statements name. Canonical JSON texts; absent where they did not come along. */
export type SurfaceTexts = {
  readonly digest: string
  readonly surface: string
  readonly definitions?: { readonly sha256: string; readonly text: string }
}
type Of = { readonly name: string; readonly version: string }

/** Undefined where no surface is kept. */
export async function surfaceOf(
  store: DocumentStore,
  { name, version }: Of,
  attestations: readonly Attestation[],
): Promise<SurfaceTexts | undefined> {
  const kept = await store.documents(name, version)
  const surface = chosen(kept, attestations)
  const content = surface && (await store.document(name, version, surface.sha256))?.content
  if (!surface || !content) return undefined
  const behind = kept.find(({ kind, signed }) => kind === 'definitions' && signed === surface.signed)
  const definitions = behind && (await store.document(name, version, behind.sha256))
  return {
    digest: surface.signed,
    surface: content.toString('utf8'),
    ...(definitions && { definitions: { sha256: definitions.sha256, text: definitions.content.toString('utf8') } }),
  }
}

/** The last review's; where none is kept the first of all. */
function chosen(kept: readonly DocumentInfo[], attestations: readonly Attestation[]): DocumentInfo | undefined {
  const surfaces = kept.filter(({ kind }) => kind === 'surface')
  const reviewed = attestations.filter(({ kind }) => kind === 'review').map(({ bundle }) => reviewedSurface(bundle))
  return surfaces.findLast(({ signed }) => reviewed.includes(signed)) ?? surfaces[0]
}

/** INVARIANT: it was verified before it was kept, so its payload is a statement. */
function reviewedSurface(bundle: string): string | undefined {
  const { dsseEnvelope } = JSON.parse(bundle) as { readonly dsseEnvelope?: { readonly payload?: string } }
  const payload = Buffer.from(dsseEnvelope?.payload ?? '', 'base64').toString('utf8')
  if (payload === '') return undefined
  const { subject = [] } = JSON.parse(payload) as {
    readonly subject?: readonly { readonly name: string; readonly digest: { readonly sha256?: string } }[]
  }
  return subject.find(({ name }) => name === 'surface')?.digest.sha256
}
