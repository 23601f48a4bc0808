// A person at a browser: signs in at the identity provider, reads the question, agrees, and goes where the next page sends the browser.

import { Browser, type Page } from '../connect/browser.ts'

const unescaped = (text: string): string =>
  text.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code))).replaceAll('&amp;', '&')

function linkIn(page: Page, pattern: RegExp): string | undefined {
  const found = [...page.text.matchAll(/href="([^"]+)"/g)].map(([, href = '']) => unescaped(href)).find(href => pattern.test(href))
  return found && new URL(found, page.url).href
}

const wordsOf = (page: Page): string =>
  unescaped(
    page.text
      .replace(/<style>[\s\S]*?<\/style>/, '')
      .replaceAll(/<[^>]+>/g, ' ')
      .replaceAll(/\s+/g, ' '),
  ).trim()

export class Person {
  readonly #browser = new Browser()

  /** Of a link that a host was given: undefined once the page says that the account is connected; else what stood on the page it ended at. */
  async follow(link: string): Promise<string | undefined> {
    const asked = await this.#signedIn(await this.#browser.get(link))
    const agreed = await this.#agree(asked, /\/oauth\/connect\//)
    if (!agreed) return wordsOf(asked)
    const onward = linkIn(agreed, /^http.*code_challenge/)
    const last = onward === undefined ? agreed : await this.#browser.get(onward)
    return last.status === 200 && last.text.includes('is connected') ? undefined : wordsOf(last)
  }

  /** At the gateway's own authorization server: agrees to what an application asks for. The page it ends at is the application's. */
  async allow(authorizationUrl: string): Promise<string> {
    const asked = await this.#signedIn(await this.#browser.get(authorizationUrl))
    const agreed = await this.#agree(asked, /\/oauth\/consent\//)
    if (!agreed) return wordsOf(asked)
    const onward = linkIn(agreed, /\/oauth\/authorize\//)
    return wordsOf(onward === undefined ? agreed : await this.#browser.get(onward))
  }

  /** Sends the form with such an action as it stands, with Allow pressed; undefined where the page has none. */
  async #agree(page: Page, action: RegExp): Promise<Page | undefined> {
    for (const [, attributes = '', body = ''] of page.text.matchAll(/<form([^>]*)>([\s\S]*?)<\/form>/g)) {
      const target = unescaped(/action="([^"]*)"/.exec(attributes)?.[1] ?? new URL(page.url).pathname)
      if (!action.test(target) || !body.includes('value="allow"')) continue
      const fields = [...body.matchAll(/<input([^>]*)>/g)].flatMap(([, input = '']) => {
        const of = (name: string): string => unescaped(new RegExp(`\\b${name}="([^"]*)"`).exec(input)?.[1] ?? '')
        return of('type') === 'hidden' || /\bchecked\b/.test(input) ? [[of('name'), of('value')] as const] : []
      })
      return this.#browser.post(new URL(target, page.url).href, { ...Object.fromEntries(fields), answer: 'allow' })
    }
    return undefined
  }

  async #signedIn(page: Page): Promise<Page> {
    const signIn = linkIn(page, /\/oauth\/login\/start/)
    return signIn === undefined ? page : this.#browser.get(signIn)
  }
}
