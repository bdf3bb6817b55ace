import { type Envelope, type EnvelopeContent, encodeRetraction, signEnvelope } from '#mesh/envelope'
import { type Address, addressOf, type EnvelopeId } from '#mesh/ids'
import type { Crypto } from '#mesh/ports'
import type { Arrival } from '#mesh/store'
import { fakeCrypto } from './fake-crypto.ts'

/** A moment in 2026: where `fakeClock` starts. */
const NOW_MS = 1_790_000_000_000
const DAY_S = 86_400

const crypto = fakeCrypto()
let made = 0

/** 32 bytes from a number, for keys of tests. */
export function aSeed(number: number): Uint8Array {
  const seed = new Uint8Array(32)
  new DataView(seed.buffer).setUint32(0, number)
  return seed
}

/** An address that nobody owns. */
export function anAddress(number: number): Address {
  return addressOf(aSeed(number).subarray(0, 16))
}

/** What an envelope of a test can say about itself. */
export interface EnvelopeOptions extends Partial<EnvelopeContent> {
  /** The author's seed, as a number. */
  author?: number
  bytes?: number
  crypto?: Crypto
}

/** A signed envelope; each is another one. Signed by the fake crypto unless told otherwise. */
export function anEnvelope(options: EnvelopeOptions = {}): Envelope {
  const { author = 1, bytes = 100, crypto: signer = crypto, ...content } = options
  const payload = new Uint8Array(bytes)
  if (bytes >= 4) new DataView(payload.buffer).setUint32(0, ++made)
  return signEnvelope(signer, aSeed(author), {
    priority: 'normal',
    kind: 'inbox',
    address: anAddress(1),
    stamp: { ms: NOW_MS, counter: 0 },
    lifetimeS: 7 * DAY_S,
    payload,
    ...content,
  })
}

/** The receipt with which the owner (a seed, as a number) of `address` takes `ids` back. */
export function aReceipt(owner: number, address: Address, ids: readonly EnvelopeId[], options: EnvelopeOptions = {}): Envelope {
  return anEnvelope({ author: owner, kind: 'receipt', priority: 'critical', address, payload: encodeRetraction(ids), ...options })
}

/** An arrival from nowhere in particular: not own, not pinned, not a stranger's. */
export function anArrival(arrival: Partial<Arrival> = {}): Arrival {
  return { hops: 0, copies: 4, ageS: 0, from: undefined, own: false, pinned: false, stranger: false, ...arrival }
}
