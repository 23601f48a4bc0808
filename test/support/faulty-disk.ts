// The real disk with one weak spot: any step can be held, cut short, or made to fail before or after it took effect.

import { REAL_DISK, type Disk } from '../../src/adapters/audit/disk.ts'

export type Step = keyof Disk
const noSpace = (): NodeJS.ErrnoException => Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })

export class FaultyDisk implements Disk {
  /** every step asked for, in order */
  readonly steps: Step[] = []
  /** bytes a single write takes at most */
  maxWrite = Number.POSITIVE_INFINITY
  #fault: { step: Step; countdown: number; when: 'before' | 'after'; lasting: boolean; error: Error } | undefined
  #held: (() => void)[] | undefined

  /** The `nth` next step of this kind fails, counted from 1; `lasting`: everything after it fails as well. */
  fail(step: Step, when: 'before' | 'after', options: { nth?: number; lasting?: boolean; error?: Error } = {}): void {
    this.#fault = { step, countdown: options.nth ?? 1, when, lasting: options.lasting ?? false, error: options.error ?? noSpace() }
  }
  heal(): void {
    this.#fault = undefined
  }
  /** Writes wait until the returned function is called. */
  hold(): () => void {
    this.#held = []
    return () => {
      const held = this.#held ?? []
      this.#held = undefined
      for (const run of held) run()
    }
  }

  write(fd: number, bytes: Buffer, { from, to }: { from: number; to: number }, done: (error: Error | null, written: number) => void): void {
    const run = (): void => {
      const fault = this.#due('write')
      if (fault?.when === 'before') setImmediate(done, fault.error, 0)
      else
        REAL_DISK.write(fd, bytes, { from, to: Math.min(to, from + this.maxWrite) }, (error, written) => {
          if (fault !== undefined) done(fault.error, 0)
          else done(error, written)
        })
    }
    if (this.#held !== undefined) this.#held.push(run)
    else run()
  }
  sync(fd: number, done: (error: Error | null) => void): void {
    const fault = this.#due('sync')
    if (fault?.when === 'before') setImmediate(done, fault.error)
    else REAL_DISK.sync(fd, error => done(fault?.error ?? error))
  }
  create = (path: string): Promise<number> => this.#run('create', () => REAL_DISK.create(path))
  open = (path: string): Promise<number> => this.#run('open', () => REAL_DISK.open(path))
  truncate = (fd: number, bytes: number): Promise<void> => this.#run('truncate', () => REAL_DISK.truncate(fd, bytes))
  publish = (path: string, text: string): Promise<void> => this.#run('publish', () => REAL_DISK.publish(path, text))
  close = (fd: number): Promise<void> => this.#run('close', () => REAL_DISK.close(fd))

  async #run<T>(step: Step, act: () => Promise<T>): Promise<T> {
    const fault = this.#due(step)
    if (fault?.when === 'before') throw fault.error
    const result = await act()
    if (fault !== undefined) throw fault.error
    return result
  }
  #due(step: Step) {
    this.steps.push(step)
    const fault = this.#fault
    if (fault === undefined) return undefined
    if (fault.countdown <= 0 && fault.lasting) return fault
    if (fault.step !== step) return undefined
    fault.countdown -= 1
    return fault.countdown === 0 ? fault : undefined
  }
}
