// Fuzz targets of bundles: whatever bytes arrive, nothing is believed but what the genuine bundle says, and nothing is thrown.

import { createHash } from 'node:crypto'
import { BUNDLE, believed, GENUINE, mutation } from '../../adapters/sigstore/mutations.ts'
import { must } from '../fuzz.ts'
import type { FuzzTarget } from '../fuzz.ts'

function judge(bundle: Buffer): boolean {
  const belief = believed(bundle)
  must(belief === undefined || belief === GENUINE, 'a changed bundle is believed')
  return belief !== undefined
}

export const targets: readonly FuzzTarget[] = [
  {
    name: 'sigstore-bundle',
    seeds: [BUNDLE],
    tokens: ['"publicKey":{"hint":""},', '"messageSignature":{}', 'null', '[]', '"0"', '\\u2014 (.*.*)*$x AAAA'],
    run: judge,
  },
  {
    // the input only chooses what is changed
    name: 'sigstore-bundle-leaves',
    seeds: ['0'],
    run: input => judge(mutation(createHash('sha256').update(input).digest().readInt32LE(0))),
  },
]
