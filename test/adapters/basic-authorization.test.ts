// What servers read back from the header, those that unescape and those that do not.

import { expect, it } from 'vitest'
import { basicAuthorization } from '../../src/adapters/basic-authorization.ts'

const sent = (id: string, secret: string): string => Buffer.from(basicAuthorization(id, secret).slice('Basic '.length), 'base64').toString()

it('leaves alone what the form encoding leaves alone, for servers that unescape nothing', () => {
  expect(sent('pre-registered_client.1', 's3cret-of*it')).toBe('pre-registered_client.1:s3cret-of*it')
})
it('a colon in the id does not move the border between id and secret', () => {
  expect(sent('https://a.example/c', 'x:y z')).toBe('https%3A%2F%2Fa.example%2Fc:x%3Ay+z')
})
