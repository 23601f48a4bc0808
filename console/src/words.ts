// Small pieces that pages share: times, tags, facts, values that fold, notices.

import { button, h, listen, shownPieces, type Child } from './dom.ts'
import type { Piece } from './seen.ts'

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const amount = (seconds: number): string => {
  if (seconds < MINUTE) return `${Math.max(0, Math.round(seconds))} s`
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`
  if (seconds < 2 * DAY)
    return `${Math.floor(seconds / HOUR)} h${seconds < 6 * HOUR && seconds % HOUR >= MINUTE ? ` ${Math.floor((seconds % HOUR) / MINUTE)} min` : ''}`
  return `${Math.floor(seconds / DAY)} days`
}

/** A time, told from now; the exact one in its title. Kept true by `tickTimes`. */
export function moment(iso: string): HTMLElement {
  const time = h('time', { datetime: iso, title: iso.replace('T', ' ').replace(/(?:\.\d+)?Z$/, ' UTC') })
  tell(time)
  return time
}

function tell(time: HTMLElement): void {
  const at = Date.parse(time.getAttribute('datetime') ?? '')
  if (Number.isNaN(at)) return
  const seconds = (at - Date.now()) / 1000
  time.textContent = seconds > 0 ? `in ${amount(seconds)}` : -seconds < 5 ? 'just now' : `${amount(-seconds)} ago`
}

/** One timer for all times on the page. */
export function tickTimes(): void {
  setInterval(() => {
    for (const time of document.querySelectorAll('time')) tell(time)
  }, 5000)
}

export const secondsToIso = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')

export type Tone = 'plain' | 'good' | 'warn' | 'bad' | 'info'
export const tag = (text: Child, tone: Tone = 'plain'): HTMLElement => h('span', { class: `tag ${tone}` }, text)

/** A name as the gateway sends it, without the escapes that JSON has for it; where that cannot be, as it came. */
export function inert(text: string): string {
  try {
    return JSON.parse(`"${text}"`) as string
  } catch {
    return text
  }
}

/** A sentence of the gateway's, which sets names in backticks; names have none themselves (admission/inert-text.ts). */
export const sentence = (text: string): Child => text.split('`').map((part, i) => (i % 2 === 1 ? code(inert(part)) : part))

export const code = (...text: readonly Child[]): HTMLElement => h('code', {}, ...text)

/** Text that came in pieces, as the gateway cut it. */
export const pieces = (text: readonly Piece[]): HTMLElement => h('span', {}, ...shownPieces(text))

/** Names and what they are; pairs without a value are left out. */
export const facts = (pairs: readonly (readonly [name: Child, value: Child])[]): HTMLElement =>
  h(
    'dl',
    { class: 'facts' },
    pairs
      .filter(([, value]) => value !== undefined && value !== false)
      .map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
  )

const FOLD_CHARACTERS = 480
const FOLD_LINES = 10

/** A value in full. What is long is folded, says how long it is, and opens; nothing is ever left out. */
export function value(text: readonly Piece[]): HTMLElement {
  const whole = lengthOf(text)
  const lines = text.reduce((sum, piece) => sum + (typeof piece === 'string' ? piece.split('\n').length - 1 : 0), 1)
  const block = h('div', { class: 'value' }, ...shownPieces(text))
  if (whole <= FOLD_CHARACTERS && lines <= FOLD_LINES) return block
  block.classList.add('folded')
  const size = `${whole.toLocaleString('en')} characters${lines > 1 ? `, ${lines.toLocaleString('en')} lines` : ''}`
  const opener = button(
    `Show all: ${size}`,
    () => {
      const isFolded = block.classList.toggle('folded')
      opener.textContent = isFolded ? `Show all: ${size}` : 'Fold'
      opener.setAttribute('aria-expanded', String(!isFolded))
    },
    { class: 'fold', 'aria-expanded': 'false' },
  )
  return h('div', { class: 'foldable' }, block, opener)
}

const lengthOf = (text: readonly Piece[]): number =>
  text.reduce((sum, piece) => sum + (typeof piece === 'string' ? piece.length : piece.character.length), 0)

/** Something a reader must not overlook. Bad ones interrupt who listens. */
export const notice = (tone: 'good' | 'warn' | 'bad' | 'info', ...content: readonly Child[]): HTMLElement =>
  h('div', { class: `notice ${tone}`, role: tone === 'bad' ? 'alert' : 'status' }, ...content)

/** A page without anything on it says what would be there. */
export const empty = (title: string, text: Child): HTMLElement =>
  h('div', { class: 'empty' }, h('p', { class: 'title' }, title), h('p', {}, text))

/** A text that is to be taken somewhere else as it is. */
export function copyable(text: string, label: string): HTMLElement {
  const copier = button(
    'Copy',
    () => {
      navigator.clipboard.writeText(text).then(
        () => void (copier.textContent = 'Copied'),
        () => void (copier.textContent = 'Select it'),
      )
    },
    { class: 'small', 'aria-label': `Copy ${label}` },
  )
  return h('div', { class: 'copyable' }, h('code', {}, text), copier)
}

/** A question before something is taken away: the same button has to be pressed twice, and forgets after a while. */
export function twice(label: Child, question: string, act: () => void, name: string): HTMLButtonElement {
  let isSure = false
  const element = listen(h('button', { type: 'button', class: 'danger', 'aria-label': name }, label), {
    click: () => {
      if (isSure) return act()
      isSure = true
      element.textContent = question
      element.setAttribute('aria-label', `${question} ${name}`)
      element.classList.add('sure')
      setTimeout(() => {
        isSure = false
        element.replaceChildren(...h('span', {}, label).childNodes)
        element.setAttribute('aria-label', name)
        element.classList.remove('sure')
      }, 4000)
    },
  })
  return element
}
