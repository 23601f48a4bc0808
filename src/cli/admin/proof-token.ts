// The token that proves a namespace, as a job or a person has it: in a file, in the environment, or asked for where a job of GitHub Actions runs.

import { resolve } from 'node:path'
import { Fault } from '../../kernel/errors.ts'
import type { CommandArgs } from '../command.ts'
import { readIfThere } from '../files.ts'

const MAX_BYTES = 16_384
const FETCH_MS = 10_000
const LOOPBACK = /^http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?\//

/** In this order: --oidc-token-file, GATEHOUSE_OIDC_TOKEN, the job's own, for `audience`. Throws a Fault that says what is missing, and never the token. */
export async function proofToken(args: CommandArgs, audience: string): Promise<string> {
  const file = args.text('oidc-token-file')
  if (file !== undefined) {
    const found = await readIfThere(resolve(args.io.cwd, file), MAX_BYTES)
    if (!found) throw new Fault('file-missing', `\`${file}\` is not there`)
    return found.bytes.toString('utf8').trim()
  }
  return args.io.env['GATEHOUSE_OIDC_TOKEN']?.trim() ?? (await jobToken(args, audience))
}

/** What GitHub Actions gives a job with `permissions: id-token: write`. */
async function jobToken({ io: { env } }: CommandArgs, audience: string): Promise<string> {
  const [url, bearer] = [env['ACTIONS_ID_TOKEN_REQUEST_URL'], env['ACTIONS_ID_TOKEN_REQUEST_TOKEN']]
  if (url === undefined || bearer === undefined)
    throw new Fault(
      'proof-token-missing',
      'there is no token: give --oidc-token-file or GATEHOUSE_OIDC_TOKEN; a job of GitHub Actions needs `permissions: id-token: write`',
    )
  const asked = URL.parse(url)
  if (!asked || (asked.protocol !== 'https:' && !LOOPBACK.test(url)))
    throw new Fault('proof-token-missing', 'ACTIONS_ID_TOKEN_REQUEST_URL is no https URL')
  asked.searchParams.set('audience', audience)
  const options = { headers: { authorization: `Bearer ${bearer}` }, redirect: 'error', signal: AbortSignal.timeout(FETCH_MS) } as const
  const answer = await fetch(asked, options).catch((cause: unknown) => {
    throw new Fault('proof-token-missing', 'the job’s token service does not answer', { cause })
  })
  const body = (await answer.json().catch(() => undefined)) as { readonly value?: unknown } | undefined
  if (answer.status !== 200 || typeof body?.value !== 'string')
    throw new Fault('proof-token-missing', `the job’s token service gave no token (status ${answer.status})`)
  return body.value
}
