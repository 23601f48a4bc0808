// The settings of proofs of namespaces by tokens, under `registry.proofs`. Part of the table in table.ts.

import { templateProblem } from '../registry/proof-rules.ts'
import { urlProblem } from './addresses.ts'
import { list, map, optional, record, type KeyRule } from './fields.ts'
import { ALGORITHMS, issuerProblem } from './identity-table.ts'
import { choice, duration, flag, path, text } from './scalars.ts'

const CLAIM: KeyRule = { what: 'the name of a claim', pattern: '^[\\x21-\\x7e]+$', maxLength: 128 }
const claim = (doc: string) => text({ what: 'the name of a claim', maxLength: 128, pattern: /^[\x21-\x7e]+$/, doc })

const proof = record(
  {
    issuer: text({ what: 'an issuer', maxLength: 2048, problem: issuerProblem, doc: 'its identifier, exactly as it stands in `iss`' }),
    jwksUri: optional(
      text({ what: 'a URL', maxLength: 2048, problem: urlProblem, doc: 'where its keys are; default: what its metadata says' }),
    ),
    jwksFile: optional(path({ doc: 'a file with its keys (a JWK Set), instead of fetching them' })),
    algorithms: list(choice(ALGORITHMS, { doc: 'an algorithm' }), { fallback: ['RS256', 'PS256', 'ES256', 'EdDSA'], doc: 'accepted' }),
    audience: optional(
      text({
        what: 'an audience',
        maxLength: 2048,
        doc: 'what the token has to be for, exactly and alone; default: `publicUrl`. A token for anybody else could be shown here by whoever got it there',
      }),
    ),
    namespace: text({
      what: 'a namespace with claims in braces',
      maxLength: 300,
      problem: templateProblem,
      doc: 'the name it proves, such as `io.github.{repository_owner}`; what a claim fills in has letters, digits and hyphens alone',
    }),
    ownerId: claim(
      'the claim that says whose the name is by an id that no rename changes, such as `repository_owner_id`; the first proof binds it, and another one freezes the namespace',
    ),
    bind: list(claim('a claim'), {
      max: 16,
      fallback: [],
      doc: 'further claims that have to stay as they were at the first proof, such as `repository_id` where one repository publishes for the whole namespace',
    }),
    require: map(CLAIM, text({ what: 'a value', maxLength: 512, doc: 'its value' }), {
      max: 16,
      fallback: {},
      doc: 'claims that have to have exactly this value, such as `ref: refs/heads/main`',
    }),
    maxTokenLife: duration('seconds', { min: '1m', max: '1d', fallback: '1h', doc: 'longest life of a token, from issue to end' }),
    clockSkew: duration('seconds', { min: '0s', max: '60s', fallback: '30s', doc: 'by how much its clock may differ' }),
  },
  { doc: 'one issuer', aliases: { url: 'issuer', jwks: 'jwksUri', ids: 'ownerId' } },
)

/** Of the record `registry`. */
export const PROOFS = {
  proofs: list(proof, {
    max: 100,
    fallback: [],
    doc: 'issuers whose tokens prove namespaces, such as GitHub Actions; they sign nobody in',
  }),
  claims: choice(['publishers', 'proved'], {
    fallback: 'publishers',
    doc: 'who gets a namespace that nobody has: people with the role publisher who prove it; or `proved`, whoever proves it at `/v0.1/auth/*`, as in the official registry: then anybody who has a domain or account can put versions into quarantine',
  }),
  officialProofs: flag({
    fallback: false,
    doc: 'take domain proofs in the official registry’s form at `/v0.1/auth/dns` and `http`. They sign a time alone: whoever sees one can show it to another registry for 15 seconds, and another registry can show one here',
  }),
  github: optional(
    record(
      {
        api: text({
          what: 'a URL',
          maxLength: 2048,
          problem: urlProblem,
          fallback: 'https://api.github.com',
          doc: 'base URL of its REST API; access tokens of people are sent there, as `outbound` allows',
        }),
        issuer: text({
          what: 'an issuer',
          maxLength: 2048,
          problem: issuerProblem,
          fallback: 'https://token.actions.githubusercontent.com',
          doc: 'issuer of its jobs’ tokens, as in `proofs`: an account has one number, whichever way it comes',
        }),
      },
      { doc: 'take GitHub access tokens at `/v0.1/auth/github-at`; without it that is refused' },
    ),
  ),
  cooldown: duration('seconds', {
    min: '0s',
    max: '30d',
    fallback: '1d',
    doc: 'how long nothing is published in a namespace after another key proved it, its owners changed, or the policies name another signer for it',
  }),
}
