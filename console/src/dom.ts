// Elements from values. Every string becomes text, never markup, and hostile characters in it become visible: there is no other way into the page.

import { flat, piecesOf, type Piece } from './seen.ts'

export type Child = Node | string | number | undefined | false | readonly Child[]
type Attributes = Readonly<Record<string, string | number | boolean | undefined>>
type Listeners = Readonly<Partial<Record<'click' | 'submit' | 'input' | 'toggle' | 'change', (event: Event) => void>>>

/** An element. Attributes that are `false` or undefined are left out; names of attributes are ours, values may be anybody's. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag)
  setAttributes(element, attributes)
  element.append(...nodesOf(children))
  return element
}

function setAttributes(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue
    // attacker-controlled: a place of ours alone, whatever stands in it
    if (name === 'href' && !/^(?:\/(?![/\\])|#)/.test(String(value))) continue
    element.setAttribute(name, value === true ? '' : typeof value === 'string' ? flat(value) : String(value))
  }
}

export function listen<E extends Element>(element: E, listeners: Listeners): E {
  for (const [name, listener] of Object.entries(listeners)) element.addEventListener(name, listener)
  return element
}

export const button = (label: Child, onClick: (event: Event) => void, attributes: Attributes = {}): HTMLButtonElement =>
  listen(h('button', { type: 'button', ...attributes }, label), { click: onClick })

/** Replaces what an element holds. */
export function fill<E extends Element>(element: E, ...children: readonly Child[]): E {
  element.replaceChildren(...nodesOf(children))
  return element
}

function* nodesOf(children: readonly Child[]): Generator<Node> {
  for (const child of children) {
    if (child === undefined || child === false) continue
    if (child instanceof Node) yield child
    else if (typeof child === 'number') yield document.createTextNode(String(child))
    else if (typeof child === 'string') yield* shownPieces(piecesOf(child))
    else yield* nodesOf(child)
  }
}

/** Pieces as the gateway sends them, or as seen.ts makes them. */
export const shownPieces = (pieces: readonly Piece[]): readonly Node[] => pieces.map(nodeOf)

function nodeOf(piece: Piece): Node {
  if (typeof piece === 'string') return document.createTextNode(piece)
  const span = document.createElement('span')
  span.className = 'odd'
  span.textContent = piece.like === undefined ? piece.code : `${piece.code} like ${piece.like}`
  span.title =
    piece.like === undefined
      ? 'a character that nobody sees, or that changes how the text around it is read'
      : `a letter of another alphabet that passes for “${piece.like}”`
  return span
}

const SVG = 'http://www.w3.org/2000/svg'
/** A part of a drawing. Its text is text, as everywhere. */
export function draw(name: string, attributes: Attributes = {}, ...children: readonly Child[]): SVGElement {
  const element = document.createElementNS(SVG, name)
  setAttributes(element, attributes)
  element.append(...nodesOf(children))
  return element
}

/** A line drawing in a box of 24 by 24. For eyes alone: beside it stand words. */
export function icon(path: string, className = 'icon'): SVGElement {
  const svg = document.createElementNS(SVG, 'svg')
  setAttributes(svg, { viewBox: '0 0 24 24', class: className, 'aria-hidden': 'true', focusable: 'false' })
  const line = document.createElementNS(SVG, 'path')
  line.setAttribute('d', path)
  svg.append(line)
  return svg
}
