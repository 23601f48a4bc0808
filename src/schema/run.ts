// One judgement of one value: what it may cost, what it found, and where it stands in the value.

/** Visits of a schema to a value, and steps of patterns. Some 100 ms at most (test/schema/bounds.test.ts). */
const MAX_STEPS = 500_000
/** Schemas within schemas at work at once, references followed. */
const MAX_FRAMES = 400
/** A caller mends these and asks again. */
const MAX_FAULTS = 8

/** `pointer` names members that the schema names; of others the number, for what a caller sends is not repeated. `expected`: words of the schema. */
export type SchemaFault = { readonly pointer: string; readonly keyword: string; readonly expected?: string }

/** The value or schema is beyond what is judged: refused like a fault, for nobody knows. */
export class Unjudged extends Error {}

/** A member by its name in the schema, an item or a nameless member by its number. */
type Step = string | number | { readonly member: number }

export class Run {
  readonly steps = { left: MAX_STEPS }
  readonly faults: SchemaFault[] = []
  readonly #path: Step[] = []
  #frames = 0
  #quiet = 0

  readonly spend = (steps: number): void => {
    if ((this.steps.left -= steps) < 0) throw new Unjudged('it takes more steps than it may')
  }
  open(): void {
    this.spend(1)
    if (++this.#frames > MAX_FRAMES) throw new Unjudged('its schema refers to itself without end')
  }
  close(): void {
    this.#frames--
  }
  /** Judges something deeper in the value. */
  within(step: Step, judge: () => boolean): boolean {
    this.#path.push(step)
    const isFit = judge()
    this.#path.pop()
    return isFit
  }
  /** Judges without telling: one branch of several, or what must not hold. */
  quietly(judge: () => boolean): boolean {
    this.#quiet++
    const isFit = judge()
    this.#quiet--
    return isFit
  }
  /** Nothing is learned by going on. */
  get isSettled(): boolean {
    return this.#quiet > 0 || this.faults.length >= MAX_FAULTS
  }
  fault(keyword: string, expected?: string, step?: Step): false {
    if (this.#quiet === 0 && this.faults.length < MAX_FAULTS) {
      const pointer = [...this.#path, ...(step === undefined ? [] : [step])].map(textOfStep).join('')
      this.faults.push({ pointer, keyword, ...(expected !== undefined && { expected }) })
    }
    return false
  }
}

const textOfStep = (step: Step): string =>
  typeof step === 'object' ? `/(member ${step.member})` : `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`
