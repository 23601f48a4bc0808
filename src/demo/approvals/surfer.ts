// What a browser does between two pages: cookies, redirects, and forms that say where they come from.

import { Fault } from '../../kernel/errors.ts'

const MAX_REDIRECTS = 20

export class Surfer {
  readonly #cookies = new Map<string, Map<string, string>>()

  /** One request, with the cookies of its origin; a redirect is not followed. */
  async ask(url: string, init: RequestInit = {}): Promise<Response> {
    const { origin } = new URL(url)
    const jar = this.#cookies.get(origin) ?? new Map<string, string>()
    this.#cookies.set(origin, jar)
    const headers = new Headers(init.headers)
    headers.set('cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '))
    const answer = await fetch(url, { ...init, headers, redirect: 'manual' })
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (value === '' || /;\s*max-age=0/i.test(cookie)) jar.delete(name)
      else jar.set(name, value)
    }
    return answer
  }

  /** The page it comes to in the end. `form`: is sent first, as that page's own. */
  async follow(url: string, form?: Readonly<Record<string, string>>): Promise<Response> {
    const init = form && { method: 'POST', body: new URLSearchParams(form), headers: { origin: new URL(url).origin } }
    let answer = await this.ask(url, init)
    for (let hops = 0; hops < MAX_REDIRECTS; hops++) {
      const to = answer.headers.get('location')
      if (to === null) return answer
      answer = await this.ask(new URL(to, answer.url).href)
    }
    throw new Fault('demo-browser', 'one redirect after the other')
  }
}
