// What delivery keeps, in memory. May fail before or after it kept.

import type { DeadLetter, DeadLetters, Ledger, NewlyDead, Standing, Which } from '../../src/delivery/ledger.ts'

export class MemoryLedger implements Ledger, DeadLetters {
  readonly standings = new Map<string, Standing>()
  letters: DeadLetter[] = []
  /** the next advance rejects: without having kept anything, or with everything kept */
  failNext: 'before' | 'after' | undefined

  standing(sink: string): Promise<Standing | undefined> {
    return Promise.resolve(this.standings.get(sink))
  }

  advance(sink: string, standing: Standing, dead: readonly NewlyDead[]): Promise<void> {
    const fails = this.failNext
    this.failNext = undefined
    if (fails === 'before') return Promise.reject(new Error('the disk is full'))
    this.standings.set(sink, standing)
    for (const letter of dead) {
      this.letters = this.letters.filter(known => known.sink !== sink || known.seq !== letter.seq)
      this.letters.push({ ...letter, sink, origin: standing.origin, atMs: 0, isReplayed: false })
    }
    return fails === 'after' ? Promise.reject(new Error('the disk broke')) : Promise.resolve()
  }

  replays(sink: string, limit: number): Promise<readonly DeadLetter[]> {
    return Promise.resolve(
      this.#sorted(sink)
        .filter(({ isReplayed }) => isReplayed)
        .slice(0, limit),
    )
  }

  settle(sink: string, seq: number, why?: string): Promise<void> {
    this.letters = this.letters.flatMap(letter => {
      if (letter.sink !== sink || letter.seq !== seq) return [letter]
      return why === undefined ? [] : [{ ...letter, why, isReplayed: false }]
    })
    return Promise.resolve()
  }

  count(sink: string): Promise<number> {
    return Promise.resolve(this.#sorted(sink).length)
  }

  list(sink: string | undefined, limit: number): Promise<readonly DeadLetter[]> {
    return Promise.resolve(this.#sorted(sink).slice(0, limit))
  }

  replay(which: Which): Promise<number> {
    const found = this.#of(which)
    this.letters = this.letters.map(letter => (found.includes(letter) ? { ...letter, isReplayed: true } : letter))
    return Promise.resolve(found.length)
  }

  drop(which: Which): Promise<number> {
    const found = this.#of(which)
    this.letters = this.letters.filter(letter => !found.includes(letter))
    return Promise.resolve(found.length)
  }

  #of({ sink, seq }: Which): readonly DeadLetter[] {
    return this.letters.filter(letter => letter.sink === sink && (seq === undefined || letter.seq === seq))
  }

  #sorted(sink: string | undefined): readonly DeadLetter[] {
    return this.letters.filter(letter => sink === undefined || letter.sink === sink).sort((a, b) => a.seq - b.seq)
  }
}
