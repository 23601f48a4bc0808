// Nobody is signed in: says where one signs in, and leads there.

import { h } from '../dom.ts'
import { MARK } from '../frame.ts'

/** `path`: where one comes back to. `wasIn`: somebody was, until now. */
export function signedOutPage(provider: string, path: string, wasIn: boolean): HTMLElement {
  const isPage = /^\/console(?:\/[a-z]{1,16}(?:\/[A-Za-z0-9_-]{1,128})?)?$/.test(path)
  const back = isPage ? path.slice('/console'.length) : ''
  return h(
    'main',
    { class: 'alone', id: 'content' },
    h(
      'section',
      { class: 'card' },
      MARK(),
      h('h1', {}, wasIn ? 'You are signed out' : 'Sign in to Gatehouse'),
      h(
        'p',
        {},
        wasIn
          ? 'The session ended. Nothing that you had open is on this page any more.'
          : 'Approvals, connections and reviews of this gateway.',
      ),
      h('p', {}, h('a', { class: 'button go', href: `/console/enter${back}`, 'data-first': true }, wasIn ? 'Sign in again' : 'Sign in')),
      provider !== '' && h('p', { class: 'soft' }, 'You sign in at ', h('code', {}, provider), '. Gatehouse has no passwords.'),
    ),
  )
}
