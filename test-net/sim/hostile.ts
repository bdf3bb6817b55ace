/**
 * Nodes that mean harm. Each runs the real code with something changed, so that it speaks the protocol well
 * enough to be let in, and does one bad thing as often as it can:
 *
 * - `garbage`: frames with flipped bits, cut or made up
 * - `oversize`: frames that are right in form and ask for too much
 * - `replay`: never forgets an envelope, and offers what was read, taken back or has expired
 * - `flood`: fills stores with signed envelopes of its own to people who do not exist
 * - `forge`: receipts in the name of others, for what it carries to them
 * - `hole`: promises to carry, and throws away
 */
import { encodeRetraction, HybridClock, MAX_LIFETIME_S, signEnvelope } from '#mesh/envelope'
import { isMeshError } from '#mesh/errors'
import { addressOf, type EnvelopeId, envelopeIdOf } from '#mesh/ids'
import type { Crypto, Link } from '#mesh/ports'
import { spawn } from '#mesh/runtime'
import { encodeFrame } from '#mesh/sync'
import type { Carriage } from '../../node/compose/carriage.ts'
import type { Alteration } from './alteration.ts'
import type { Machine } from './machine.ts'
import type { HostileKind } from './scenario.ts'
import type { Scheduler } from './scheduler.ts'
import type { Seeded } from './seeded.ts'

/** What hostile nodes work with. */
export interface HostileDeps {
  readonly scheduler: Scheduler
  readonly crypto: Crypto
  /** Whose keys are on their cards, for everybody to see. */
  readonly victims: () => readonly Machine[]
  readonly onFailure: (error: unknown) => void
}

/** Between two bad deeds of those that do them by the clock, ms. */
const DEED_MS = 1_800_000
/** Envelopes of one flood, and the bytes of their payloads. */
const FLOOD = 40
const FLOOD_BYTES: readonly [number, number] = [16, 900]
/** Envelopes that a flooding node holds; it offers them to everybody, again and again. */
const MAX_FLOOD = 300
/** Frames that are spoilt, of all that are sent. */
const SPOILT = 0.1

/** How a hostile node differs from a good one. */
export function hostileAlteration(kind: HostileKind, random: Seeded): Alteration {
  switch (kind) {
    case 'garbage':
      return { link: (link) => sendingAlso(link, (frame) => (random.isTrue(SPOILT) ? [spoilt(frame, random)] : [frame])) }
    case 'oversize':
      return { link: (link) => sendingAlso(link, (frame) => (random.isTrue(SPOILT) ? [frame, ...tooMuch(random)] : [frame])) }
    case 'replay':
      return {
        carriage({ store }) {
          store.remove = () => false
          store.bury = () => {}
          store.isRetracted = () => false
          store.removeExpired = async () => 0
        },
      }
    default:
      return {}
  }
}

/** Lets a hostile node do by the clock what it does by the clock, for as long as the run lasts. */
export function startDeeds(deps: HostileDeps, machine: Machine, kind: HostileKind, random: Seeded): void {
  const deed = kind === 'flood' ? flood : kind === 'forge' ? forge : kind === 'hole' ? throwAway : undefined
  if (deed === undefined) return
  const next = (): void => {
    deps.scheduler.in(random.exponential(DEED_MS), () => {
      next()
      const { carriage } = machine
      if (carriage !== undefined) spawn(() => deed(deps, carriage, random), unlessDisk(deps.onFailure))
    })
  }
  next()
}

/** An attacker's disk may be full of his own, or broken. */
function unlessDisk(onFailure: (error: unknown) => void): (error: unknown) => void {
  return (error) => {
    if (!isMeshError(error, 'MESH_STORE_FULL') && !isMeshError(error, 'MESH_STORE_FAILED')) onFailure(error)
  }
}

