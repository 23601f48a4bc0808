// What `registry.artifacts` must satisfy: nobody on the way sees which artifacts are fetched, or the token for them.

import { isLoopback, urlOf } from './addresses.ts'
import type { Reading } from './reading.ts'
import type { ConfigDocument } from './table.ts'

export function checkArtifacts({ registry: { artifacts }, upstreams }: ConfigDocument, reading: Reading): void {
  const at = 'registry.artifacts'
  for (const kind of ['npm', 'pypi', 'oci'] as const) {
    const url = artifacts[kind] === undefined ? undefined : urlOf(artifacts[kind])
    if (url?.protocol === 'http:' && !isLoopback(url.hostname))
      reading.fault('value', `${at}.${kind}`, 'expected https for another machine', 'use https://')
  }
  const { npm, npmAuthorization } = artifacts
  if (npmAuthorization && npm === undefined && !reading.isFaulty(`${at}.npm`))
    reading.fault('conflict', `${at}.npmAuthorization`, 'is for a registry that is not named', 'name it under `npm`, or take it out')
  if (npmAuthorization?.from === 'literal') {
    if (/[^\t -~]/.test(npmAuthorization.text))
      reading.fault('value', `${at}.npmAuthorization`, 'expected a header value: one line of ASCII')
    reading.warn(
      'literal-secret',
      npmAuthorization.path,
      'a secret seems to be written out here',
      'use `{fromEnv: NAME}` or `{fromFile: path}`',
    )
  }
  for (const [alias, { server }] of upstreams)
    if (server?.uid !== undefined && server.package !== 'remote' && artifacts.folder === undefined)
      reading.warn(
        'closed-artifacts',
        `upstreams.${alias}.server.uid`,
        'what it runs is kept in the data directory, which this user cannot read',
        'set `registry.artifacts.folder` to a folder that it can read and nobody but the gateway can write',
      )
}
