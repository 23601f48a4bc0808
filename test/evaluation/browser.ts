// A browser small enough for tests: keeps cookies, follows redirects within one origin, presses buttons.

export type Page = { readonly url: string; readonly status: number; readonly headers: Headers; readonly html: string }

export class Browser {
  readonly origin: string
  readonly #cookies = new Map<string, { value: string; path: string }>()
  constructor(origin: string) {
    this.origin = origin
  }

  /** Follows redirects while they stay at the origin; the last answer, or the URL outside that a redirect leads to. */
  async open(url: string, init: RequestInit = {}): Promise<Page> {
    for (let at = new URL(url, this.origin), options = init; ; options = {}) {
      const cookies = [...this.#cookies]
        .filter(([, { path }]) => at.pathname.startsWith(path))
        .map(([name, { value }]) => `${name}=${value}`)
      const answer = await fetch(at, {
        ...options,
        redirect: 'manual',
        headers: { ...(options.headers as Record<string, string> | undefined), cookie: cookies.join('; ') },
      })
      for (const line of answer.headers.getSetCookie()) this.#keep(line)
      const location = answer.headers.get('location')
      if (location === null) return { url: at.href, status: answer.status, headers: answer.headers, html: await answer.text() }
      const next = new URL(location, at)
      if (next.origin !== this.origin) return { url: next.href, status: answer.status, headers: answer.headers, html: '' }
      at = next
    }
  }

  /** The Cookie header it would send to a path. */
  cookies(path: string): string {
    return [...this.#cookies].filter(([, cookie]) => path.startsWith(cookie.path)).map(([name, { value }]) => `${name}=${value}`).join('; ') // prettier-ignore
  }

  /** Presses the button of the form whose action ends so, with the value named on the button. */
  press(
    page: Page,
    act: string,
    form: Record<string, string> = {},
    headers: Record<string, string> = { origin: this.origin },
  ): Promise<Page> {
    const action = new RegExp(`action="([^"]*/${act})"`).exec(page.html)?.[1]
    if (action === undefined) throw new Error(`no form ${act} on ${page.url}: ${page.html.slice(0, 400)}`)
    return this.open(action, { method: 'POST', body: new URLSearchParams(form), headers })
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split('; ')
    const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]
    const path = attributes.find(each => each.toLowerCase().startsWith('path='))?.slice(5) ?? '/'
    const expired = attributes.some(each => /^expires=thu, 01 jan 1970/i.test(each))
    if (expired || value === '') this.#cookies.delete(name)
    else this.#cookies.set(name, { value, path })
  }
}
