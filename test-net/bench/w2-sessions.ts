/**
 * W2 over whole sessions: two nodes with 100,000 envelopes each, 500 on either side alone, meet; all that crosses is
 * counted until both hold the same. Once over a link in memory, for the processor time of both sides together, once
 * over a simulated line of 1 Mbit/s each way, 50 ms round trip and 5 % loss, for how long it takes there.
 *
 * The line is one of segments of 1,400 bytes: a lost one is sent again a round trip later, frames arrive in order,
 * and a sender waits until the line has taken its frame. Time there is virtual, processor time does not count into it.
 * Envelopes lie in memory and have 384 bytes; signatures are those of the toy crypto of the tests, which cost next to
 * nothing. The baseline are the same two nodes when they do not say how much they hold: then all ids are offered, as they
 * were before there was reconciliation. It is run once, since nothing but the losses is left to chance.
 */
import { type Envelope, signEnvelope } from '#mesh/envelope'
import { addressOf } from '#mesh/ids'
import type { Link } from '#mesh/ports'
import { STORE_PROFILES } from '#mesh/store'
import { carry, type FakeClock, fakeClock, join, type MeshNode, meshNode, type Tapped, tap, toyCrypto } from '#mesh/testing'
import { decodeFrame, encodeFrame } from '../../mesh/sync/frames.ts'

/** One figure, as `npm run bench` prints it. */
interface Figure {
  readonly bench: string
  readonly metric: string
  readonly value: number
  readonly unit: string
  readonly baseline?: string
  readonly baselineValue?: number
  readonly ratio?: number
  readonly runs: number
}

const IDS = 100_000
const ONE_SIDED = 500
const START_MS = 1_790_000_000_000
/** Over which the stamps are spread. */
const SPAN_MS = 29 * 86_400_000
const PAYLOAD_BYTES = 256
const BYTES_PER_MS = 125
const ROUND_TRIP_MS = 50
const LOSS = 0.05
const SEGMENT_BYTES = 1_400
/** So many that copies are scarce: such stores reconcile because they are large and alike. */
const KNOWN_DEVICES = 100
const COPIES = 8
/** Type bytes of `mesh/sync/frames.ts`. */
const HELLO = 1
const HELLO_OFFER_WANT = [HELLO, 2, 3]
const RECONCILE = 9
const STEP_MS = 100
const MAX_VIRTUAL_MS = 3_600_000

type Shape = 'uniform' | 'newest' | 'equal'
type Way = 'in memory' | 'on a slow line'
type How = 'reconciled' | 'offered'

/** What one meeting cost. */
interface Meeting {
  readonly finding: number
  readonly total: number
  readonly ms: number
}

/** Runs the bench. @throws Error when two nodes do not end with the same */
export async function w2Sessions(report: (figure: Figure) => void): Promise<void> {
  for (const shape of ['uniform', 'newest', 'equal'] as const) {
    const sides = twoSides(shape)
    for (const way of ['in memory', 'on a slow line'] as const) {
      const ours = await meet(sides, 'reconciled', way)
      const offers = await meet(sides, 'offered', way)
      const figures: Array<[metric: string, unit: string, of: keyof Meeting]> =
        way === 'in memory'
          ? [
              ['bytes to find out, both ways', 'B', 'finding'],
              ['bytes in all, both ways', 'B', 'total'],
              ['CPU of both', 'ms', 'ms'],
            ]
          : [['time at 1 Mbit/s, 50 ms, 5 % loss', 'ms', 'ms']]
      for (const [metric, unit, of] of figures)
        report({
          bench: 'W2',
          metric: `sessions, ${shape}: ${metric}`,
          value: ours[of],
          unit,
          baseline: 'all ids offered',
          baselineValue: offers[of],
          ratio: ours[of] / offers[of],
          runs: 1,
        })
    }
  }
}

async function meet([a, b]: readonly [Envelope[], Envelope[]], how: How, way: Way): Promise<Meeting> {
  const clock = way === 'in memory' ? runningClock() : fakeClock(START_MS)
  const [alice, bob] = await Promise.all(['alice', 'bob'].map((name) => meshNode(name, { clock, knownDevices: KNOWN_DEVICES, limits: STORE_PROFILES.relay })))
  if (alice === undefined || bob === undefined) throw new Error('two nodes were made')
  await fill(alice, a)
  await fill(bob, b)
  const tapped = tap()
  const begunMs = clock.monotonic()
  const cpu = process.cpuUsage()
  const joined = join(alice, bob, (link) => {
    const line = tapped.wrap(way === 'in memory' ? link : slowLine(link, clock))
    return how === 'reconciled' ? line : silentAboutSize(line)
  })
  const expected = new Set([...a, ...b].map(({ id }) => id)).size
  const isDone = (): boolean => [alice, bob].every(({ store, exchange }) => store.usage().envelopes === expected && exchange.sessions()[0]?.isSynced === true)
  while (!isDone()) {
    await clock.advance(STEP_MS)
    if (clock.monotonic() - begunMs > MAX_VIRTUAL_MS) throw new Error('the two nodes never agreed')
  }
  const { user, system } = process.cpuUsage(cpu)
  const ms = way === 'in memory' ? (user + system) / 1_000 : clock.monotonic() - begunMs
  let isOver = false
  const ending = joined.close().finally(() => (isOver = true))
  while (!isOver) await clock.advance(STEP_MS) // what is on the line has to leave it first
  await ending
  await alice.stop()
  await bob.stop()
  return { finding: bytesOf(tapped, [...HELLO_OFFER_WANT, RECONCILE]), total: tapped.bytes.reduce((sum, bytes) => sum + bytes, 0), ms }
}

