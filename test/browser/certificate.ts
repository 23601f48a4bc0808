// A certificate of a minute ago, for a gateway that speaks TLS itself.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const hasOpenssl = ((): boolean => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

/** For 127.0.0.1, signed by itself. */
export function makeCertificate(): { readonly cert: string; readonly key: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-browser-tls-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const made = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1'.split(' ')
  const named = ['-keyout', key, '-out', cert, '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync('openssl', [...made, ...named], { stdio: 'ignore' })
  execFileSync('chmod', ['600', key])
  return { cert, key, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
