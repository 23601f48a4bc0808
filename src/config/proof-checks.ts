// What `registry.proofs` must satisfy: nobody on the way can put in keys of their own, and an issuer's tokens are read in one way.

import { isLoopback, urlOf } from './addresses.ts'
import type { Reading } from './reading.ts'
import type { ConfigDocument } from './table.ts'

export function checkProofs({ registry: { proofs, officialProofs, github } }: ConfigDocument, reading: Reading): void {
  if (officialProofs)
    reading.warn(
      'replayable-proofs',
      'registry.officialProofs',
      'domain proofs in the official form sign a time alone: one that is shown to another registry can be shown here for 15 seconds',
      'take it out where publishers can use `gatehouse namespace verify`',
    )
  if (github && urlOf(github.api)?.protocol === 'http:' && !isLoopback(urlOf(github.api)?.hostname ?? ''))
    reading.fault('value', 'registry.github.api', 'expected https: access tokens are sent there')
  proofs.forEach((proof, index) => {
    const at = `registry.proofs[${index}]`
    if (proofs.findIndex(({ issuer }) => issuer === proof.issuer) !== index)
      reading.fault('conflict', `${at}.issuer`, 'this issuer stands here twice', 'keep one of them')
    if (proof.jwksUri !== undefined && proof.jwksFile !== undefined)
      reading.fault('conflict', at, '`jwksUri` and `jwksFile` exclude each other', 'keep one of them')
    if (proof.bind.includes(proof.ownerId)) reading.fault('conflict', `${at}.bind`, 'holds the claim of `ownerId`', 'take it out')
    for (const key of ['issuer', 'jwksUri'] as const) {
      const url = proof[key] === undefined ? undefined : urlOf(proof[key])
      if (url?.protocol === 'http:' && !isLoopback(url.hostname))
        reading.fault('value', `${at}.${key}`, 'expected https: whoever is on the way could put in keys of their own')
    }
  })
}
