// A proof of a namespace for a registry token of five minutes: for jobs that publish, and have no account at the gateway.

import { sign } from 'node:crypto'
import { resolve } from 'node:path'
import { readPrivateKey } from '../../adapters/sigstore/private-key.ts'
import type { CommandArgs } from '../command.ts'
import { gatewayOf, sendWith, type ActAnswer } from './gateway.ts'
import { proofToken } from './proof-token.ts'
import { text, verb } from './verb.ts'

export const isProved = (args: CommandArgs): boolean => args.flag('oidc') || args.text('oidc-token-file') !== undefined

/** By a token of a configured issuer: `{registry_token, expires_at}`. */
export async function exchangeToken(args: CommandArgs): Promise<ActAnswer> {
  const { gateway } = await gatewayOf(args)
  const body = JSON.stringify({ oidc_token: await proofToken(args, gateway) })
  return sendWith(gateway, { path: '/v0.1/auth/oidc', body })
}

/** By a domain, in the form of the official registry. */
async function exchangeSignature(args: CommandArgs, domain: string, file: string): Promise<ActAnswer> {
  const key = readPrivateKey(resolve(args.io.cwd, file))
  const timestamp = new Date(args.io.now()).toISOString().replace(/\.\d+Z$/, 'Z')
  const message = Buffer.from(timestamp)
  const signed =
    key.asymmetricKeyType === 'ed25519' ? sign(null, message, key) : sign('sha384', message, { key, dsaEncoding: 'ieee-p1363' })
  const { gateway } = await gatewayOf(args)
  const path = `/v0.1/auth/${args.flag('https') ? 'http' : 'dns'}`
  return sendWith(gateway, { path, body: JSON.stringify({ domain, timestamp, signed_timestamp: signed.toString('hex') }) })
}

export const registryToken = verb({
  command: 'registry token',
  run(args) {
    const [domain, key] = [args.text('domain'), args.text('key')]
    if (isProved(args)) return domain === undefined && key === undefined ? exchangeToken(args) : '--oidc excludes --domain and --key'
    return domain === undefined || key === undefined
      ? 'expected --oidc, --oidc-token-file, or --domain with --key'
      : exchangeSignature(args, domain, key)
  },
  // The token alone, so that it can be put into a file or a variable; until when, --json says.
  tell: ({ registry_token: token }) => `${text(token)}\n`,
})
