// Numbers that somebody else keeps, as a page in either text form. Two registries: prom-client renames counters where it writes OpenMetrics.

import { Counter, Gauge, Registry } from 'prom-client'
import { histogramOf, type Distribution } from './series.ts'

type Described = { readonly name: string; readonly help: string }
export type ReadCounts = (add: (labels: readonly string[], n: number) => void) => void

/** One metric with its samples, as prom-client has them: buckets of histograms are cumulated, `le` among their labels. */
export type Family = {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly values: readonly {
    readonly value: number
    readonly labels: Readonly<Record<string, string | number>>
    readonly metricName?: string
  }[]
}

export class MetricsPages {
  readonly #plain = new Registry()
  readonly #open = openMetricsRegistry()

  histogram(described: Described & { readonly label?: string }, series: () => Iterable<readonly [string, Distribution]>): void {
    for (const registry of this.#both) registry.registerMetric(histogramOf(described, series))
  }

  counter({ labels: labelNames, ...described }: Described & { readonly labels: readonly string[] }, read: ReadCounts): void {
    for (const registry of this.#both)
      new Counter({
        ...described,
        labelNames: [...labelNames],
        registers: [registry],
        collect() {
          this.reset()
          read((labels, n) => this.labels(...labels).inc(n))
        },
      })
  }

  /** Without a label, one level under the value ''. */
  gauge({ label, ...described }: Described & { readonly label?: string }, read: () => Iterable<readonly [string, number]>): void {
    for (const registry of this.#both)
      new Gauge({
        ...described,
        labelNames: label === undefined ? [] : [label],
        registers: [registry],
        collect() {
          this.reset()
          for (const [value, n] of read()) {
            if (label === undefined) this.set(n)
            else this.set({ [label]: value }, n)
          }
        },
      })
  }

  async page(accept = ''): Promise<{ readonly type: string; readonly text: string }> {
    const registry = prefersOpenMetrics(accept) ? this.#open : this.#plain
    return { type: registry.contentType, text: await registry.metrics() }
  }

  families(): Promise<readonly Family[]> {
    return this.#plain.getMetricsAsJSON() as Promise<unknown> as Promise<readonly Family[]>
  }

  get #both(): readonly Registry[] {
    return [this.#plain, this.#open]
  }
}

function openMetricsRegistry(): Registry {
  const registry = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  // Its type tells registries apart that are merged; these never are.
  return registry as unknown as Registry
}

/** RFC 9110 section 12.5.1, as far as two types need it: whoever names OpenMetrics, and no plain text above it, gets it. */
function prefersOpenMetrics(accept: string): boolean {
  const weightOf = (type: string): number =>
    Math.max(
      ...accept
        .toLowerCase()
        .split(',')
        .filter(range => range.trim().startsWith(type))
        .map(range => Number(/;\s*q=([0-9.]{1,5})\s*$/.exec(range)?.[1] ?? 1)),
      0,
    )
  const open = weightOf('application/openmetrics-text')
  return open > 0 && open >= weightOf('text/plain')
}
