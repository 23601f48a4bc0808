// A keyholder's part: one signature under staged metadata, by a key in a file or by a command that holds it. Needs nothing but that one file.

import { createPublicKey, type KeyObject } from 'node:crypto'
import { Fault } from '../../kernel/errors.ts'
import { runCommand } from '../sigstore/key-command.ts'
import { readPrivateKey } from '../sigstore/private-key.ts'
import type { SignerSource } from '../sigstore/sign.ts'
import { addSignature, namedKey, publicPem, signedBytes, signWith, type AnyMetadata } from './metadata.ts'

/** Signs; answers the id of the key. Throws Fault `signing-key-invalid` or `signing-failed`. */
export async function signAsKeyholder(metadata: AnyMetadata, source: SignerSource): Promise<string> {
  if (source.kind === 'keyless') throw new Fault('signing-failed', 'trust metadata is signed with keys')
  if (source.kind === 'file') {
    const key: KeyObject = readPrivateKey(source.file)
    signWith(metadata, key)
    return namedKey(publicPem(key)).id
  }
  const { id } = namedKey(source.publicKey)
  const pem = createPublicKey(source.publicKey).export({ format: 'pem', type: 'spki' }) as string
  addSignature(metadata, pem, await runCommand(source.command, signedBytes(metadata), source.place))
  return id
}
