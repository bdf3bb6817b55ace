/**
 * Sync frames as a broken or hostile peer sends them: well-formed ones of every type that were then
 * flipped, cut, repeated or given giant counts and lengths, and plain noise. Depends on the seed alone,
 * so a frame that does harm can be sent again: seed and number name it.
 *
 * Every frame is at most 64 KiB, as the transport refuses larger ones by their length prefix; lengths
 * that only claim to be larger are `giantPrefixes`.
 */
import { concatBytes } from '#mesh/codec'
import { envelopeIdOf } from '#mesh/ids'
import { MAX_FRAME_BYTES } from '#mesh/ports'
import { encodeFrame, type Frame } from '#mesh/sync'

/** Whole numbers in [0, bound), the same for the same seed (mulberry32). */
export type Dice = (bound: number) => number

/** @param seed any whole number */
export function dice(seed: number): Dice {
  let state = seed >>> 0
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * bound)
  }
}

/** `count` frames, most of them broken, all of them foreign. */
export function* garbageFrames(seed: number, count: number): Generator<Uint8Array> {
  const roll = dice(seed)
  for (let i = 0; i < count; i++) yield mutate(roll, encodeFrame(anyFrame(roll)))
}

/** Length prefixes (unsigned varints, as libp2p writes them) that promise far more than a frame: 64 KiB + 1, 4 GiB, 2^63 - 1, and one without an end. */
export function giantPrefixes(): Uint8Array[] {
  return [
    Uint8Array.of(0x81, 0x80, 0x04),
    Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x10),
    Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
    new Uint8Array(64).fill(0xff),
  ]
}

/** A HELLO that every node accepts, so that what follows it reaches the rest of the session. */
export function plainHello(nowMs: number): Uint8Array {
  return encodeFrame({ type: 'hello', nowMs, knownDevices: 1, grants: [] })
}

function anyFrame(roll: Dice): Frame {
  const ids = (bound: number) => Array.from({ length: roll(bound) }, () => envelopeIdOf(noise(roll, 32)))
  switch (roll(8)) {
    case 0:
      return {
        type: 'hello',
        nowMs: roll(2 ** 32),
        knownDevices: roll(65_536),
        grants: Array.from({ length: roll(3) }, () => ({ inboxKey: noise(roll, 32), untilMs: roll(2 ** 40), signature: noise(roll, 64) })),
      }
    case 1:
      return { type: 'offer', offers: ids(20).map((id) => ({ id, classByte: roll(256), size: roll(4_096), tell: roll(2) === 1 })) }
    case 2:
      return { type: 'want', ids: ids(20) }
    case 3:
      return {
        type: 'envelopes',
        envelopes: Array.from({ length: roll(6) }, () => ({ hops: roll(256), copies: roll(256), ageS: roll(2 ** 32), bytes: looksLikeEnvelope(roll) })),
      }
    case 4:
      return { type: 'taken', untilMs: roll(2 ** 44), ids: ids(20), signature: noise(roll, 64) }
    case 5:
      return { type: 'refused', refusals: ids(20).map((id) => ({ id, reason: roll(2) === 1 ? 'gone' : 'full' })) }
    case 6:
      return { type: 'synced' }
    default:
      return { type: 'large', bytes: looksLikeEnvelope(roll) }
  }
}

/** Version, class and a payload length that often fits; never a signature that does. */
function looksLikeEnvelope(roll: Dice): Uint8Array {
  const payload = roll(3) === 0 ? roll(2_000) : 256
  const bytes = noise(roll, 128 + payload)
  bytes[0] = 1
  bytes[1] = (roll(4) << 6) | (1 + roll(4))
  bytes[62] = payload >> 8
  bytes[63] = payload & 0xff
  return bytes
}

function mutate(roll: Dice, original: Uint8Array): Uint8Array {
  const bytes = original.slice()
  const at = roll(bytes.length)
  switch (roll(9)) {
    case 0:
      for (let flips = 1 + roll(8); flips > 0; flips--) bytes[roll(bytes.length)] = roll(256)
      return bytes
    case 1:
      return bytes.subarray(0, at)
    case 2:
      return concatBytes(bytes, bytes.subarray(at)).subarray(0, MAX_FRAME_BYTES)
    case 3: // a giant count: it stands behind the type byte in most frames
      bytes.fill(0xff, 1, 3)
      return bytes
    case 4: // a giant length somewhere
      bytes.fill(0xff, at, at + 2)
      return bytes
    case 5:
      bytes[0] = roll(256)
      return bytes
    case 6:
      return noise(roll, roll(2_000))
    case 7: // filled up to the limit: the most that a decoder could be made to allocate
      return roll(8) === 0 ? concatBytes(bytes, new Uint8Array(MAX_FRAME_BYTES - bytes.length).fill(roll(256))) : new Uint8Array(0)
    default:
      return bytes
  }
}

function noise(roll: Dice, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => roll(256))
}
