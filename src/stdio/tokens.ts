// Where access tokens come from: a file, the environment, or the evaluation identity provider. Never the command line; never printed.

import { Fault } from '../kernel/errors.ts'

export type TokenSource = {
  /** what a person does when the gateway refuses the token */
  readonly fix: string
  /** a token that should still be good; throws Fault `token-unavailable` and those of its origin */
  get(): Promise<string>
  /** after the gateway refused `refused`: another one, or undefined where there is no other */
  renew(refused: string): Promise<string | undefined>
}

/** RFC 6750 section 2.1 b64token; longer ones fit in no header of the gateway. */
const TOKEN = /^[A-Za-z0-9\-._~+/]{1,16000}=*$/

/** The token in a file's text or an environment variable; white space around it goes. Throws Fault `token-unavailable` naming the place. */
export function readToken(text: string, place: string): string {
  const token = text.trim()
  if (!TOKEN.test(token)) throw new Fault('token-unavailable', `${place} holds no access token`)
  return token
}

/** One token for the life of the process. */
export const fixedToken = (token: string, fix: string): TokenSource => ({
  fix,
  get: () => Promise.resolve(token),
  renew: () => Promise.resolve(undefined),
})

/** How long a file's token is used without a look at the file. */
const FILE_MS = 5_000

/** A token that somebody else keeps fresh in a file. `read` gives its text; `now` is in milliseconds. */
export function fileToken(read: () => Promise<string>, place: string, now: () => number): TokenSource {
  let held: { readonly token: string; readonly at: number } | undefined
  const fresh = async (): Promise<string> => {
    const token = readToken(await read(), place)
    held = { token, at: now() }
    return token
  }
  return {
    fix: `put a fresh token into ${place}`,
    get: () => (held && now() - held.at < FILE_MS ? Promise.resolve(held.token) : fresh()),
    renew: async refused => {
      const token = await fresh()
      return token === refused ? undefined : token
    },
  }
}

export type Minted = { readonly token: string; readonly expiresInSeconds: number }

/** Tokens asked for one after the other; a new one well before the old one ends, so that no request meets an expired one. */
export function mintedTokens(mint: () => Promise<Minted>, now: () => number): TokenSource {
  let held: { readonly token: string; readonly until: number } | undefined
  let minting: Promise<string> | undefined
  const fresh = (): Promise<string> =>
    (minting ??= mint()
      .then(({ token, expiresInSeconds }) => {
        held = { token, until: now() + Math.max(expiresInSeconds * 0.8, expiresInSeconds - 60) * 1000 }
        return token
      })
      .finally(() => (minting = undefined)))
  return {
    fix: 'start `gatehouse serve` again with the same configuration',
    get: () => (held && now() < held.until ? Promise.resolve(held.token) : fresh()),
    renew: refused => (held && held.token !== refused ? Promise.resolve(held.token) : fresh()),
  }
}
