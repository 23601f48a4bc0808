// Certificates for servers on this machine, made by openssl when a test needs them; trusted by this process alone.

import { execFileSync } from 'node:child_process'
import { createPublicKey, hash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'

export type TestCertificate = {
  readonly key: string
  readonly cert: string
  /** SHA-256 of its public key (SPKI, DER) */
  readonly spkiSha256: string
}

/** A certificate for 127.0.0.1 and localhost with a key of its own. */
export function makeCertificate(): TestCertificate {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-cert-'))
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1']
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
  execFileSync('openssl', [...made, '-keyout', keyFile, '-out', certFile, ...names], { stdio: 'ignore' })
  const [key, cert] = [readFileSync(keyFile, 'utf8'), readFileSync(certFile, 'utf8')]
  rmSync(folder, { recursive: true })
  return { key, cert, spkiSha256: hash('sha256', createPublicKey(cert).export({ type: 'spki', format: 'der' })) }
}

/** This process believes these certificates; the answer undoes it. */
export function trustCertificates(...certificates: readonly TestCertificate[]): () => void {
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, ...certificates.map(({ cert }) => cert)])
  return () => setDefaultCACertificates(before)
}
