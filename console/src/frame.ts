// What stands around every page: the name of the gateway, the pages there are, who is signed in.

import type { Session } from './api.ts'
import { button, fill, h, icon, type Child } from './dom.ts'
import { help } from './keys.ts'

const REVIEWERS: readonly string[] = ['operator', 'approver', 'auditor', 'policy-author']
/** `roles`: for whom; absent = everybody. `also`: other pages that belong to it */
type Place = { readonly path: string; readonly name: string; readonly roles?: readonly string[]; readonly also?: RegExp }
const PLACES: readonly Place[] = [
  { path: '/console', name: 'Approvals' },
  { path: '/console/grants', name: 'Grants' },
  { path: '/console/connections', name: 'Connections' },
  { path: '/console/servers', name: 'Servers', roles: ['operator', 'approver', 'auditor'] },
  { path: '/console/collisions', name: 'Collisions', roles: REVIEWERS },
  { path: '/console/activity', name: 'Activity', roles: ['operator', 'auditor'] },
  { path: '/console/audit', name: 'Audit', roles: ['auditor'], also: /^\/console\/call\// },
]

export const MARK = (): SVGElement => icon('M3 21V10a9 9 0 0 1 18 0v11M3 21h18M9 21v-9a3 3 0 0 1 6 0v9M12 12v9', 'mark')

export type Frame = {
  readonly element: Node
  show(path: string, content: Child): void
  say(content: Node): void
  /** takes away what was said */
  hush(): void
  focus(): void
  count(path: string, count: number): void
}

export function createFrame({
  session,
  roles,
  signOut,
}: {
  readonly session: Session
  readonly roles: ReadonlySet<string>
  readonly signOut: () => void
}): Frame {
  const said = h('div', { class: 'said' })
  const main = h('main', { id: 'content', tabindex: '-1' })
  const links = PLACES.filter(place => place.roles?.some(role => roles.has(role)) ?? true).map(place => {
    const count = h('span', { class: 'count', hidden: true })
    return { ...place, count, link: h('a', { href: place.path }, place.name, count) }
  })
  const element = h(
    'div',
    { class: 'frame' },
    h('a', { class: 'skip', href: '#content' }, 'To the content'),
    h(
      'header',
      {},
      h(
        'div',
        { class: 'bar' },
        h('span', { class: 'brand' }, MARK(), 'Gatehouse'),
        h(
          'nav',
          { 'aria-label': 'Pages' },
          links.map(({ link }) => link),
        ),
        h(
          'div',
          { class: 'who' },
          h('span', { class: 'name', title: `${session.subject} at ${session.issuer}` }, session.name),
          button('?', help, { class: 'quiet', 'aria-label': 'Keys', title: 'Keys' }),
          button('Sign out', signOut, { class: 'quiet' }),
        ),
      ),
    ),
    said,
    main,
  )
  return {
    element,
    show(path, content) {
      fill(main, content)
      for (const { link, path: own, also } of links) {
        const isHere =
          own === '/console'
            ? /^\/console(?:$|\/approvals)/.test(path)
            : path === own || path.startsWith(`${own}/`) || also?.test(path) === true
        if (isHere) link.setAttribute('aria-current', 'page')
        else link.removeAttribute('aria-current')
      }
      const heading = main.querySelector('h1')
      if (heading) document.title = `${heading.textContent} · Gatehouse`
    },
    say: content => void fill(said, content),
    hush: () => void fill(said),
    focus() {
      main.focus()
      scrollTo(0, 0)
    },
    count(path, count) {
      const found = links.find(place => place.path === path)
      if (!found) return
      found.count.textContent = String(count)
      found.count.hidden = count === 0
    },
  }
}