/** A link whose HELLO does not say how much there is, as programs wrote it that could not reconcile. */
function silentAboutSize(link: Link): Link {
  return {
    ...link,
    send(bytes) {
      if (bytes[0] !== HELLO) return link.send(bytes)
      const frame = decodeFrame(bytes)
      if (frame.type !== 'hello') return link.send(bytes)
      const { held: _held, keptDays: _keptDays, ...said } = frame
      return link.send(encodeFrame(said))
    },
  }
}

function bytesOf({ bytes }: Tapped, types: readonly number[]): number {
  return types.reduce((sum, type) => sum + (bytes[type] ?? 0), 0)
}

async function fill(node: MeshNode, envelopes: readonly Envelope[]): Promise<void> {
  for (let at = 0; at < envelopes.length; at += 5_000) await carry(node, envelopes.slice(at, at + 5_000), { copies: COPIES })
}

/** What each side holds, by age, the newest last; those of one side only are spread over all, or are the newest. */
function twoSides(shape: Shape): [Envelope[], Envelope[]] {
  const isOneSided = (row: number): boolean => (shape === 'equal' ? false : shape === 'newest' ? row >= IDS - ONE_SIDED : row % (IDS / ONE_SIDED) === 0)
  const shared = Array.from({ length: IDS }, (_, row) => envelope(row, 0))
  const side = (number: number): Envelope[] => shared.map((both, row) => (isOneSided(row) ? envelope(row, number) : both))
  return [side(1), side(2)]
}

const crypto = toyCrypto()
const AUTHOR_SEED = new Uint8Array(32).fill(5)
const ADDRESS = addressOf(new Uint8Array(16).fill(9))

function envelope(row: number, side: number): Envelope {
  const payload = new Uint8Array(PAYLOAD_BYTES)
  new DataView(payload.buffer).setUint32(0, 4 * row + side)
  const stamp = { ms: START_MS - SPAN_MS + Math.floor((SPAN_MS * row) / IDS), counter: 0 }
  return signEnvelope(crypto, AUTHOR_SEED, { priority: 'normal', kind: 'inbox', address: ADDRESS, stamp, lifetimeS: 30 * 86_400, payload })
}

/** A line of its own in each direction. */
function slowLine(link: Link, clock: FakeClock): Link {
  let freeMs = 0
  let arrivedMs = 0
  let last = Promise.resolve()
  const lost = (segments: number): number => Array.from({ length: segments }, () => Math.random()).filter((roll) => roll < LOSS).length
  return {
    ...link,
    async send(frame) {
      const nowMs = clock.monotonic()
      freeMs = Math.max(nowMs, freeMs) + frame.length / BYTES_PER_MS
      let atMs = freeMs + ROUND_TRIP_MS / 2
      for (let again = lost(Math.ceil(frame.length / SEGMENT_BYTES)); again > 0; again = lost(again)) {
        const repeatMs = (again * Math.min(SEGMENT_BYTES, frame.length)) / BYTES_PER_MS
        freeMs += repeatMs
        atMs += ROUND_TRIP_MS + repeatMs
      }
      arrivedMs = Math.max(arrivedMs, atMs)
      const copy = frame.slice()
      const before = last
      last = clock.sleep(Math.ceil(arrivedMs - nowMs)).then(async () => {
        await before
        await link.send(copy).catch(() => undefined)
      })
      await clock.sleep(Math.ceil(freeMs - nowMs))
    },
  }
}

/** A clock that runs by itself, as a {@link FakeClock}. */
function runningClock(): FakeClock {
  return {
    now: () => Math.floor(START_MS + performance.now()),
    monotonic: () => performance.now(),
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, ms)
        signal?.addEventListener('abort', () => {
          clearTimeout(timer)
          resolve()
        })
      }),
    advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms / 10)),
    setWall: () => undefined,
    sleepers: 0,
  }
}
