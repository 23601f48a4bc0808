// Plain data from a file of people, read member by member: whatever is not as expected is a fault with its place, and all of them are reported at once.

import { nearest } from '../kernel/nearest.ts'

/** `path` is where it stands: `cases[3].action`. */
export type PlainFault = { readonly path: string; readonly message: string; readonly fix?: string }
export type Data = Readonly<Record<string, unknown>>

export class PlainReader {
  readonly faults: PlainFault[] = []

  /** Undefined, in place of whatever was expected. */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the caller's own type: a fault is an expression
  fault<T>(path: string, message: string, fix?: string): T | undefined {
    this.faults.push({ path, message, ...(fix !== undefined && { fix }) })
    return undefined
  }

  /** Members under names that are known. */
  record(value: unknown, path: string, known: readonly string[] | 'any'): Data | undefined {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return this.fault(path, 'expected named values')
    const data = value as Data
    if (known !== 'any')
      for (const name of Object.keys(data)) if (!known.includes(name)) this.unknown(`${path === '' ? '' : `${path}.`}${name}`, name, known)
    return data
  }

  list(value: unknown, path: string): readonly unknown[] | undefined {
    return Array.isArray(value) ? (value as unknown[]) : this.fault(path, 'expected a list')
  }

  text(value: unknown, path: string): string | undefined {
    return typeof value === 'string' && value.isWellFormed() ? value : this.fault(path, 'expected a text')
  }

  texts(value: unknown, path: string): readonly string[] | undefined {
    const items = this.list(value, path)?.map((item, at) => this.text(item, `${path}[${at}]`))
    return items?.every(item => item !== undefined) ? items : undefined
  }

  oneOf(value: unknown, path: string, known: readonly string[]): string | undefined {
    const text = this.text(value, path)
    if (text === undefined || known.includes(text)) return text
    return this.unknown(path, text, known)
  }

  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- as above
  unknown<T>(path: string, word: string, known: readonly string[]): T | undefined {
    const near = nearest(word, known)
    const all = known.length <= 12 ? `known: ${known.join(', ')}` : undefined
    return this.fault(path, `no such name \`${word.slice(0, 60)}\``, near ? `did you mean \`${near}\`?` : all)
  }

  optional(value: unknown, path: string): string | undefined {
    return value === undefined ? undefined : this.text(value, path)
  }

  flag(value: unknown, path: string): boolean | undefined {
    return typeof value === 'boolean' ? value : this.fault(path, 'expected true or false')
  }

  whole(value: unknown, path: string): number | undefined {
    return typeof value === 'number' && Number.isSafeInteger(value) ? value : this.fault(path, 'expected a whole number')
  }
}
