import { collectDefaultMetrics, Registry } from 'prom-client'

/**
 * Our metric interface. Values are plain numbers that the hot path bumps for a few nanoseconds; the
 * Prometheus library renders them when somebody asks. Labels come from closed sets, never from a peer.
 */
export interface Counter {
  add(amount: number): void
}

export interface Histogram {
  observe(value: number): void
}

type Labels = Readonly<Record<string, string>>

export interface Reading {
  readonly value: number
  readonly labels?: Labels
}

interface Sample {
  readonly metricName: string
  readonly labels: Labels
  readonly value: number
}

class Series {
  value = 0
  readonly labels: Labels

  constructor(labels: Labels) {
    this.labels = labels
  }

  add(amount: number): void {
    this.value += amount
  }
}

class HistogramSeries {
  readonly labels: Labels
  readonly #bounds: readonly number[]
  readonly #counts: number[]
  #sum = 0

  constructor(labels: Labels, bounds: readonly number[]) {
    this.labels = labels
    this.#bounds = bounds
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  observe(value: number): void {
    let index = 0
    while (index < this.#bounds.length && value > (this.#bounds[index] ?? 0)) index++
    this.#counts[index] = (this.#counts[index] ?? 0) + 1
    this.#sum += value
  }

  samples(name: string): Sample[] {
    const samples: Sample[] = []
    let total = 0
    for (const [index, count] of this.#counts.entries()) {
      total += count
      const le = index < this.#bounds.length ? String(this.#bounds[index]) : '+Inf'
      samples.push({ metricName: `${name}_bucket`, labels: { ...this.labels, le }, value: total })
    }
    samples.push({ metricName: `${name}_sum`, labels: this.labels, value: this.#sum })
    samples.push({ metricName: `${name}_count`, labels: this.labels, value: total })
    return samples
  }
}

export class Metrics {
  readonly #registry = new Registry()
  readonly #families = new Map<string, Series[] | HistogramSeries[]>()

  constructor(options: { readonly processMetrics: boolean }) {
    if (options.processMetrics) collectDefaultMetrics({ register: this.#registry, prefix: 'harp_' })
  }

  /** Calls with the same name and other labels add a series to the same counter. */
  counter(name: string, help: string, labels: Labels = {}): Counter {
    const series = new Series(labels)
    this.#family<Series>(name, help, 'counter', (each) => [
      { metricName: name, labels: each.labels, value: each.value },
    ]).push(series)
    return series
  }

  histogram(name: string, help: string, bounds: readonly number[], labels: Labels = {}): Histogram {
    const series = new HistogramSeries(labels, bounds)
    this.#family<HistogramSeries>(name, help, 'histogram', (each) => each.samples(name)).push(series)
    return series
  }

  /** A gauge is read when scraped. */
  gauge(name: string, help: string, read: () => number): void {
    this.#register(name, help, 'gauge', () => [{ metricName: name, labels: {}, value: read() }])
  }

  /** A whole family that is read when scraped: for what somebody else counts. */
  readings(name: string, help: string, type: 'counter' | 'gauge', read: () => Iterable<Reading>): void {
    this.#register(name, help, type, () =>
      [...read()].map(({ value, labels = {} }) => ({ metricName: name, labels, value })),
    )
  }

  async render(): Promise<{ contentType: string; body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() }
  }

  /** Stops the process metrics' observers. */
  stop(): void {
    this.#registry.clear()
  }

  #family<S extends Series | HistogramSeries>(
    name: string,
    help: string,
    type: 'counter' | 'histogram',
    samples: (series: S) => Sample[],
  ): S[] {
    const known = this.#families.get(name)
    if (known !== undefined) return known as S[]
    const list: S[] = []
    this.#families.set(name, list as Series[] | HistogramSeries[])
    this.#register(name, help, type, () => list.flatMap(samples))
    return list
  }

  #register(name: string, help: string, type: string, samples: () => Sample[]): void {
    const metric = {
      name,
      help,
      type,
      aggregator: 'sum',
      reset() {},
      get: async () => ({ name, help, type, aggregator: 'sum', values: samples() }),
    }
    // NOTE: the registry only needs `name` and `get()` (prom-client 15.1.3); its own Counter hashes labels on every increment.
    this.#registry.registerMetric(metric as unknown as Parameters<Registry['registerMetric']>[0])
  }
}
