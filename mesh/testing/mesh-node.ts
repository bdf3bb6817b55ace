import { addressOfKey, encodeRetraction, HybridClock, type Priority, signEnvelope } from '#mesh/envelope'
import { type Address, type DeviceId, deviceIdOf, type EnvelopeId } from '#mesh/ids'
import { Intake, type IntakeOptions } from '#mesh/intake'
import { type Crypto, type Link, silentLog } from '#mesh/ports'
import { type CollectGrant, CustodyLedger, Encounters, issueGrant } from '#mesh/routing'
import { spawn } from '#mesh/runtime'
import { Database, EnvelopeStore, type MeshEvent, STORE_PROFILES, type StoreLimits } from '#mesh/store'
import { decodeFrame, Exchange, type ExchangeOptions, encodeFrame, type Frame } from '#mesh/sync'
import { type FakeClock, fakeClock } from './fake-clock.ts'
import { linkPair } from './link-pair.ts'
import { memoryLevel } from './memory-store.ts'
import { seededRandom } from './seeded-random.ts'
import { toyCrypto } from './toy-crypto.ts'

/** What a test may set about a node. */
export interface MeshNodeOptions {
  readonly clock?: FakeClock
  readonly crypto?: Crypto
  readonly limits?: StoreLimits
  readonly intake?: IntakeOptions
  readonly exchange?: ExchangeOptions
  readonly knownDevices?: number
  /** What the node draws by chance; its keys depend on the name alone. */
  readonly seed?: string
  /** Acknowledge what arrives, as content does; true by default. */
  readonly reads?: boolean
}

/** The carriage of one node in memory: real database, store, intake, ledger and exchange, and an inbox that acknowledges. */
export interface MeshNode {
  readonly device: DeviceId
  readonly deviceSeed: Uint8Array
  readonly address: Address
  readonly clock: FakeClock
  readonly db: Database
  readonly store: EnvelopeStore
  readonly intake: Intake
  readonly ledger: CustodyLedger
  readonly exchange: Exchange
  readonly grants: CollectGrant[]
  readonly events: MeshEvent[]
  /** Ids that arrived for this node, in the order in which its content handler saw them. */
  readonly received: EnvelopeId[]
  /** Peers that were caught, with the code. */
  readonly offences: string[]
  /** Writes an envelope to `to`, as `send` does. */
  write(to: MeshNode, options?: { bytes?: number; priority?: Priority; mayCross?: boolean }): Promise<EnvelopeId>
  /** Writes `count` of 300 bytes each, in one transaction per hundred. */
  writeMany(to: MeshNode, count: number): Promise<EnvelopeId[]>
  /** Acknowledges ids at the inbox of this node. */
  acknowledge(ids: readonly EnvelopeId[]): Promise<void>
  stop(): Promise<void>
}

/** Builds a node whose keys depend on `name` alone. */
export async function meshNode(name: string, options: MeshNodeOptions = {}): Promise<MeshNode> {
  const crypto = options.crypto ?? toyCrypto()
  const clock = options.clock ?? fakeClock()
  const seedOf = (use: number) => new Uint8Array(32).map((_, i) => (i === 0 ? use : name.charCodeAt(i % name.length)))
  const [deviceSeed, inboxSeed, authorSeed] = [seedOf(1), seedOf(2), seedOf(3)]
  const device = deviceIdOf(crypto.ed25519PublicKey(deviceSeed))
  const address = addressOfKey(crypto.ed25519PublicKey(inboxSeed))
  const db = await Database.open(memoryLevel(), { log: silentLog })
  const store = await EnvelopeStore.open(db, { clock, log: silentLog }, options.limits ?? STORE_PROFILES.pi)
  const ledger = await CustodyLedger.open(db, { now: () => clock.now() })
  const intake = new Intake(
    {
      db,
      store,
      crypto,
      clock,
      isOwned: (to) => to === address,
      isFriend: () => true,
      isFriendsKey: () => true,
      onRetracted: (tx, { ids }) => void ledger.settle(tx, ids),
    },
    options.intake,
  )
  const grants = [issueGrant(crypto, inboxSeed, device, clock.now() + 30 * 86_400_000)]
  const offences: string[] = []
  const exchange = new Exchange(
    {
      db,
      store,
      intake,
      ledger,
      clock,
      log: silentLog,
      crypto,
      random: seededRandom(`${name} ${options.seed ?? ''}`),
      device,
      sign: (message) => crypto.ed25519Sign(deviceSeed, message),
      grants: () => grants,
      encounters: new Encounters(clock),
      knownDevices: () => options.knownDevices ?? 3,
      onOffence: (_peer, error) => offences.push(error.code),
    },
    options.exchange,
  )
  const hybrid = new HybridClock({ clock })
  const envelope = (to: Address, bytes: number, priority: Priority, mayCross: boolean) =>
    signEnvelope(crypto, authorSeed, {
      priority,
      mayCross,
      kind: 'inbox',
      address: to,
      stamp: hybrid.next(),
      lifetimeS: 86_400,
      payload: new Uint8Array(bytes),
    })
  const storeOwn = async (to: Address, sizes: readonly number[], priority: Priority, mayCross = true): Promise<EnvelopeId[]> => {
    const envelopes = sizes.map((bytes) => envelope(to, bytes, priority, mayCross))
    await db.transaction(async (tx) => {
      for (const own of envelopes) {
        await intake.storeOwn(tx, own)
        ledger.enqueue(tx, own)
      }
    })
    return envelopes.map(({ id }) => id)
  }
  const acknowledge = async (ids: readonly EnvelopeId[]): Promise<void> => {
    const receipt = signEnvelope(crypto, inboxSeed, {
      priority: 'critical',
      kind: 'receipt',
      address,
      stamp: hybrid.next(),
      lifetimeS: 86_400,
      payload: encodeRetraction(ids),
    })
    await db.transaction(async (tx) => {
      for (const id of ids) {
        const meta = store.meta(id, tx)
        store.remove(tx, id, 'consumed')
        store.bury(tx, id, address, meta?.expiryMs ?? clock.now() + 86_400_000)
      }
      await intake.storeOwn(tx, receipt)
    })
  }
  const events: MeshEvent[] = []
  const received: EnvelopeId[] = []
  const reader = new Reader(acknowledge)
  let isReading = options.reads !== false
  db.subscribe((event) => {
    events.push(event)
    if (event.kind !== 'envelope-queued' || store.meta(event.id)?.kind !== 'inbox') return
    received.push(event.id)
    if (isReading) reader.add(event.id)
  })
  await exchange.start()
  return {
    device,
    deviceSeed,
    address,
    clock,
    db,
    store,
    intake,
    ledger,
    exchange,
    grants,
    events,
    received,
    offences,
    acknowledge,
    async write(to, { bytes = 300, priority = 'normal', mayCross = true } = {}) {
      const [id] = await storeOwn(to.address, [bytes], priority, mayCross)
      if (id === undefined) throw new Error('nothing was written')
      return id
    },
    async writeMany(to, count) {
      const ids: EnvelopeId[] = []
      for (let left = count; left > 0; left -= 100) ids.push(...(await storeOwn(to.address, new Array<number>(Math.min(left, 100)).fill(300), 'normal')))
      return ids
    },
    async stop() {
      isReading = false
      await exchange.stop()
      await reader.done()
      await db.close()
    },
  }
}

