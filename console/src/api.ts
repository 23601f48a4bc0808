// The gateway's API as this session may use it. What comes back is text of strangers until a page shows it.

export type Session = {
  readonly name: string
  readonly issuer: string
  readonly subject: string
  /** goes along with everything that changes something */
  readonly csrf: string
  readonly endsAtSeconds: number
}

/** A refusal, in the gateway's words. */
export class Refusal extends Error {
  readonly status: number
  readonly reason: string
  readonly fix: string | undefined
  constructor(
    status: number,
    said: { readonly message?: string; readonly reason?: string; readonly detail?: string; readonly fix?: string },
  ) {
    super(said.detail === undefined ? (said.message ?? 'the gateway refused') : `${said.message ?? 'refused'}: ${said.detail}`)
    this.status = status
    this.reason = said.reason ?? ''
    this.fix = said.fix
  }
}

/** Nobody is signed in here any more; `provider`: where one signs in. */
export class SignedOut extends Error {
  readonly provider: string
  constructor(provider: string) {
    super('signed out')
    this.provider = provider
  }
}

const BASE = '/console/api/'
let csrf = ''

/** Who is signed in. Rejects with SignedOut where nobody is. */
export async function openSession(): Promise<Session> {
  const session = await get<Session>('session')
  csrf = session.csrf
  return session
}

export const get = <T>(name: string): Promise<T> => ask<T>(name, { method: 'GET' })

export const post = <T>(name: string, body: object = {}): Promise<T> =>
  ask<T>(name, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', 'X-Gatehouse-Csrf': csrf },
  })

async function ask<T>(name: string, init: RequestInit): Promise<T> {
  let response: Response
  try {
    response = await fetch(BASE + name, { ...init, credentials: 'same-origin', redirect: 'error', cache: 'no-store' })
  } catch {
    throw new Refusal(0, { message: 'the gateway cannot be reached', fix: 'look whether it runs, then try again' })
  }
  const said = (await response.json().catch(() => ({}))) as { error?: { provider?: string; reason?: string } } & T
  if (response.ok) return said
  const { error = {} } = said
  // Signed out of the console, or of everything that began before now.
  if (response.status === 401) throw new SignedOut(error.provider ?? '')
  throw new Refusal(response.status, error)
}
