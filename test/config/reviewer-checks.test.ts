// Who may admit servers, as the configuration says it: a key xor an identity, and a key that lies here only where nobody else gets here.

import { describe, expect, it } from 'vitest'
import { EXPOSED, load, MINIMAL, snapshot } from './configs.ts'

const words = async (text: string): Promise<string> => {
  const result = await load(text)
  return result.ok ? '' : result.faults.map(f => `${f.path} ${f.message}; ${f.fix ?? ''}`).join('\n')
}
const IDENTITY = "issuer: 'https://id.example', root: root.json"

describe('reviewers', () => {
  it('are keys, identities by name, and identities by pattern', async () => {
    const { reviewers } = await snapshot(
      `${MINIMAL}reviewers: { ann: { publicKey: ann.pem }, ben: { ${IDENTITY}, san: ben@acme.example }, ci: { ${IDENTITY}, sanPattern: 'https://github.com/acme/reviews/*@refs/heads/main' } }`,
    )
    const root = '/etc/gatehouse/root.json'
    expect([...reviewers]).toEqual([
      ['ann', { kind: 'key', publicKey: '/etc/gatehouse/ann.pem', isEvaluation: false }],
      ['ben', { kind: 'keyless', issuer: 'https://id.example', san: 'ben@acme.example', root }],
      ['ci', { kind: 'keyless', issuer: 'https://id.example', sanPattern: 'https://github.com/acme/reviews/*@refs/heads/main', root }],
    ])
  })

  it.each([
    ['neither', '{}', 'expected exactly one of `publicKey` and `issuer`'],
    [
      'both: nobody chooses the weaker one',
      `{ publicKey: a.pem, ${IDENTITY}, san: x }`,
      'expected exactly one of `publicKey` and `issuer`',
    ],
    ['a key with a name', '{ publicKey: a.pem, san: x }', 'go with `issuer`'],
    ['an identity without a name', `{ ${IDENTITY} }`, 'expected exactly one of `san` and `sanPattern`'],
    ['two names', `{ ${IDENTITY}, san: x, sanPattern: 'https://a.example/b/*' }`, 'expected exactly one of `san` and `sanPattern`'],
    ['no root', "{ issuer: 'https://id.example', san: x }", 'expected `root`'],
    ['a pattern without a star', `{ ${IDENTITY}, sanPattern: 'https://a.example/b/c' }`, 'one to four `*`'],
    ['a star in the host', `{ ${IDENTITY}, sanPattern: 'https://*.example/b/c' }`, 'reviewers.ann.sanPattern expected an https URL'],
    [
      'a star in the first segment',
      `{ ${IDENTITY}, sanPattern: 'https://a.example/*/c' }`,
      'reviewers.ann.sanPattern expected an https URL',
    ],
    ['five stars', `{ ${IDENTITY}, sanPattern: 'https://a.example/b/*-*-*-*-*' }`, 'one to four `*`'],
    ['an issuer that is no https URL', "{ issuer: 'http://id.example', san: x, root: r }", 'expected the https URL of an issuer'],
    ['an identity for evaluation', `{ ${IDENTITY}, san: x, evaluation: true }`, '`evaluation` goes with `publicKey`'],
  ])('%s', async (_, reviewer, message) => expect(await words(`${MINIMAL}reviewers: { ann: ${reviewer} }`)).toContain(message))

  it('a key that lies on this machine is warned of, and refused where other machines reach the gateway', async () => {
    const text = 'reviewers: { evaluation: { publicKey: e.pem, evaluation: true } }\n'
    const { warnings } = await load(MINIMAL + text)
    expect(warnings.filter(w => w.code === 'evaluation-reviewer')).toMatchObject([
      { path: 'reviewers.evaluation', message: expect.stringContaining('its private key lies on this machine') },
    ])
    expect(await words(EXPOSED + text)).toMatch(
      /reviewers\.evaluation\.evaluation the private half of this reviewer's key lies on this machine/,
    )
  })
})
