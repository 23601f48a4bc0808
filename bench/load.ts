// The load generator: a process of its own, told over IPC what to do. Closed loop: each caller sends its next call when the last is answered.
// Any answer that is not the right one, byte for byte, is an error.

import { Connection } from './lib/connection.ts'
import type { HttpResponse } from './lib/http1.ts'
import { headOf, Template, type Era, type Session } from './lib/messages.ts'
import { CpuMeter, peakRssMb, rssMb } from './lib/proc.ts'
import { openSession } from './lib/session.ts'

export type LoadJob = {
  readonly url: string
  /** the proxy whose CPU and memory are read */
  readonly pid: number
  readonly era: Era
  readonly headers: Record<string, string>
  readonly method: 'tools/call' | 'tools/list'
  readonly callers: number
  readonly textBytes: number
  /** legacy sessions the calls go round; 0 = callers share one */
  readonly sessions: number
  /** the measurement ends with whichever comes first */
  readonly seconds: number
  readonly maxCalls: number
  readonly warmupSeconds: number
}

export type LoadResult = {
  readonly calls: number
  readonly errors: number
  readonly firstError?: string
  readonly seconds: number
  readonly callsPerSecond: number
  readonly cpuUsPerCall: number
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  readonly answerBytes: number
  readonly rssMb: { readonly before: number; readonly peak: number; readonly after: number }
}

/** 2025 sessions live as long as this process: ten thousand are not opened anew for every round. */
const sessionsOf = new Map<string, Session[]>()

class Load {
  readonly #job: LoadJob
  readonly #url: URL
  #sessions: Session[] = []
  #started = 0
  #latencies: number[] = []
  #errors = 0
  #firstError: string | undefined
  #answerBytes = 0
  #heads: ((n: number) => string) | undefined

  constructor(job: LoadJob) {
    this.#job = job
    this.#url = new URL(job.url)
  }

  async run(): Promise<LoadResult> {
    const { pid, callers } = this.#job
    await this.#openSessions()
    const connections = await Promise.all(Array.from({ length: callers }, () => Connection.open(Number(this.#url.port))))
    // The first call goes alone: what a cold start does to 64 callers at once is not what is measured here.
    await this.#phase(connections.slice(0, 1), 30, 1)
    await this.#phase(connections, this.#job.warmupSeconds, Number.POSITIVE_INFINITY)
    this.#latencies = []
    const before = rssMb(pid)
    const cpu = new CpuMeter(pid)
    const from = performance.now()
    await this.#phase(connections, this.#job.seconds, this.#job.maxCalls)
    const seconds = (performance.now() - from) / 1000
    const cpuMs = cpu.takenMs()
    const rss = { before, peak: peakRssMb(pid), after: rssMb(pid) }
    for (const connection of connections) connection.close()
    const sorted = Float64Array.from(this.#latencies).sort()
    const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN
    return {
      calls: sorted.length,
      errors: this.#errors,
      ...(this.#firstError !== undefined && { firstError: this.#firstError }),
      seconds,
      callsPerSecond: sorted.length / seconds,
      cpuUsPerCall: (cpuMs * 1000) / sorted.length,
      p50Ms: at(0.5),
      p90Ms: at(0.9),
      p99Ms: at(0.99),
      maxMs: at(1),
      answerBytes: this.#answerBytes,
      rssMb: rss,
    }
  }

  /** All callers until the time or the number of calls is over; the last calls are waited for. */
  #phase(connections: readonly Connection[], seconds: number, maxCalls: number): Promise<void> {
    if (seconds <= 0) return Promise.resolve()
    const endMs = performance.now() + seconds * 1000
    const last = this.#started + maxCalls
    return new Promise(resolve => {
      let active = connections.length
      connections.forEach((connection, index) => {
        const template = new Template({ era: this.#job.era, method: this.#job.method, textBytes: this.#job.textBytes, tag: `c${index}` })
        const heads = this.#headsFor(template.body.length)
        const next = (): void => {
          if (this.#errors > 0 || this.#started >= last || performance.now() >= endMs) {
            active -= 1
            if (active === 0) resolve()
            return
          }
          const n = (this.#started += 1)
          template.stamp(n)
          const sentMs = performance.now()
          connection.send(heads(n), template.body, answer => {
            this.#latencies.push(performance.now() - sentMs)
            this.#check(template, answer)
            next()
          })
        }
        next()
      })
    })
  }

  #check(template: Template, answer: HttpResponse | Error): void {
    const fault = answer instanceof Error ? answer.message : template.fault(answer.status, answer.body)
    if (!(answer instanceof Error)) this.#answerBytes = answer.body.length
    if (fault === undefined) return
    this.#errors += 1
    this.#firstError ??= fault
  }

  /** One head per session, made once: the callers' requests are of one length. */
  #headsFor(length: number): (n: number) => string {
    this.#heads ??= this.#makeHeads(length)
    return this.#heads
  }

  #makeHeads(length: number): (n: number) => string {
    const { era, headers, method } = this.#job
    const heads = this.#sessions.map(session =>
      headOf({
        path: this.#url.pathname,
        host: this.#url.host,
        era,
        headers,
        method,
        ...(method === 'tools/call' && { name: 'echo' }),
        session,
        length,
      }),
    )
    const only = heads[0]!
    return heads.length === 1 ? () => only : n => heads[n % heads.length]!
  }

  async #openSessions(): Promise<void> {
    if (this.#job.era === 'modern') {
      this.#sessions.push({ id: undefined })
      return
    }
    const wanted = Math.max(this.#job.sessions, 1)
    const key = `${wanted} ${this.#job.url}`
    const known = sessionsOf.get(key)
    if (known) {
      this.#sessions = known
      return
    }
    const request = { path: this.#url.pathname, host: this.#url.host, era: this.#job.era, headers: this.#job.headers }
    const lanes = await Promise.all(Array.from({ length: Math.min(wanted, 32) }, () => Connection.open(Number(this.#url.port))))
    await Promise.all(
      lanes.map(async lane => {
        while (this.#sessions.length < wanted) {
          const session: { id: string | undefined } = { id: undefined }
          this.#sessions.push(session)
          session.id = (await openSession(lane, request)).id
        }
        lane.close()
      }),
    )
    sessionsOf.set(key, this.#sessions)
  }
}

process.on('message', (message: { readonly number: number; readonly job: LoadJob }) => {
  new Load(message.job).run().then(
    result => process.send?.({ number: message.number, result }),
    (error: unknown) => process.send?.({ number: message.number, error: error instanceof Error ? error.message : String(error) }),
  )
})
process.on('disconnect', () => process.exit(0))
