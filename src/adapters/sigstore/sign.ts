// Signs payloads as Sigstore bundles: with a key from a file, a command that holds the key (PKCS #11, a key service), or keyless. Used by commands, never by the gateway.

import { bundleToJSON } from '@sigstore/bundle'
import { CIContextProvider, DSSEBundleBuilder, FulcioSigner, RekorWitness, TSAWitness, type Signer, type Witness } from '@sigstore/sign'
import { createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import { Fault } from '../../kernel/errors.ts'
import { readPublicKey } from '../../trust/signer-policy.ts'
import { IN_TOTO } from '../../trust/statement.ts'
import { runCommand, type CommandPlace } from './key-command.ts'
import { readPrivateKey } from './private-key.ts'

export type SignerSource =
  | { readonly kind: 'file'; readonly file: string }
  /** `publicKey`: PEM */
  | { readonly kind: 'command'; readonly command: readonly string[]; readonly publicKey: string; readonly place: CommandPlace }
  /** without an `identityToken` the CI job is asked for one */
  | { readonly kind: 'keyless'; readonly fulcio: string; readonly identityToken: string | undefined }

/** Base URLs of who testifies: a transparency log (Rekor v1), a timestamp authority (RFC 3161). */
export type Witnesses = { readonly rekor?: string; readonly tsa?: string }

/** `signedBy`: for people. */
export type Signed = { readonly bundle: Buffer; readonly signedBy: string }

const TIMEOUT_MS = 15_000
const RETRIES = 2

/**
 * A bundle (JSON) over an in-toto statement. Throws Fault `signing-key-invalid`, `signing-failed` (the command, or a signature its own key does not verify) or
 * `signing-service-failed`. No message holds a key or token.
 */
export async function signPayload(payload: Buffer, source: SignerSource, { rekor, tsa }: Witnesses): Promise<Signed> {
  const { signer, signedBy } = signerOf(source)
  const shared = { timeout: TIMEOUT_MS, retry: RETRIES }
  const witnesses: Witness[] = []
  if (rekor !== undefined) witnesses.push(new RekorWitness({ rekorBaseURL: rekor, entryType: 'dsse', ...shared }))
  if (tsa !== undefined) witnesses.push(new TSAWitness({ tsaBaseURL: tsa, ...shared }))
  try {
    const bundle = await new DSSEBundleBuilder({ signer, witnesses }).create({ data: payload, type: IN_TOTO })
    return { bundle: Buffer.from(`${JSON.stringify(bundleToJSON(bundle))}\n`), signedBy }
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault('signing-service-failed', `signing failed: ${codeOf(error)}`, { cause: error })
  }
}

/** The library's own code, such as TLOG_CREATE_ENTRY_ERROR; its message may quote what a service answered. */
const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'a service could not be asked'

function signerOf(source: SignerSource): { readonly signer: Signer; readonly signedBy: string } {
  if (source.kind === 'keyless') {
    const { identityToken } = source
    const identityProvider =
      identityToken === undefined ? new CIContextProvider('sigstore') : { getToken: () => Promise.resolve(identityToken) }
    const signer = new FulcioSigner({ fulcioBaseURL: source.fulcio, identityProvider, timeout: TIMEOUT_MS, retry: RETRIES })
    return { signer, signedBy: 'an identity, with a certificate' }
  }
  if (source.kind === 'file') {
    const key = readPrivateKey(source.file)
    return keySigner(createPublicKey(key), data => Promise.resolve(sign(digestFor(key), data, key)))
  }
  readPublicKey(source.publicKey)
  return keySigner(createPublicKey(source.publicKey), data => runCommand(source.command, data, source.place))
}

/** ECDSA over SHA-256 on both curves, as verifiers of bundles compute it; Ed25519 has a digest of its own. */
const digestFor = (key: KeyObject): 'sha256' | null => (key.asymmetricKeyType === 'ed25519' ? null : 'sha256')

function keySigner(
  publicKey: KeyObject,
  signBytes: (data: Buffer) => Promise<Buffer>,
): { readonly signer: Signer; readonly signedBy: string } {
  const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string
  const { hint } = readPublicKey(pem)
  const signer: Signer = {
    async sign(data) {
      const signature = await signBytes(data)
      const good = [signature, Buffer.from(signature.toString('latin1').trim(), 'base64')].find(each =>
        verify(digestFor(publicKey), data, publicKey, each),
      )
      if (!good) throw new Fault('signing-failed', 'the signature is not one of the public key: another key, or another format than DER')
      return { signature: good, key: { $case: 'publicKey', publicKey: pem, hint } }
    },
  }
  return { signer, signedBy: `key ${hint}` }
}
