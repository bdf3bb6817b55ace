/** What a bench says: one figure after the other, each beside what it is compared with, if anything. */

/** One figure, as `npm run bench -- NAME --json` prints it, one a line. */
export interface Figure {
  readonly bench: string
  readonly metric: string
  readonly value: number
  readonly unit: string
  /** What the same was measured on, in the same session. */
  readonly baseline?: string
  readonly baselineValue?: number
  /** Value divided by the baseline's; absent when that is 0. */
  readonly ratio?: number
  /** Measurements whose median this is. */
  readonly runs: number
}

/** How much to measure. */
export interface BenchOptions {
  /** Runs whose medians are told; each bench knows how many suffice when nobody says. */
  readonly runs?: number
  /** Seconds of idling (W6, W9). */
  readonly seconds?: number
}

export type Report = (figure: Figure) => void
export type Bench = (report: Report, options: BenchOptions) => Promise<void>

/** What is measured: the same values for each baseline give one figure each, none gives one without. */
export interface Measured {
  readonly bench: string
  readonly metric: string
  readonly unit: string
  readonly values: readonly number[]
  /** By name; a baseline without values was not there and is left out. */
  readonly baselines?: Readonly<Record<string, readonly number[]>>
}

/** Characters of the columns of a table: bench, metric, value. */
const COLUMNS = [8, 84, 14] as const

/** Figures of the medians, one for each baseline. */
export function figuresOf({ bench, metric, unit, values, baselines = {} }: Measured): Figure[] {
  const figure = { bench, metric, value: medianOf(values), unit, runs: values.length }
  const compared = Object.entries(baselines).filter(([, others]) => others.length > 0)
  if (compared.length === 0) return [figure]
  return compared.map(([baseline, others]) => {
    const baselineValue = medianOf(others)
    return { ...figure, baseline, baselineValue, ...(baselineValue === 0 ? {} : { ratio: figure.value / baselineValue }) }
  })
}

/** The middle value; between the two in the middle when there is an even number of them; NaN of nothing. */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length / 2
  const [low, high] = [sorted[Math.ceil(half) - 1], sorted[Math.floor(half)]]
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2
}

/** A line of the table for people. */
export function tableRow({ bench, metric, value, unit, baseline, baselineValue, ratio, runs }: Figure): string {
  const times = ratio === undefined ? '' : `, ratio ${shortNumber(ratio)}`
  const compared = baseline === undefined ? '' : `${baseline}: ${shortNumber(baselineValue ?? Number.NaN)} ${unit}${times}; `
  const columns = [bench.padEnd(COLUMNS[0]), metric.padEnd(COLUMNS[1]), `${shortNumber(value)} ${unit}`.padStart(COLUMNS[2])]
  return `${columns.join(' ')}  (${compared}${runs} ${runs === 1 ? 'run' : 'runs'})`
}

/** Three figures that say something, and thousands as they are. */
function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return '–'
  if (Math.abs(value) >= 100) return value.toFixed(0)
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2)
}
