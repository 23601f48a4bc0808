// Certificates and keys of a sink's TLS, read anew at each connection: whoever replaces a file is believed at the next.

import type { SyslogSink } from '../../delivery/settings.ts'

type Files = Pick<SyslogSink, 'ca' | 'cert' | 'key'>
type Material = { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer }

/** `ca` stands instead of the system's authorities. Rejects where a file cannot be read. */
export async function tlsFiles({ ca, cert, key }: Files, read: (file: string) => Promise<Buffer>): Promise<Material> {
  return {
    ...(ca !== undefined && { ca: await read(ca) }),
    ...(cert !== undefined && { cert: await read(cert) }),
    ...(key !== undefined && { key: await read(key) }),
  }
}
