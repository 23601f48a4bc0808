// What `registry.mirrors` must satisfy: nobody on the way writes into them, and each is read once.

import { isLoopback, urlOf } from './addresses.ts'
import type { Reading } from './reading.ts'
import type { ConfigDocument } from './table.ts'

export function checkMirrors({ registry: { mirrors, from } }: ConfigDocument, reading: Reading): void {
  const other = from && !reading.isFaulty('registry.from') ? urlOf(from.url) : undefined
  if (other?.protocol === 'http:' && !isLoopback(other.hostname))
    reading.fault('value', 'registry.from.url', 'expected https: whoever is on the way could hold revocations back')
  mirrors.forEach((mirror, index) => {
    const at = `registry.mirrors[${index}]`
    if (mirrors.findIndex(({ url }) => url === mirror.url) !== index)
      reading.fault('conflict', `${at}.url`, 'this registry stands here twice', 'keep one of them')
    const url = urlOf(mirror.url)
    if (url?.protocol === 'http:' && !isLoopback(url.hostname))
      reading.fault('value', `${at}.url`, 'expected https: whoever is on the way could put in servers of their own')
    if (mirror.namespaces.length === 0) reading.fault('value', `${at}.namespaces`, 'expected a namespace: without one nothing is taken')
  })
}
