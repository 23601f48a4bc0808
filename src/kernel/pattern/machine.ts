// Runs a program over a text: every way through it at once, one character at a time (Thompson). Each instruction is reached at most once at each place.

import type { Program } from './program.ts'

/** Steps that may still be spent; shared by all that is judged of one request. */
export type Steps = { left: number }

export class Machine {
  readonly #program: Program
  readonly #text: string
  readonly #steps: Steps
  readonly #todo: number[] = []
  /** where each instruction was reached last */
  readonly #reachedAt: Int32Array
  /** instructions that wait for the character at this place, and at the next */
  #now: number[] = []
  #next: number[] = []

  constructor(program: Program, text: string, steps: Steps) {
    this.#program = program
    this.#text = text
    this.#steps = steps
    // Look-arounds begin anew at each place: their memory counts too.
    steps.left -= program.code.length >> 3
    this.#reachedAt = new Int32Array(program.code.length).fill(-1)
  }

  /** From one place on; undefined = the steps are used up. */
  run(from: number): boolean | undefined {
    const { isAnchored, isBackward, code: instructions } = this.#program
    const text = this.#text
    for (let at = from; ;) {
      if (at === from || !isAnchored) {
        const found = this.#follow(0, at, this.#now)
        if (found !== false) return found
      }
      const now = this.#now
      if ((isBackward ? at === 0 : at >= text.length) || (now.length === 0 && isAnchored)) return false
      const code = isBackward ? before(text, at) : (text.codePointAt(at) ?? 0)
      at += (code > 0xffff ? 2 : 1) * (isBackward ? -1 : 1)
      if ((this.#steps.left -= now.length + 1) < 0) return undefined
      for (const pc of now) {
        const instruction = instructions[pc]
        if (instruction?.op !== 'take' || !instruction.test(code)) continue
        const found = this.#follow(pc + 1, at, this.#next)
        if (found !== false) return found
      }
      now.length = 0
      this.#now = this.#next
      this.#next = now
    }
  }

  /** Follows splits and places from one instruction to those that take a character; true once it matches. */
  #follow(start: number, at: number, into: number[]): boolean | undefined {
    const { code: instructions } = this.#program
    const todo = this.#todo
    todo.length = 0
    todo.push(start)
    for (let pc = todo.pop(); pc !== undefined; pc = todo.pop()) {
      if (this.#reachedAt[pc] === at) continue
      this.#reachedAt[pc] = at
      if (--this.#steps.left < 0) return undefined
      const instruction = instructions[pc]
      switch (instruction?.op) {
        case 'take':
          into.push(pc)
          break
        case 'split':
          todo.push(instruction.b, instruction.a)
          break
        case 'jump':
          todo.push(instruction.to)
          break
        case 'match':
          return true
        case 'at':
          if (isAt(instruction.place, this.#text, at)) todo.push(pc + 1)
          break
        case 'look': {
          const found = new Machine(instruction.program, this.#text, this.#steps).run(at)
          if (found === undefined) return undefined
          if (found !== instruction.isNegated) todo.push(pc + 1)
          break
        }
        default:
          return false
      }
    }
    return false
  }
}

function isAt(place: 'start' | 'end' | 'word' | 'not-word', text: string, at: number): boolean {
  if (place === 'start') return at === 0
  if (place === 'end') return at === text.length
  const isBoundary = isWord(text.charCodeAt(at - 1)) !== isWord(text.charCodeAt(at))
  return isBoundary === (place === 'word')
}
/** Not a number beyond either end. */
const isWord = (code: number): boolean =>
  (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || code === 0x5f || (code >= 0x61 && code <= 0x7a)

function before(text: string, at: number): number {
  const unit = text.charCodeAt(at - 1)
  const isLow = unit >= 0xdc00 && unit <= 0xdfff && at >= 2
  const pair = isLow ? (text.codePointAt(at - 2) ?? 0) : 0
  return pair > 0xffff ? pair : unit
}
