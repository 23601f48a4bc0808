// SHA-256 in one call, as the audit events and cache keys write it.

import { hash } from 'node:crypto'

/** base64url without padding, 43 characters. */
export const digestOf = (bytes: Buffer | string): string => hash('sha256', bytes, 'base64url')