/** A link on which every frame is replaced by others. */
function sendingAlso(link: Link, instead: (frame: Uint8Array) => Uint8Array[]): Link {
  return {
    peer: link.peer,
    address: link.address,
    frames: () => link.frames(),
    close: () => link.close(),
    abort: (reason) => link.abort(reason),
    async send(frame) {
      for (const bytes of instead(frame)) await link.send(bytes)
    },
  }
}

function spoilt(frame: Uint8Array, random: Seeded): Uint8Array {
  switch (random.below(4)) {
    case 0:
      return random.bytes(1 + random.below(2_000))
    case 1:
      return frame.slice(0, random.below(frame.length))
    case 2:
      return new Uint8Array([...frame, ...random.bytes(1 + random.below(64))].slice(0, 65_536))
    default: {
      const flipped = frame.slice()
      const at = random.below(frame.length)
      flipped[at] = (flipped[at] ?? 0) ^ (1 << random.below(8))
      return flipped
    }
  }
}

/** Frames that decode, and break a rule or a bound. */
function tooMuch(random: Seeded): Uint8Array[] {
  const id = (): EnvelopeId => envelopeIdOf(random.bytes(32))
  const offer = (count: number, size: number): Uint8Array =>
    encodeFrame({ type: 'offer', offers: Array.from({ length: count }, () => ({ id: id(), classByte: 0x41, size, tell: true })) })
  switch (random.below(4)) {
    case 0:
      return [offer(128, 65_000)]
    case 1:
      return Array.from({ length: 8 }, () => offer(4, 400))
    case 2:
      return [encodeFrame({ type: 'want', ids: Array.from({ length: 128 }, id) })]
    default:
      return [encodeFrame({ type: 'refused', refusals: Array.from({ length: 1_000 }, () => ({ id: id(), reason: 'full' as const })) })]
  }
}

/** Signed, valid, to nobody. */
async function flood({ crypto }: HostileDeps, { db, intake, store }: Carriage, random: Seeded): Promise<void> {
  if (store.usage().envelopes > MAX_FLOOD) return
  const hlc = new HybridClock({ clock: { now: () => 0, monotonic: () => 0, sleep: async () => {} } })
  await db.transaction(async (tx) => {
    for (let i = 0; i < FLOOD; i++) {
      const address = addressOf(random.bytes(16))
      const payload = random.bytes(Math.floor(random.between(FLOOD_BYTES)))
      const content = { priority: 'critical', kind: 'inbox', address, stamp: hlc.next(), lifetimeS: MAX_LIFETIME_S, payload } as const
      await intake.storeOwn(tx, signEnvelope(crypto, random.bytes(32), content))
    }
  })
}

/** Takes back in the name of its owner what is on its way to him: with his key in the header, and a signature by another. */
async function forge({ crypto, victims }: HostileDeps, { db, intake, store }: Carriage, random: Seeded): Promise<void> {
  for (const victim of victims()) {
    const { inboxKey } = victim.secrets.person
    const ownInbox = victim.inbox
    const ids = [...store.byAddress(ownInbox)].flatMap(({ id, kind }) => (kind === 'inbox' ? [id] : []))
    const newest = ids.at(-1)
    if (newest === undefined) continue
    const meta = store.meta(newest)
    if (meta === undefined) continue
    const liar: Crypto = { ...crypto, ed25519PublicKey: () => inboxKey }
    const content = { priority: 'critical', kind: 'receipt', address: ownInbox, stamp: meta.stamp, lifetimeS: MAX_LIFETIME_S } as const
    const receipt = signEnvelope(liar, random.bytes(32), { ...content, payload: encodeRetraction(ids.slice(-100)) })
    await db.transaction((tx) => intake.storeOwn(tx, receipt))
  }
}

/** Everything that others wrote goes. */
async function throwAway(_deps: HostileDeps, { db, store }: Carriage): Promise<void> {
  await db.transaction((tx) => {
    for (const id of [...store.ids()]) if (store.meta(id, tx)?.own === false) store.remove(tx, id, 'evicted')
  })
}
