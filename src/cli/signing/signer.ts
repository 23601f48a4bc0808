// With what `gatehouse sign` signs: a key in a file, a command that holds the key, or an identity (keyless). Exactly one of them.

import { resolve } from 'node:path'
import type { SignerSource, Witnesses } from '../../adapters/sigstore/sign.ts'
import type { CommandArgs } from '../command.ts'
import { required } from './presented.ts'
import { UsageError } from '../usage.ts'

const MAX_BYTES = 64 * 1024
const LOOPBACK = /^http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?(?:\/|$)/

/** Reads what the options name. Throws UsageError. */
export async function signerOf(args: CommandArgs): Promise<{ readonly signer: SignerSource; readonly witnesses: Witnesses }> {
  const rekor = urlOf(args, 'rekor')
  const tsa = urlOf(args, 'tsa')
  const witnesses: Witnesses = { ...(rekor && { rekor }), ...(tsa && { tsa }) }
  const ways = (['key', 'key-command', 'fulcio'] as const).filter(option => args.text(option) !== undefined)
  if (ways.length !== 1) throw new UsageError('expected exactly one of --key, --key-command, --fulcio')
  const key = args.text('key')
  if (key !== undefined) return { signer: { kind: 'file', file: resolve(args.io.cwd, key) }, witnesses }
  const command = args.text('key-command')
  if (command !== undefined) {
    const file = args.text('public-key')
    if (file === undefined) throw new UsageError('--key-command needs --public-key')
    const publicKey = (await required(resolve(args.io.cwd, file), MAX_BYTES)).toString('utf8')
    const place = { cwd: args.io.cwd, env: args.io.env }
    return { signer: { kind: 'command', command: command.split(/ +/).filter(Boolean), publicKey, place }, witnesses }
  }
  if (!rekor) throw new UsageError('--fulcio needs --rekor: a certificate of ten minutes counts through the log that saw it')
  return { signer: { kind: 'keyless', fulcio: urlOf(args, 'fulcio') ?? '', identityToken: await tokenOf(args) }, witnesses }
}

/** Undefined = ask the CI job. */
async function tokenOf(args: CommandArgs): Promise<string | undefined> {
  const file = args.text('identity-token-file')
  if (file !== undefined) return (await required(resolve(args.io.cwd, file), MAX_BYTES)).toString('utf8').trim()
  return args.io.env['SIGSTORE_ID_TOKEN']
}

/** Identity tokens and statements go there: https, or this machine. */
function urlOf(args: CommandArgs, option: string): string | undefined {
  const text = args.text(option)
  if (text === undefined) return undefined
  const url = URL.parse(text)
  if (!url || url.username || url.password || (url.protocol !== 'https:' && !LOOPBACK.test(text)))
    throw new UsageError(`--${option}: expected an https URL`)
  return text.replace(/\/$/, '')
}
