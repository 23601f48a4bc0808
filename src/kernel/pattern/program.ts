// A pattern's tree as a program: each instruction takes one character, splits, or asks about the place.

import { PatternFault } from './reader.ts'
import { testerOf, type CharacterSet } from './sets.ts'
import type { PatternNode } from './syntax.ts'

/** Counts multiply (`((a{99}){99}){99}`), so what they come to is bounded here. */
const MAX_INSTRUCTIONS = 5_000

type Instruction =
  | { readonly op: 'take'; readonly test: (code: number) => boolean }
  | { readonly op: 'split'; a: number; b: number }
  | { readonly op: 'jump'; to: number }
  | { readonly op: 'at'; readonly place: 'start' | 'end' | 'word' | 'not-word' }
  | { readonly op: 'look'; readonly program: Program; readonly isNegated: boolean }
  | { readonly op: 'match' }

/** `isBackward`: characters are taken towards the start. `isAnchored`: it can match only where it begins. */
export type Program = { readonly code: readonly Instruction[]; readonly isBackward: boolean; readonly isAnchored: boolean }

/** What a class, and a Unicode property in it, takes beside: its table, the tables of the engine. */
const TESTER = 4
const PROPERTY = 64

type Budget = { left: number; readonly testers: Map<CharacterSet, (code: number) => boolean> }
type Writing = { readonly code: Instruction[]; readonly budget: Budget; readonly isBackward: boolean }

/** `size`: instructions, those of its look-arounds with it. Throws PatternFault. */
export function programOf(node: PatternNode): { readonly program: Program; readonly size: number } {
  const budget: Budget = { left: MAX_INSTRUCTIONS, testers: new Map() }
  const program = write(node, budget, { isBackward: false, isAnchored: startsAtStart(node) })
  return { program, size: MAX_INSTRUCTIONS - budget.left }
}

function write(node: PatternNode, budget: Budget, { isBackward, isAnchored }: Omit<Program, 'code'>): Program {
  const w: Writing = { code: [], budget, isBackward }
  emit(w, node)
  push(w, { op: 'match' })
  return { code: w.code, isBackward, isAnchored }
}

/** Made once, however often its set is written out. */
function testerFor({ budget }: Writing, set: CharacterSet): (code: number) => boolean {
  const { testers } = budget
  const known = testers.get(set)
  if (known) return known
  spend(budget, TESTER + PROPERTY * set.properties.length)
  const made = testerOf(set)
  testers.set(set, made)
  return made
}

function spend(budget: Budget, instructions: number): void {
  if ((budget.left -= instructions) < 0) throw new PatternFault('it is too large once its counts are written out')
}

function push<I extends Instruction>(w: Writing, instruction: I): I {
  spend(w.budget, 1)
  w.code.push(instruction)
  return instruction
}

function emit(w: Writing, node: PatternNode): void {
  switch (node.kind) {
    case 'empty':
      return
    case 'set':
      push(w, { op: 'take', test: testerFor(w, node.set) })
      return
    case 'at':
      push(w, { op: 'at', place: node.place })
      return
    case 'cat':
      for (const part of w.isBackward ? node.parts.toReversed() : node.parts) emit(w, part)
      return
    case 'alt':
      alternatives(w, node.parts)
      return
    case 'look': {
      const program = write(node.body, w.budget, { isBackward: node.isBehind, isAnchored: true })
      push(w, { op: 'look', program, isNegated: node.isNegated })
      return
    }
    case 'repeat':
      repeat(w, node)
  }
}

function alternatives(w: Writing, parts: readonly PatternNode[]): void {
  const jumps: { to: number }[] = []
  parts.forEach((part, i) => {
    if (i === parts.length - 1) return emit(w, part)
    const split = push(w, { op: 'split', a: w.code.length + 1, b: 0 })
    emit(w, part)
    jumps.push(push(w, { op: 'jump', to: 0 }))
    split.b = w.code.length
  })
  for (const jump of jumps) jump.to = w.code.length
}

function repeat(w: Writing, { body, min, max }: Extract<PatternNode, { kind: 'repeat' }>): void {
  // The body of a count of zero is never written, and one that writes nothing is not written 10,000 times.
  const before = w.code.length
  for (let i = 0; i < min; i++) {
    emit(w, body)
    if (w.code.length === before) return
  }
  if (max === Infinity) {
    const split = push(w, { op: 'split', a: w.code.length + 1, b: 0 })
    const start = w.code.length - 1
    emit(w, body)
    push(w, { op: 'jump', to: start })
    split.b = w.code.length
    return
  }
  const splits: { b: number }[] = []
  for (let i = min; i < max; i++) {
    splits.push(push(w, { op: 'split', a: w.code.length + 1, b: 0 }))
    emit(w, body)
  }
  for (const split of splits) split.b = w.code.length
}

/** Whether every way through begins with `^`. */
function startsAtStart(node: PatternNode): boolean {
  switch (node.kind) {
    case 'at':
      return node.place === 'start'
    case 'cat':
      return node.parts[0] !== undefined && startsAtStart(node.parts[0])
    case 'alt':
      return node.parts.every(startsAtStart)
    default:
      return false
  }
}
