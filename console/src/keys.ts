// Keys beside the ordinary ones. None of them decides anything: they move the focus, and Enter does the rest.

import { button, h } from './dom.ts'

const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ['j  k', 'next, previous entry of a list'],
  ['Enter', 'open the entry, press the button'],
  ['a  r', 'on an approval: to “Approve”, to “Reject”'],
  ['g then i  g  c  s  v  l', 'to the inbox, grants, connections, servers, activity, audit log'],
  ['Esc', 'back to the list'],
  ['?', 'this help'],
]

const PLACES: Readonly<Record<string, string>> = {
  i: '/console',
  g: '/console/grants',
  c: '/console/connections',
  s: '/console/servers',
  v: '/console/activity',
  l: '/console/audit',
}
const LEAD_MS = 1500

export function listenToKeys(go: (path: string) => void): void {
  let isLed = false
  document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isWriting(event.target)) return
    const place = PLACES[event.key]
    if (isLed && place !== undefined) {
      isLed = false
      event.preventDefault()
      go(place)
    } else if (event.key === 'g') {
      isLed = true
      setTimeout(() => (isLed = false), LEAD_MS)
    } else if (event.key === 'j' || event.key === 'k') step(event, event.key === 'j' ? 1 : -1)
    else if (event.key === '?') help()
    else if (event.key === 'a' || event.key === 'r') focusOn(event, `[data-key="${event.key}"]`)
    else if (event.key === 'Escape') focusOn(event, '[data-key="back"]')?.click()
  })
}

function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLInputElement ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement ||
    document.querySelector('dialog[open]') !== null
  )
}

function focusOn(event: Event, selector: string): HTMLElement | undefined {
  const found = document.querySelector<HTMLElement>(selector)
  if (!found) return undefined
  event.preventDefault()
  found.focus()
  found.scrollIntoView({ block: 'center' })
  return found
}

function step(event: Event, by: number): void {
  const entries = [...document.querySelectorAll<HTMLElement>('[data-entry]')]
  if (entries.length === 0) return
  const at = entries.findIndex(entry => entry === document.activeElement)
  const next = entries[at < 0 ? (by > 0 ? 0 : entries.length - 1) : Math.min(entries.length - 1, Math.max(0, at + by))]
  event.preventDefault()
  next?.focus()
}

export function help(): void {
  const dialog = h(
    'dialog',
    { 'aria-labelledby': 'keys-title' },
    h('h2', { id: 'keys-title' }, 'Keys'),
    h(
      'dl',
      { class: 'keys' },
      KEYS.map(([keys, what]) =>
        h(
          'div',
          {},
          h(
            'dt',
            {},
            keys
              .split(' ')
              .filter(Boolean)
              .map(key => (key === 'then' ? ' then ' : h('kbd', {}, key))),
          ),
          h('dd', {}, what),
        ),
      ),
    ),
    h('p', { class: 'soft' }, 'No key approves or rejects by itself.'),
    button('Close', () => dialog.close()),
  )
  dialog.addEventListener('close', () => dialog.remove())
  document.body.append(dialog)
  dialog.showModal()
}
