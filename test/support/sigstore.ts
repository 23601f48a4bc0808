// A private Sigstore on this machine: @sigstore/mock as Fulcio (with its certificate log), Rekor and timestamp authority, behind real HTTP, and its trusted root.

import { fulcioHandler, initializeCA, initializeCTLog, initializeTLog, initializeTSA, rekorHandler, tsaHandler } from '@sigstore/mock'
import { createHash, generateKeyPairSync, type KeyPairKeyObjectResult } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export type MockSigstore = {
  readonly url: string
  /** trusted_root.json */
  readonly root: Buffer
  readonly close: () => Promise<void>
}
export type MockClocks = { readonly ca?: Date; readonly log?: Date; readonly tsa?: Date }

const ecKey = (): KeyPairKeyObjectResult => generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const base64 = (bytes: ArrayBufferView | Buffer): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest()
const VALID_FROM = '2020-01-01T00:00:00Z'

/** Clocks default to now. Each call makes another instance, with keys of its own. */
export async function startSigstore(clocks: MockClocks = {}): Promise<MockSigstore> {
  const handlers = new Map<string, ReturnType<typeof fulcioHandler>['fn']>()
  const server = createServer((request, response) => {
    const handle = handlers.get(request.url ?? '')
    if (!handle) {
      response.writeHead(404).end()
      return
    }
    void text(request)
      .then(handle)
      .then(({ statusCode, contentType, response: body }) => {
        response.writeHead(statusCode, { 'content-type': contentType ?? 'text/plain' })
        response.end(typeof body === 'string' ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength))
      })
  })
  // The origin of a log's checkpoints is its URL, so the port comes first.
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const ctlog = await initializeCTLog(ecKey(), clocks.ca)
  const ca = await initializeCA(ecKey(), ctlog, clocks.ca)
  const tsa = await initializeTSA(ecKey(), clocks.tsa)
  // DER trims fractions of seconds, and readers want three digits or none: whole seconds, so that one timestamp in ten is not refused.
  if (!clocks.tsa) Object.assign(tsa, { getCurrentTime: () => new Date(Math.floor(Date.now() / 1000) * 1000) })
  const tlog = await initializeTLog(url, ecKey(), clocks.log)
  const logged = tlog.log.bind(tlog)
  tlog.log = entry => logged(canonicalEntry(entry))
  for (const { path, fn } of [fulcioHandler(ca), rekorHandler(tlog), tsaHandler(tsa)]) handlers.set(path, fn)
  const validFor = { start: VALID_FROM }
  const log = (publicKey: Buffer, baseUrl: string): object => ({
    baseUrl,
    hashAlgorithm: 'SHA2_256',
    publicKey: { rawBytes: base64(publicKey), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor },
    logId: { keyId: base64(sha256(publicKey)) },
  })
  const authority = (...certificates: ArrayBufferView[]): object => ({
    subject: { organization: 'sigstore.mock', commonName: 'sigstore' },
    uri: url,
    certChain: { certificates: certificates.map(each => ({ rawBytes: base64(each) })) },
    validFor,
  })
  const root = {
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: [log(tlog.publicKey, url)],
    certificateAuthorities: [authority(ca.rootCertificate)],
    ctlogs: [log(ctlog.publicKey, `${url}/ct`)],
    timestampAuthorities: [authority(tsa.intCertificate, tsa.rootCertificate)],
  }
  return {
    url,
    root: Buffer.from(JSON.stringify(root)),
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** A real Rekor keeps hashes of a `dsse` entry; the mock would echo what was proposed. */
function canonicalEntry(entry: object): object {
  const { kind, spec } = entry as { kind: string; spec: { proposedContent: { envelope: string; verifiers: string[] } } }
  if (kind !== 'dsse') return entry
  const { envelope, verifiers } = spec.proposedContent
  const { payload, signatures } = JSON.parse(envelope) as { payload: string; signatures: { sig: string }[] }
  const hashed = (bytes: Buffer): object => ({ algorithm: 'sha256', value: sha256(bytes).toString('hex') })
  return {
    apiVersion: '0.0.1',
    kind,
    spec: {
      envelopeHash: hashed(Buffer.from(envelope)),
      payloadHash: hashed(Buffer.from(payload, 'base64')),
      signatures: [{ signature: signatures[0]?.sig, verifier: verifiers[0] }],
    },
  }
}

/** An identity token for the mock, which looks at its claims alone. */
export function identityToken(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ iat: 1, exp: 9_999_999_999, aud: 'sigstore', ...claims })}.c2ln`
}
