// Bundles as an attacker would bend them: every leaf of a genuine one taken away, doubled, swapped, or set to what breaks parsers.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createBundleVerifier } from '../../../src/adapters/sigstore/verify-bundle.ts'
import { isDenial } from '../../../src/trust/denial.ts'
import { preflight } from '../../../src/trust/preflight.ts'

const folder = join(import.meta.dirname, 'recorded')
export const BUNDLE = readFileSync(join(folder, 'bundle.json'))
const ROOT = readFileSync(join(folder, 'root.json'))

const verify = createBundleVerifier(ROOT.toString())

/** What `bytes` make the gateway believe: nothing, or a payload and who signed it when. Throws what must never be thrown. */
export function believed(bytes: Buffer): string | undefined {
  if (isDenial(preflight(bytes))) return undefined
  const answer = verify({ bundle: bytes, keys: [] })
  return isDenial(answer)
    ? undefined
    : JSON.stringify([answer.signer, answer.time, answer.payloadType, Buffer.from(answer.payload ?? []).toString('base64')])
}
/** What the genuine bundle says, which is all that any mutation of it may say. */
export const GENUINE = believed(BUNDLE)

/** xorshift32: repeatable. */
function randomFrom(seed: number): (below: number) => number {
  let x = seed | 0 || 1
  return below => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>> 0) % below
  }
}

type Place = { readonly parent: Record<string, unknown>; readonly key: string }
function placesOf(value: unknown, places: Place[] = []): Place[] {
  if (typeof value !== 'object' || value === null) return places
  for (const key of Object.keys(value)) {
    places.push({ parent: value as Record<string, unknown>, key })
    placesOf((value as Record<string, unknown>)[key], places)
  }
  return places
}

const HOSTILE: readonly unknown[] = [
  undefined,
  null,
  '',
  '0',
  '-1',
  '1e309',
  '99999999999999999999',
  0,
  -1,
  2 ** 53,
  true,
  [],
  {},
  [[]],
  { __proto__: null, toString: 1 },
  'AAAA',
  'A',
  '====',
  '\u0000',
  '\u202e',
  '(.*.*)*$x',
  'a'.repeat(5000),
  'MAA=',
  'MIAAAA==',
  Buffer.from('{"kind":"dsse","apiVersion":"0.0.1"}').toString('base64'),
  'application/vnd.dev.sigstore.bundle+json;version=0.1',
]

/** A variant of the genuine bundle: one to three changes. Equal seeds give equal variants. */
export function mutation(seed: number): Buffer {
  const random = randomFrom(seed)
  const bundle = JSON.parse(BUNDLE.toString()) as unknown
  for (let changes = 1 + random(3); changes > 0; changes -= 1) {
    const places = placesOf(bundle)
    const place = places[random(places.length)]
    const other = places[random(places.length)]
    if (!place || !other) continue
    const { parent, key } = place
    const value = parent[key]
    switch (random(6)) {
      case 0:
        parent[key] = HOSTILE[random(HOSTILE.length)]
        break
      case 1:
        parent[key] = structuredClone(other.parent[other.key])
        break
      case 2:
        if (Array.isArray(value)) value.push(...(structuredClone(value) as unknown[]))
        else if (Array.isArray(parent)) parent.push(structuredClone(value))
        else parent[`${key}x`] = structuredClone(value)
        break
      case 3:
        Reflect.deleteProperty(parent, key)
        break
      default:
        if (typeof value === 'string') parent[key] = bent(value, random)
    }
  }
  return Buffer.from((JSON.stringify(bundle) as string | undefined) ?? '')
}

/** Base64 with one bit of what it says turned, and text with one character changed, cut or doubled. */
function bent(value: string, random: (below: number) => number): string {
  const bytes = Buffer.from(value, 'base64')
  if (random(4) > 0 && bytes.length > 0 && bytes.toString('base64') === value) {
    const at = random(bytes.length)
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << random(8)), at)
    return bytes.toString('base64')
  }
  const at = random(value.length + 1)
  return (
    [value.slice(0, at), value.slice(0, at) + value.slice(at + 1), value + value, `${value.slice(0, at)}!${value.slice(at)}`][random(4)] ??
    ''
  )
}
