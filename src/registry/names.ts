// Names of servers: `namespace/name`. Equal without regard to case, and alike by what a hasty reader takes them for.

import { isWithinOne, skeletonOf } from '../kernel/look-alikes.ts'

/** A name as it was published, and taken apart. `key` is what it is compared by. */
export type ServerName = { readonly text: string; readonly namespace: string; readonly local: string; readonly key: string }

/** Each part begins and ends with a letter or digit. ASCII alone, so no letter of another alphabet can imitate one. */
const PART = /^[a-zA-Z0-9](?:[a-zA-Z0-9._-]*[a-zA-Z0-9])?$/
const NAMESPACE = /^[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?$/
const MAX_NAME = 200
const MAX_NAMESPACE = 150

/** The parts of `namespace/name`, 3 to 200 characters, exactly one slash; undefined for anything else. */
export function parseServerName(text: string): ServerName | undefined {
  if (text.length > MAX_NAME) return undefined
  const [namespace = '', local = '', ...more] = text.split('/')
  if (more.length > 0 || !isNamespace(namespace) || !PART.test(local)) return undefined
  return { text, namespace, local, key: text.toLowerCase() }
}

/** A reverse-DNS name of 1 to 150 characters without empty labels, as `com.example` or `io.github.acme`. */
export const isNamespace = (text: string): boolean => text.length <= MAX_NAMESPACE && NAMESPACE.test(text) && !text.includes('..')

/** A label in punycode shows other letters than it is written with (RFC 3492). */
export const isPunycode = (text: string): boolean => /(?:^|[./-])xn--/i.test(text)

/**
 * The first of `others` that a name could be mistaken for, though it is another one; `punycode` where the name itself is written in it. `others` are names
 * of one kind: all namespaces, or all servers outside the name's own namespace.
 */
export function lookalikeOf(name: string, others: Iterable<string>): string | undefined {
  if (isPunycode(name)) return 'punycode'
  const key = name.toLowerCase()
  const skeleton = skeletonOf(name)
  for (const other of others) {
    if (other.toLowerCase() !== key && isWithinOne(skeletonOf(other), skeleton)) return other
  }
  return undefined
}
