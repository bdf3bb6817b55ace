/** Who is in reach of whom, and when: from a topology, from people who walk about, or from a trace. */
import type { Scenario } from './scenario.ts'
import type { Seeded } from './seeded.ts'

/** Two nodes are in reach of each other from `startMs` until `endMs`. */
export interface Contact {
  readonly a: number
  readonly b: number
  readonly startMs: number
  readonly endMs: number
}

type Movement = Scenario['movement']
type Trace = Extract<Movement, { kind: 'trace' }>
type Waypoints = Extract<Movement, { kind: 'waypoints' }>

/** One straight walk, or a pause when both ends are the same; m and ms. */
interface Leg {
  readonly startMs: number
  readonly endMs: number
  readonly from: readonly [x: number, y: number]
  readonly to: readonly [x: number, y: number]
}

/** All contacts of a run, by their start. @param trace the text of the trace file, for movement by a trace */
export function contactsOf(movement: Movement, nodes: number, durationMs: number, random: Seeded, trace = ''): Contact[] {
  const contacts = unsorted(movement, nodes, durationMs, random, trace)
  return contacts.sort((x, y) => x.startMs - y.startMs || x.a - y.a || x.b - y.b)
}

function unsorted(movement: Movement, nodes: number, durationMs: number, random: Seeded, trace: string): Contact[] {
  switch (movement.kind) {
    case 'static':
      return always(topology(movement.topology, nodes), durationMs)
    case 'islands':
      return always(islands(nodes, movement.islands, movement.bridges), durationMs)
    case 'waypoints':
      return meetings(movement, nodes, durationMs, random)
    case 'trace':
      return readTrace(trace, movement, nodes, durationMs)
  }
}

function always(pairs: readonly (readonly [number, number])[], endMs: number): Contact[] {
  return pairs.map(([a, b]) => ({ a, b, startMs: 0, endMs }))
}

function topology(kind: 'line' | 'ring' | 'star' | 'full', nodes: number): [number, number][] {
  const line = Array.from({ length: nodes - 1 }, (_, i): [number, number] => [i, i + 1])
  if (kind === 'line') return line
  if (kind === 'ring') return [...line, ...(nodes > 2 ? [[0, nodes - 1] as [number, number]] : [])]
  if (kind === 'star') return line.map(([, i]) => [0, i])
  return line.flatMap(([a]) => Array.from({ length: nodes - 1 - a }, (_, i): [number, number] => [a, a + 1 + i]))
}

/** Full islands; the first `bridges` nodes of each are linked with those of the next. */
function islands(nodes: number, count: number, bridges: number): [number, number][] {
  const island = (node: number): number => Math.floor((node * count) / nodes)
  const first = Array.from({ length: count }, (_, i) => Math.ceil((i * nodes) / count))
  const inside = topology('full', nodes).filter(([a, b]) => island(a) === island(b))
  const between = first.slice(1).flatMap((start, i) => Array.from({ length: bridges }, (_, k): [number, number] => [(first[i] ?? 0) + k, start + k]))
  return [...inside, ...between]
}

/**
 * Random waypoints: everybody walks to a random place, stays a while, and goes on. The moments when two come
 * into reach are the roots of a quadratic equation for each pair of legs, so nothing is sampled and nothing missed.
 */
function meetings(movement: Waypoints, nodes: number, durationMs: number, random: Seeded): Contact[] {
  const walks = Array.from({ length: nodes }, (_, i) => walk(movement, durationMs, random.fork(`walk ${i}`)))
  const contacts: Contact[] = []
  walks.forEach((walkA, a) => {
    for (let b = a + 1; b < nodes; b++) contacts.push(...meetingsOf(a, walkA, b, walks[b] ?? [], movement.range))
  })
  return contacts
}

function walk({ width, height, speed, pause }: Waypoints, durationMs: number, random: Seeded): Leg[] {
  const place = (): [number, number] => [random.unit() * width, random.unit() * height]
  const legs: Leg[] = []
  let from = place()
  for (let nowMs = 0; nowMs < durationMs; ) {
    const stays = nowMs + random.between(pause)
    legs.push({ startMs: nowMs, endMs: stays, from, to: from })
    const to = place()
    const arrives = stays + (Math.hypot(to[0] - from[0], to[1] - from[1]) / random.between(speed)) * 1_000
    legs.push({ startMs: stays, endMs: arrives, from, to })
    nowMs = arrives
    from = to
  }
  return legs.map((leg) => (leg.endMs > durationMs ? cutLeg(leg, durationMs) : leg)).filter(({ startMs, endMs }) => endMs > startMs)
}

