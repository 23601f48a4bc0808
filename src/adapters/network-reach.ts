// What a connection may reach: the address that is checked is the address that is dialled, so that a name which changes its mind in between reaches nothing.

import { lookup, type LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { isIP } from 'node:net'
import { Fault } from '../kernel/errors.ts'
import { addressKind, type AddressKind } from './network-address.ts'

/** What a host may be at: kinds of addresses, and networks that were opened by name. */
export type Reach = { readonly kinds: readonly AddressKind[]; readonly isOpened: (address: string) => boolean }
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>

export const resolveSystem: Resolve = hostname =>
  new Promise((resolve, reject) => {
    lookup(hostname, { all: true }, (error, addresses) => {
      if (error) reject(error)
      else resolve(addresses)
    })
  })

export const isReachable = ({ kinds, isOpened }: Reach, address: string): boolean => {
  const kind = addressKind(address)
  return kinds.includes(kind) || (kind === 'private' && isOpened(address))
}

export const NONE_OPENED = (): boolean => false

/** Fault `fetch-refused` */
export const unreachable = (): Fault => new Fault('fetch-refused', 'the host is at an address that is not fetched from')

// All addresses must be acceptable: an answer that mixes public and private ones is a rebinding attempt. The socket dials what is handed back here.
export const checkedLookup =
  (resolve: Resolve, reach: Reach): LookupFunction =>
  (hostname, options, callback) => {
    resolve(hostname).then(
      addresses => {
        const [first] = addresses
        if (!first || !addresses.every(({ address }) => isReachable(reach, address))) callback(unreachable(), '', 0)
        else if (options.all) callback(null, [...addresses])
        else callback(null, first.address, first.family)
      },
      (error: unknown) => callback(error as NodeJS.ErrnoException, '', 0),
    )
  }

type Dialled = { readonly host: string; readonly isTls: boolean }

/**
 * For a socket to a host that the configuration itself names: `lookup` for net and tls. TLS may reach public, private and loopback addresses, plain text loopback
 * alone; link-local and metadata addresses neither. Throws Fault `fetch-refused` where the host is an address that may not be reached.
 */
export function namedLookup({ host, isTls }: Dialled, resolve: Resolve = resolveSystem): LookupFunction {
  const reach: Reach = { kinds: isTls ? ['public', 'private', 'loopback'] : ['loopback'], isOpened: NONE_OPENED }
  if (isIP(host) !== 0 && !isReachable(reach, host)) throw unreachable()
  return checkedLookup(resolve, reach)
}
