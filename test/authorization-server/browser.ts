// A browser small enough for tests that are not about browsers: keeps cookies for each port, follows redirects and onward pages within loopback HTTP, sends forms.

export type Page = { readonly url: string; readonly status: number; readonly headers: Headers; readonly html: string }

type Cookie = { readonly value: string; readonly path: string }

export class Browser {
  readonly origin: string
  readonly cookies = new Map<string, Cookie>()
  constructor(origin: string) {
    this.origin = origin
  }

  /** Follows redirects as long as they stay at the gateway or lead to its identity provider (another port of 127.0.0.1); the last answer, or the URL elsewhere. */
  async open(url: string, init: RequestInit = {}): Promise<Page> {
    for (let at = new URL(url, this.origin), options = init, hops = 0; ; options = {}) {
      if (hops++ > 20) throw new Error('too many redirects')
      const answer = await fetch(at, {
        ...options,
        redirect: 'manual',
        headers: { ...(options.headers as Record<string, string> | undefined), cookie: this.cookieHeader(at.pathname) },
      })
      for (const line of answer.headers.getSetCookie()) this.#keep(line)
      const html = (await answer.text()).replace(/<style>[\s\S]*?<\/style>/, '') // shorter to read in a failure
      const location = answer.headers.get('location') ?? unescape(/http-equiv="refresh" content="0; url=([^"]*)"/.exec(html)?.[1])
      if (!location) return { url: at.href, status: answer.status, headers: answer.headers, html }
      const next = new URL(location, at)
      if (next.protocol !== 'http:' || next.hostname !== '127.0.0.1' || next.pathname === '/callback')
        return { url: next.href, status: answer.status, headers: answer.headers, html: '' }
      at = next
    }
  }

  /** Where the page is the sign-in page, goes on to the provider and back; else the page itself. */
  async signIn(page: Page): Promise<Page> {
    const start = /href="(\/oauth\/login\/start[^"]*)"/.exec(page.html)?.[1]
    return start === undefined ? page : this.open(unescape(start) ?? '')
  }

  cookieHeader(path: string): string {
    return [...this.cookies].filter(([, cookie]) => path.startsWith(cookie.path)).map(([name, { value }]) => `${name}=${value}`).join('; ') // prettier-ignore
  }

  /** Sends the form whose action begins so, with what stands in its fields: hidden ones and ticked boxes, changed by `change` (undefined = left out). */
  press(
    page: Page,
    action: string,
    change: Record<string, string | readonly string[] | undefined> = {},
    headers: Record<string, string> = { origin: this.origin },
  ): Promise<Page> {
    const form = this.form(page, action)
    const fields = new URLSearchParams(form.fields)
    for (const [name, value] of Object.entries(change)) {
      fields.delete(name)
      for (const each of value === undefined ? [] : [value].flat()) fields.append(name, each)
    }
    return this.open(form.action, { method: 'POST', body: fields, headers })
  }

  form(page: Page, action: string): { action: string; fields: [string, string][] } {
    for (const [, attributes = '', body = ''] of page.html.matchAll(/<form([^>]*)>([\s\S]*?)<\/form>/g)) {
      const target = unescape(/action="([^"]*)"/.exec(attributes)?.[1]) ?? ''
      if (!target.includes(action)) continue
      const fields = [...body.matchAll(/<input([^>]*)>/g)].flatMap(([, input = '']): [string, string][] => {
        const attribute = (name: string): string | undefined => unescape(new RegExp(`\\b${name}="([^"]*)"`).exec(input)?.[1])
        const isSent = attribute('type') === 'hidden' || (attribute('type') === 'checkbox' && /\bchecked\b/.test(input))
        return isSent ? [[attribute('name') ?? '', attribute('value') ?? '']] : []
      })
      return { action: target, fields }
    }
    throw new Error(`no form ${action} on ${page.url}: ${page.status} ${page.html.replace(/<style>[\s\S]*<\/style>/, '').slice(0, 1500)}`)
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split('; ')
    const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]
    const path = attributes.find(each => each.toLowerCase().startsWith('path='))?.slice(5) ?? '/'
    const isExpired = attributes.some(each => /^expires=thu, 01 jan 1970|^max-age=0/i.test(each))
    if (isExpired || value === '') this.cookies.delete(name)
    else this.cookies.set(name, { value, path })
  }
}

function unescape(text: string | undefined): string | undefined {
  return text?.replace(/&#(\d+);/g, (_all, code: string) => String.fromCharCode(Number(code)))
}