/** Collects what arrives and acknowledges it in batches, as the content of a node does. */
class Reader {
  readonly #acknowledge: (ids: readonly EnvelopeId[]) => Promise<void>
  #waiting: EnvelopeId[] = []
  #working: Promise<void> | undefined

  constructor(acknowledge: (ids: readonly EnvelopeId[]) => Promise<void>) {
    this.#acknowledge = acknowledge
  }

  add(id: EnvelopeId): void {
    this.#waiting.push(id)
    this.#working ??= this.#work()
  }

  async done(): Promise<void> {
    await this.#working
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      await Promise.resolve()
      await this.#acknowledge(this.#waiting.splice(0, 500))
    }
    this.#working = undefined
  }
}

/** A link between two nodes that a test can cut. */
export interface Joined {
  /** Resolves when both sessions have ended. */
  readonly ended: Promise<void>
  /** Cuts the link at once, as a cable that is pulled. */
  cut(): void
  close(): Promise<void>
}

/** Puts a link into a mesh, at both ends. */
export function inMesh(mesh: string): (link: Link) => Link {
  return (link) => ({ ...link, mesh })
}

/** Links two nodes; `wrap` may put something between them and the link. */
export function join(a: MeshNode, b: MeshNode, wrap: (link: Link) => Link = (link) => link): Joined {
  const [atA, atB] = linkPair(a.device, b.device)
  const ended = Promise.all([a.exchange.attach(wrap(atA)), b.exchange.attach(wrap(atB))]).then(() => undefined)
  return {
    ended,
    cut: () => atA.abort(new Error('the cable was pulled')),
    async close() {
      await atA.close()
      await ended
    },
  }
}

/** The other end of a link to `node`, for a test that plays the peer itself, frame by frame. */
export interface Puppet {
  readonly link: Link
  /** Everything that the node sent, decoded. */
  readonly heard: Frame[]
  /** Resolves when the node's session has ended. */
  readonly ended: Promise<void>
  say(...frames: readonly Frame[]): Promise<void>
  /** Waits for the next frame of a type. */
  hears<T extends Frame['type']>(type: T): Promise<Extract<Frame, { type: T }>>
}

/** Plays `device` towards `node`. With `reads: false` it never reads. */
export function puppet(node: MeshNode, device: DeviceId, options: { reads?: boolean } = {}): Puppet {
  const [atNode, link] = linkPair(node.device, device)
  const heard: Frame[] = []
  if (options.reads !== false) {
    spawn(
      async () => {
        for await (const bytes of link.frames()) heard.push(decodeFrame(bytes))
      },
      () => undefined,
    )
  }
  const used = new Set<Frame>()
  return {
    link,
    heard,
    ended: node.exchange.attach(atNode),
    async say(...frames) {
      for (const frame of frames) await link.send(encodeFrame(frame))
    },
    async hears(type) {
      const isNew = (frame: Frame): frame is Extract<Frame, { type: typeof type }> => frame.type === type && !used.has(frame)
      await until(() => heard.some(isNew), `a ${type} frame`)
      const found = heard.find(isNew)
      if (found === undefined) throw new Error(`no ${type} frame`)
      used.add(found)
      return found
    },
  }
}

/** Lets everything run until `isTrue`, without any time going by. */
export async function until(isTrue: () => boolean, what = 'the condition'): Promise<void> {
  for (let turn = 0; turn < 200_000; turn++) {
    if (isTrue()) return
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  throw new Error(`${what} never became true`)
}
