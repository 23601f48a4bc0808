// A token of the gateway's own authorization server: a host sends its person to the browser, and redeems the code.

import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Person } from './person.ts'

export type OwnHost = { readonly id: string; readonly redirect: string; bearer(resource: string): Promise<string> }

/** Listens for the code before the gateway starts, because the redirect stands in its configuration. */
export async function startOwnHost(id: string): Promise<OwnHost> {
  let take: (code: string) => void = () => {}
  const server = createServer((req, res) => {
    take(new URL(req.url ?? '/', 'http://x').searchParams.get('code') ?? '')
    res.end('back at the host')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  server.unref()
  const redirect = `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`
  return {
    id,
    redirect,
    async bearer(resource) {
      const { origin } = new URL(resource)
      const verifier = randomBytes(32).toString('base64url')
      const challenge = createHash('sha256').update(verifier).digest('base64url')
      const query = new URLSearchParams({
        ...{ response_type: 'code', client_id: id, redirect_uri: redirect, state: 'of-the-host', resource },
        ...{ code_challenge: challenge, code_challenge_method: 'S256' },
      })
      let code = ''
      take = found => (code = found)
      const page = await new Person().allow(`${origin}/oauth/authorize?${query.toString()}`)
      if (code === '') throw new Error(`no code came back: ${page}`)
      const form = { grant_type: 'authorization_code', client_id: id, code, redirect_uri: redirect, code_verifier: verifier }
      const answer = await fetch(`${origin}/oauth/token`, { method: 'POST', body: new URLSearchParams(form) })
      const { access_token } = (await answer.json()) as { access_token?: string }
      if (access_token === undefined) throw new Error(`the gateway gave no token: ${answer.status}`)
      return access_token
    },
  }
}
