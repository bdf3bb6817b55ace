/** A scenario file: what is simulated, in words that people write, and as the simulator takes it. */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `250ms`, `30s`, `5m`, `2h`, `7d` as milliseconds. */
const duration = z
  .string()
  .regex(/^-?\d+(\.\d+)?(ms|s|m|h|d)$/, 'a duration is a number with ms, s, m, h or d, as in 30s')
  .transform((text) => Number.parseFloat(text) * (UNITS_MS[text.replace(/^[-\d.]+/, '')] ?? 1))
const share = z.number().min(0).max(1)
const count = z.number().int().min(0)
const span = <T extends z.ZodType<number, unknown>>(part: T) => z.tuple([part, part])

const movement = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('static'), topology: z.enum(['line', 'ring', 'star', 'full']).default('line') }),
  z.strictObject({ kind: z.literal('islands'), islands: z.number().int().min(2), bridges: count.default(1) }),
  z.strictObject({
    kind: z.literal('waypoints'),
    /** Sides of the plane and reach of a radio, m; speed, m/s. */
    width: z.number().positive(),
    height: z.number().positive(),
    range: z.number().positive(),
    speed: span(z.number().positive()).default([0.5, 2]),
    pause: span(duration).default(() => [60_000, 3_600_000] as [number, number]),
  }),
  z.strictObject({
    kind: z.literal('trace'),
    /** Beside the scenario, or `$QPQ_VECTORS/…`. */
    file: z.string(),
    columns: z.enum(['start end a b', 'a b start end']).default('start end a b'),
    /** The number of the first node in the trace. */
    first: count.default(0),
  }),
])

const links = z.strictObject({
  delay: span(duration).default(() => [2, 80] as [number, number]),
  /** Kilobytes a second. */
  bandwidth: span(z.number().positive()).default([50, 2_000]),
  breaks: share.default(0),
  stalls: share.default(0),
  stall: span(duration).default(() => [1_000, 20_000] as [number, number]),
  twins: share.default(0),
  notice: span(duration).default(() => [1_000, 30_000] as [number, number]),
})

const traffic = z.strictObject({
  friends: z.number().int().min(1).default(3),
  perDay: z.number().min(0).default(10),
  /** Bytes of text. */
  bytes: span(z.number().int().min(1).max(32_000)).default([10, 300]),
  /** Messages are written until then; by default all the time. */
  until: duration.optional(),
  /** Share of friendships in which only one has the other's card, and the other accepts a while after the request has come. */
  requests: share.default(0),
  /** Nodes that are written to and are never on. */
  absent: count.default(0),
})

/** People who carry sticks from machine to machine. */
const couriers = z.strictObject({
  count: z.number().int().min(1).default(1),
  /** Between two ways of one courier, on average. */
  every: duration,
  carry: span(duration).default(() => [600_000, 86_400_000] as [number, number]),
  /** Share of sticks that never arrive. */
  lost: share.default(0),
  /** Share of the medium's blocks of 4 KiB with a wrong bit. */
  damaged: share.default(0),
})

const faults = z.strictObject({
  /** Random halves of the nodes are cut off from each other. */
  partitions: z.strictObject({ every: duration, for: span(duration) }).optional(),
  power: z.strictObject({ every: duration, off: span(duration), share: share.default(1) }).optional(),
  disks: z
    .strictObject({
      every: duration,
      for: span(duration),
      share: share.default(1),
      kinds: z
        .array(z.enum(['EIO', 'ENOSPC']))
        .min(1)
        .default(['EIO', 'ENOSPC']),
    })
    .optional(),
  clocks: z
    .strictObject({
      /** At most so far off from the start on. */
      skew: duration.default(0),
      driftPpm: z.number().min(0).default(0),
      /** Machines that begin in 1970; half of them hear the time later. */
      unset: share.default(0),
      /** Now and then a clock is set, by at most so much. */
      jumps: z.strictObject({ every: duration, by: duration }).optional(),
    })
    .optional(),
})

/** What a hostile node does. */
export const HOSTILE_KINDS = ['garbage', 'replay', 'flood', 'forge', 'oversize', 'hole'] as const
export type HostileKind = (typeof HOSTILE_KINDS)[number]

const store = z.strictObject({
  maxBytes: z.number().int().positive().default(16_000_000),
  maxEnvelopes: z.number().int().positive().default(20_000),
  maxTombstones: z.number().int().positive().default(20_000),
  retention: duration.default(7 * 86_400_000),
  strangers: share.default(0.05),
  /** Between two sweeps; a node sweeps every minute, and what a simulation asks about lives for hours. */
  sweep: duration.default(3_600_000),
})

/** What holds for real processes alone; a file says it under `netns`. */
const real = z.object({
  /** Seconds of the scenario for each real second. */
  speed: z.number().positive().optional(),
  /** Share of all packets that is lost. */
  loss: z.number().min(0).max(0.5).default(0),
})

const scenario = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]+$/),
  about: z.string().optional(),
  nodes: z.number().int().min(2).max(5_000),
  duration,
  /** After the duration: everybody is on, faults end, all can reach all, nobody writes. */
  settle: duration.default(3 * 3_600_000),
  movement,
  links: links.prefault({}),
  store: store.prefault({}),
  sync: span(duration).default(() => [2, 20] as [number, number]),
  traffic: traffic.prefault({}),
  couriers: couriers.optional(),
  faults: faults.prefault({}),
  hostile: z.partialRecord(z.enum(HOSTILE_KINDS), count).default({}),
  checks: z.strictObject({ equal: z.boolean().default(true) }).prefault({}),
  real: real.prefault({}),
})

/**
 * A file may hold a variant for everyday, and one for real processes, whose keys take the place of those of the
 * same name; `speed` and `loss` stand beside them in the latter.
 */
const variants = z.looseObject({
  short: z.record(z.string(), z.unknown()).optional(),
  netns: real.partial().loose().optional(),
})

/** A scenario as the simulator takes it: times in ms. */
export type Scenario = z.output<typeof scenario>

/** Which variant of a scenario. */
export interface Variant {
  /** With what its `short` says instead; as it is when it says nothing. */
  readonly isShort?: boolean
  /** With what its `netns` says instead, after that. */
  readonly isNetns?: boolean
}

/** Reads a scenario. @throws Error that names what is wrong, unknown keys included */
export function parseScenario(text: string, { isShort = false, isNetns = false }: Variant = {}): Scenario {
  const { short = {}, netns: { speed, loss, ...netns } = {}, ...whole } = variants.parse(parse(text))
  const result = scenario.safeParse({ ...whole, ...(isShort ? short : {}), ...(isNetns ? { ...netns, real: { speed, loss } } : {}) })
  if (!result.success) throw new Error(z.prettifyError(result.error))
  return result.data
}

/** Reads a scenario file; the path of a trace in it is relative to the file. @throws as `parseScenario`, and for files that are not there */
export async function readScenario(file: string, variant: Variant = {}): Promise<Scenario> {
  const read = parseScenario(await readFile(file, 'utf8'), variant)
  if (read.movement.kind !== 'trace') return read
  return { ...read, movement: { ...read.movement, file: tracePath(dirname(file), read.movement.file) } }
}

/** Traces are not part of the project; see CONTRIBUTING.md for the folder that the variable names. */
function tracePath(folder: string, file: string): string {
  const vectors = process.env['QPQ_VECTORS']
  if (!file.startsWith('$QPQ_VECTORS/')) return resolve(folder, file)
  if (vectors === undefined) throw new Error('this scenario needs a trace from the folder that QPQ_VECTORS names')
  return resolve(vectors, file.slice('$QPQ_VECTORS/'.length))
}
