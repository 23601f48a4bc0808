// A stand-in browser without a screen: follows redirects, keeps cookies per origin, hands over where it ends.

export type Page = { readonly url: string; readonly status: number; readonly text: string; readonly headers: Headers }

export class Browser {
  readonly #cookies = new Map<string, Map<string, string>>()

  get(url: string, until?: (location: string) => boolean): Promise<Page> {
    return this.#go(url, { method: 'GET' }, until)
  }
  /** Sends a form, with the Origin a browser sends. */
  post(
    url: string,
    fields: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
    until?: (location: string) => boolean,
  ): Promise<Page> {
    return this.#go(
      url,
      {
        method: 'POST',
        body: new URLSearchParams(fields).toString(),
        headers: { 'content-type': 'application/x-www-form-urlencoded', origin: new URL(url).origin, ...headers },
      },
      until,
    )
  }
  setCookie(origin: string, name: string, value: string): void {
    this.#jar(origin).set(name, value)
  }

  #jar(origin: string): Map<string, string> {
    let jar = this.#cookies.get(origin)
    if (!jar) this.#cookies.set(origin, (jar = new Map()))
    return jar
  }

  /** `until`: stops before it follows such a location, and gives it back as the page's url. */
  async #go(
    start: string,
    init: { method: string; body?: string; headers?: Readonly<Record<string, string>> },
    until?: (location: string) => boolean,
  ): Promise<Page> {
    let url = start
    let request = init
    for (let hop = 0; hop < 12; hop++) {
      const jar = this.#jar(new URL(url).origin)
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
      const answer = await fetch(url, { ...request, redirect: 'manual', headers: { ...request.headers, ...(cookie && { cookie }) } })
      for (const line of answer.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
        if (value === '' || /max-age=0/i.test(line)) jar.delete(name)
        else jar.set(name, value)
      }
      const location = answer.headers.get('location')
      const text = await answer.text()
      if (location === null || answer.status < 300 || answer.status >= 400)
        return { url, status: answer.status, text, headers: answer.headers }
      url = new URL(location, url).href
      if (until?.(url)) return { url, status: answer.status, text, headers: answer.headers }
      request = { method: 'GET' }
    }
    throw new Error(`too many redirects from ${start}`)
  }
}