function cutLeg(leg: Leg, endMs: number): Leg {
  const part = (endMs - leg.startMs) / (leg.endMs - leg.startMs)
  const to = [leg.from[0] + (leg.to[0] - leg.from[0]) * part, leg.from[1] + (leg.to[1] - leg.from[1]) * part] as const
  return { ...leg, endMs: Math.max(endMs, leg.startMs), to }
}

function meetingsOf(a: number, walkA: readonly Leg[], b: number, walkB: readonly Leg[], range: number): Contact[] {
  const contacts: Contact[] = []
  let open: { startMs: number; endMs: number } | undefined
  for (let i = 0, k = 0; i < walkA.length && k < walkB.length; ) {
    const [legA, legB] = [walkA[i], walkB[k]]
    if (legA === undefined || legB === undefined) break
    const near = nearWithin(legA, legB, range)
    if (near !== undefined) {
      const [startMs, endMs] = near
      if (open !== undefined && startMs - open.endMs < 1) open.endMs = endMs
      else {
        if (open !== undefined) contacts.push({ a, b, ...open })
        open = { startMs, endMs }
      }
    }
    if (legA.endMs <= legB.endMs) i++
    else k++
  }
  if (open !== undefined) contacts.push({ a, b, ...open })
  return contacts.filter(({ startMs, endMs }) => endMs > startMs)
}

/** When two are nearer than `range` while both legs last: the distance is a convex function of time, so it is one interval. */
function nearWithin(a: Leg, b: Leg, range: number): [number, number] | undefined {
  const start = Math.max(a.startMs, b.startMs)
  const end = Math.min(a.endMs, b.endMs)
  if (end < start) return undefined
  const [ax, ay, avx, avy] = motion(a, start)
  const [bx, by, bvx, bvy] = motion(b, start)
  const [x, y, vx, vy] = [ax - bx, ay - by, avx - bvx, avy - bvy]
  const qa = vx * vx + vy * vy
  const qb = x * vx + y * vy
  const qc = x * x + y * y - range * range
  if (qa < 1e-18) return qc < 0 ? [start, end] : undefined
  const root = qb * qb - qa * qc
  if (root <= 0) return undefined
  const from = Math.max(start, start + (-qb - Math.sqrt(root)) / qa)
  const to = Math.min(end, start + (-qb + Math.sqrt(root)) / qa)
  return to > from ? [from, to] : undefined
}

function motion({ startMs, endMs, from, to }: Leg, atMs: number): [x: number, y: number, vx: number, vy: number] {
  const lasts = endMs - startMs
  if (lasts <= 0) return [from[0], from[1], 0, 0]
  const [vx, vy] = [(to[0] - from[0]) / lasts, (to[1] - from[1]) / lasts]
  return [from[0] + vx * (atMs - startMs), from[1] + vy * (atMs - startMs), vx, vy]
}

/** One contact a line, times in seconds since the start of the trace, a sighting without a length as one second; what comes behind is left alone. @throws Error for another line */
function readTrace(text: string, { columns, first }: Trace, nodes: number, durationMs: number): Contact[] {
  const contacts: Contact[] = []
  text.split('\n').forEach((line, i) => {
    if (line.trim() === '' || line.startsWith('#')) return
    const numbers = line.trim().split(/\s+/).slice(0, 4).map(Number)
    if (numbers.length < 4 || !numbers.every((number) => number >= 0)) throw new Error(`line ${i + 1} of the trace is not "${columns}": ${line}`)
    const [w = 0, x = 0, y = 0, z = 0] = numbers
    const [start, end, a, b] = columns === 'start end a b' ? [w, x, y - first, z - first] : [y, z, w - first, x - first]
    if (a === b || Math.min(a, b) < 0 || Math.max(a, b) >= nodes || start * 1_000 >= durationMs || end < start) return
    contacts.push({ a, b, startMs: start * 1_000, endMs: Math.min(Math.max(end, start + 1) * 1_000, durationMs) })
  })
  return contacts
}
