// A registry of npm packages on this machine, as far as installing goes: tarballs, and the documents npm makes lock files from. What is served can be swapped.

import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { PackedPackage } from './pack.ts'

export type NpmRegistry = {
  /** base URL without a trailing slash */
  readonly url: string
  /** paths that were asked for, in order */
  readonly asked: string[]
  /** from now on this is what is served for a name and version */
  put(name: string, version: string, tarball: Buffer): void
  close(): Promise<void>
}

/** Serves these packages; with `tls` over https. */
export async function serveNpm(
  packages: readonly PackedPackage[],
  { tls, port = 0 }: { readonly tls?: { readonly key: string; readonly cert: string }; readonly port?: number } = {},
): Promise<NpmRegistry> {
  const files = new Map<string, Buffer>()
  const asked: string[] = []
  const put = (name: string, version: string, tarball: Buffer): void =>
    void files.set(`/${name}/-/${name.replace(/^@.*\//, '')}-${version}.tgz`, tarball)
  for (const { name, version, tarball } of packages) put(name, version, tarball)
  const answer: RequestListener = (req, res) => {
    const path = decodeURIComponent(req.url ?? '')
    asked.push(path)
    const file = files.get(path)
    const document = file ? undefined : packumentOf(path.slice(1), packages, `${tls ? 'https' : 'http'}://${req.headers.host ?? ''}`)
    if (document) res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document))
    else if (file) res.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': file.length }).end(file)
    else res.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"not found"}')
  }
  const server: Server = tls ? createTlsServer(tls, answer) : createServer(answer)
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    put,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** What npm asks for to choose versions: https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md */
function packumentOf(name: string, packages: readonly PackedPackage[], base: string): object | undefined {
  const own = packages.filter(each => each.name === name)
  const [first] = own
  if (!first) return undefined
  const versions = own.map(({ version, manifest, sha512 }) => [
    version,
    {
      ...manifest,
      dist: {
        tarball: `${base}/${name}/-/${name.replace(/^@.*\//, '')}-${version}.tgz`,
        integrity: `sha512-${Buffer.from(sha512, 'hex').toString('base64')}`,
      },
    },
  ])
  return { name, 'dist-tags': { latest: first.version }, versions: Object.fromEntries(versions) as object }
}
