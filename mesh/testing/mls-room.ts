import { encodeUtf8 } from '#mesh/codec'
import { CERTIFICATE_VALIDITY_MS, derivePerson, issueCertificate } from '#mesh/identity'
import { type DeviceId, deviceIdOf } from '#mesh/ids'
import {
  deviceLeafRules,
  issueLeafCredential,
  type MlsChange,
  type MlsCommit,
  type MlsCrypto,
  MlsEngine,
  type MlsEngineOptions,
  type MlsState,
  type OwnKeyPackage,
  type Psk,
  portableMlsCrypto,
  SUITE_CHACHA,
  type SuiteId,
} from '#mesh/mls'
import type { Crypto } from '#mesh/ports'
import { type FakeClock, fakeClock } from './fake-clock.ts'
import { fakeCrypto } from './fake-crypto.ts'
import { seededRandom } from './seeded-random.ts'

/** What a test may choose about a room. Without `crypto` signatures and agreements are the fake ones, which cost nothing. */
export interface MlsRoomOptions extends MlsEngineOptions {
  readonly crypto?: Crypto
  readonly mls?: MlsCrypto
  readonly suite?: SuiteId
}

/** A device that may be in the room. */
export interface MlsDevice {
  readonly name: string
  readonly device: DeviceId
  readonly deviceSeed: Uint8Array
  readonly certificate: Uint8Array
  /** The credential of its leaf for a signature key. */
  credential(leafKey: Uint8Array): Uint8Array
}

/** A group whose members stand beside each other: who is in it, each one's state, and commits handed round. */
export class MlsRoom {
  readonly engine: MlsEngine
  readonly crypto: Crypto
  readonly suite: SuiteId
  readonly clock: FakeClock
  readonly revoked = new Set<DeviceId>()
  readonly states = new Map<string, MlsState>()

  constructor(seed: string, options: MlsRoomOptions = {}) {
    const { crypto = fakeCrypto(), suite = SUITE_CHACHA } = options
    this.crypto = crypto
    this.suite = suite
    this.clock = fakeClock()
    const rules = deviceLeafRules({ crypto, clock: this.clock, isRevoked: (device) => this.revoked.has(device) })
    this.engine = new MlsEngine({ crypto: options.mls ?? portableMlsCrypto(crypto, seededRandom(seed)), rules }, options)
  }

  /** The device of this name: one person each, all keys from the name. */
  device(name: string, expiresMs = this.clock.now() + CERTIFICATE_VALIDITY_MS): MlsDevice {
    const seed = (what: string): Uint8Array => seededRandom(`${what} of ${name}`).bytes(32)
    const { personSeed } = derivePerson(this.crypto, seed('words'))
    const deviceSeed = seed('device')
    const device = deviceIdOf(this.crypto.ed25519PublicKey(deviceSeed))
    const certificate = issueCertificate(this.crypto, personSeed, { device, createdMs: 1, expiresMs, name })
    return { name, device, deviceSeed, certificate, credential: (leafKey) => issueLeafCredential(this.crypto, deviceSeed, certificate, leafKey) }
  }

  /** A key package of the device of this name. */
  async keyPackage(name: string, suite = this.suite): Promise<OwnKeyPackage> {
    return this.engine.createKeyPackage(suite, this.device(name).credential)
  }

  /** A group made by the first name, to which it adds the others in one commit. */
  async open(first: string, ...others: string[]): Promise<this> {
    this.states.set(first, await this.engine.createGroup(encodeUtf8('room'), await this.keyPackage(first)))
    if (others.length > 0) await this.add(first, ...others)
    return this
  }

  /** The state of a member. */
  of(name: string): MlsState {
    const state = this.states.get(name)
    if (state === undefined) throw new Error(`${name} is not in the room`)
    return state
  }

  /** `by` adds all `names` in one commit, everybody follows, they join. */
  async add(by: string, ...names: string[]): Promise<MlsCommit> {
    const packages = await Promise.all(names.map(async (name) => this.keyPackage(name)))
    const made = await this.commit(
      by,
      packages.map(({ bytes }) => ({ kind: 'add', keyPackage: bytes })),
    )
    for (const [i, name] of names.entries()) {
      const own = packages[i]
      if (own === undefined || made.welcome === undefined) throw new Error('there is no Welcome')
      this.states.set(name, await this.engine.join(made.welcome, own))
    }
    return made
  }

  /** `by` removes `name`; whoever is left follows. The state of the removed one stays as it was. */
  async remove(by: string, name: string): Promise<MlsCommit> {
    const before = this.of(name)
    const made = await this.commit(by, [{ kind: 'remove', leaf: before.ownLeaf }], { skip: [name] })
    return made
  }

  /** `by` commits, everybody but those in `skip` follows. */
  async commit(by: string, changes: readonly MlsChange[] = [], options: { psks?: readonly Psk[]; skip?: readonly string[] } = {}): Promise<MlsCommit> {
    const made = await this.engine.commit(this.of(by), changes, options)
    for (const name of this.states.keys()) {
      if (name === by || options.skip?.includes(name) === true) continue
      await this.deliver(name, made.commit, options.psks)
    }
    this.states.set(by, made.state)
    return made
  }

  /** Hands a message to a member and keeps the state that it gives. */
  async deliver(name: string, message: Uint8Array, psks: readonly Psk[] = []): Promise<Awaited<ReturnType<MlsEngine['receive']>>> {
    const received = await this.engine.receive(this.of(name), message, psks)
    if (received.kind !== 'removed') this.states.set(name, received.state)
    return received
  }

  /** `name` encrypts a text. */
  async say(name: string, text: string): Promise<Uint8Array> {
    const { state, message } = await this.engine.encrypt(this.of(name), encodeUtf8(text))
    this.states.set(name, state)
    return message
  }

  /** One string that all members share in an epoch, and nobody else. */
  async agreed(name: string): Promise<string> {
    return String(await this.engine.exportSecret(this.of(name), 'agreed', new Uint8Array(0), 16))
  }
}
