/**
 * Writes vectors.json: envelopes as bytes, with what every implementation has to make of them.
 *
 *   node mesh/envelope/make-vectors.ts
 *
 * Deterministic: the same file from the same code. The format stands in the file and in mesh/README.md.
 */
import { writeFileSync } from 'node:fs'
import { ByteWriter, concatBytes, encodeUtf8 } from '#mesh/codec'
import { portableCrypto, sha256 } from '#mesh/crypto'
import { addressOf, envelopeIdOf, idBytes } from '#mesh/ids'
import { addressOfKey, type EnvelopeContent, type EnvelopeKind, MAX_PAYLOAD_BYTES, type Priority, signEnvelope } from './envelope.ts'
import { MAX_LIFETIME_S } from './expiry.ts'
import { padPayload } from './padding.ts'
import { encodeRetraction } from './retraction.ts'

/** A vector that decodes, with everything it decodes to. */
export interface ValidVector {
  readonly name: string
  readonly verdict: 'valid'
  readonly seed: string
  readonly priority: Priority
  readonly kind: EnvelopeKind
  /** Absent when it may. */
  readonly mayCross?: false
  readonly address: string
  readonly stampMs: number
  readonly stampCounter: number
  readonly lifetimeS: number
  readonly author: string
  /** SHA-256 of the payload; the payload itself is in `bytes`. */
  readonly payloadSha256: string
  readonly id: string
  /** Hex; a run of one byte is written {count×byte}. */
  readonly bytes: string
}

/** A vector that is refused, with the code. */
export interface InvalidVector {
  readonly name: string
  readonly verdict: 'invalid'
  readonly code: string
  readonly bytes: string
}

/** The file. */
export interface VectorFile {
  readonly about: string
  readonly envelopes: ReadonlyArray<ValidVector | InvalidVector>
  readonly addresses: ReadonlyArray<{ readonly key: string; readonly address: string }>
  readonly paddings: ReadonlyArray<{ readonly content: string; readonly overhead: number; readonly padded: string }>
  readonly retractions: ReadonlyArray<{ readonly bytes: string; readonly ids?: readonly string[]; readonly code?: string }>
}

const crypto = portableCrypto()
const SEED = new Uint8Array(32).map((_, i) => i)
const OWNER = new Uint8Array(32).fill(0x42)
const STAMP = { ms: 1_790_000_000_000, counter: 7 }
const PLAIN: EnvelopeContent = {
  priority: 'normal',
  kind: 'inbox',
  address: addressOf(new Uint8Array(16).fill(0xa5)),
  stamp: STAMP,
  lifetimeS: 604_800,
  payload: encodeUtf8('opaque'),
}
const HEADER_BYTES = 64
const SIGNATURE_BYTES = 64

/** Everything in the file. */
export function makeVectors(): VectorFile {
  return {
    about:
      'Envelopes of quicproquo, version 1. Hex; {n×b} is the byte b n times. valid: decodes to these fields, is signed by author, has this id. ' +
      'invalid: refused with this code. Ed25519 by RFC 8032, verified without cofactor, with S < L and without points of small order.',
    envelopes: [...validVectors(), ...invalidVectors()],
    addresses: [SEED, OWNER, new Uint8Array(32)].map((key) => ({ key: shorten(key), address: toHex(idBytes(addressOfKey(key))) })),
    paddings: [0, 1, 204, 205, 1_000, 5_000].map((length) => {
      const content = new Uint8Array(length).fill(0x61)
      return { content: shorten(content), overhead: 48, padded: shorten(padPayload(content, 48)) }
    }),
    retractions: retractionVectors(),
  }
}

function validVectors(): ValidVector[] {
  const vectors: ValidVector[] = []
  for (const priority of ['critical', 'normal', 'bulk', 'ephemeral'] as const) {
    for (const kind of ['inbox', 'shared', 'receipt', 'announcement'] as const) vectors.push(valid(`${priority} ${kind}`, { priority, kind }))
  }
  vectors.push(valid('empty payload', { payload: new Uint8Array(0) }))
  vectors.push(valid('payload of one class', { payload: new Uint8Array(256).fill(1) }))
  vectors.push(valid('largest payload', { payload: new Uint8Array(MAX_PAYLOAD_BYTES).fill(2) }))
  vectors.push(valid('shortest lifetime', { lifetimeS: 1 }))
  vectors.push(valid('longest lifetime', { lifetimeS: MAX_LIFETIME_S }))
  vectors.push(valid('first stamp', { stamp: { ms: 0, counter: 0 } }))
  vectors.push(valid('last stamp', { stamp: { ms: 0xffff_ffff_ffff, counter: 0xffff } }))
  vectors.push(valid('address of zeros', { address: addressOf(new Uint8Array(16)) }))
  vectors.push(valid('another author', {}, OWNER))
  vectors.push(valid('must not cross a bridge', { mayCross: false }))
  return vectors
}

function valid(name: string, change: Partial<EnvelopeContent>, seed = SEED): ValidVector {
  const envelope = signEnvelope(crypto, seed, { ...PLAIN, ...change })
  const { priority, kind, mayCross, stamp, lifetimeS } = envelope
  return {
    name,
    verdict: 'valid',
    seed: toHex(seed),
    priority,
    kind,
    ...(mayCross ? {} : { mayCross: false as const }),
    address: toHex(idBytes(envelope.address)),
    stampMs: stamp.ms,
    stampCounter: stamp.counter,
    lifetimeS,
    author: toHex(idBytes(envelope.author)),
    payloadSha256: toHex(sha256(envelope.payload)),
    id: toHex(idBytes(envelope.id)),
    bytes: shorten(envelope.bytes),
  }
}

function invalidVectors(): InvalidVector[] {
  const good = signEnvelope(crypto, SEED, PLAIN).bytes
  const signature = good.subarray(-SIGNATURE_BYTES)
  const order = Uint8Array.from(Buffer.from('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010', 'hex'))
  const vectors: Array<[name: string, code: string, bytes: Uint8Array]> = [
    ['nothing', 'MESH_BYTES_TRUNCATED', new Uint8Array(0)],
    ['version alone', 'MESH_BYTES_TRUNCATED', good.subarray(0, 1)],
    ['header cut', 'MESH_BYTES_TRUNCATED', good.subarray(0, HEADER_BYTES - 1)],
    ['payload cut', 'MESH_BYTES_TRUNCATED', good.subarray(0, HEADER_BYTES + 2)],
    ['signature cut', 'MESH_BYTES_TRUNCATED', good.subarray(0, good.length - 1)],
    ['a byte too many', 'MESH_BYTES_TRAILING', concatBytes(good, Uint8Array.of(0))],
    ['twice', 'MESH_BYTES_TRAILING', concatBytes(good, good)],
    ['version 0', 'MESH_VERSION_UNKNOWN', change(good, 0, 0)],
    ['version 2', 'MESH_VERSION_UNKNOWN', change(good, 0, 2)],
    ['kind 0', 'MESH_ENVELOPE_INVALID', change(good, 1, 0x40)],
    ['kind 5', 'MESH_ENVELOPE_INVALID', change(good, 1, 0x45)],
    ['kind 31', 'MESH_ENVELOPE_INVALID', change(good, 1, 0x5f)],
    ['kind 5 that must not cross', 'MESH_ENVELOPE_INVALID', change(good, 1, 0x65)],
    ['kind 31 that must not cross', 'MESH_ENVELOPE_INVALID', change(good, 1, 0x7f)],
    ['a receipt that must not cross', 'MESH_ENVELOPE_INVALID', change(good, 1, 0x63)],
    ['another word about bridges', 'MESH_SIGNATURE_INVALID', change(good, 1, (good[1] ?? 0) ^ 0x20)],
    ['lifetime 0', 'MESH_ENVELOPE_INVALID', withLifetime(good, 0)],
    ['lifetime of 30 days and a second', 'MESH_ENVELOPE_INVALID', withLifetime(good, MAX_LIFETIME_S + 1)],
    ['lifetime for ever', 'MESH_ENVELOPE_INVALID', withLifetime(good, 0xffff_ffff)],
    ['payload length beyond the limit', 'MESH_ENVELOPE_INVALID', change(change(good, 62, 0xff), 63, 0xff)],
    ['payload length beyond the end', 'MESH_BYTES_TRUNCATED', change(good, 63, 7)],
    ['payload length too small', 'MESH_BYTES_TRAILING', change(good, 63, 5)],
    ['larger than any envelope', 'MESH_FRAME_TOO_LARGE', new Uint8Array(65_536).fill(1)],
    ['signature of zeros', 'MESH_SIGNATURE_INVALID', concatBytes(good.subarray(0, -SIGNATURE_BYTES), new Uint8Array(SIGNATURE_BYTES))],
    ['one bit of the signature', 'MESH_SIGNATURE_INVALID', change(good, good.length - 1, (good.at(-1) ?? 0) ^ 1)],
    ['one bit of the payload', 'MESH_SIGNATURE_INVALID', change(good, HEADER_BYTES, (good[HEADER_BYTES] ?? 0) ^ 1)],
    ['another priority', 'MESH_SIGNATURE_INVALID', change(good, 1, (good[1] ?? 0) ^ 0x80)],
    ['another address', 'MESH_SIGNATURE_INVALID', change(good, 2, 0)],
    ['another stamp', 'MESH_SIGNATURE_INVALID', change(good, 25, 8)],
    ['another author', 'MESH_SIGNATURE_INVALID', concatBytes(good.subarray(0, 30), crypto.ed25519PublicKey(OWNER), good.subarray(62))],
    ['author of small order', 'MESH_SIGNATURE_INVALID', concatBytes(good.subarray(0, 30), Uint8Array.of(1), new Uint8Array(31), good.subarray(62))],
    [
      'author whose y is not reduced',
      'MESH_SIGNATURE_INVALID',
      concatBytes(good.subarray(0, 30), Uint8Array.of(0xee), new Uint8Array(30).fill(0xff), Uint8Array.of(0x7f), good.subarray(62)),
    ],
    ['S plus L, which lax verifiers accept', 'MESH_SIGNATURE_INVALID', concatBytes(good.subarray(0, -32), addLittleEndian(signature.subarray(32), order))],
    [
      'signed without the label',
      'MESH_SIGNATURE_INVALID',
      concatBytes(good.subarray(0, -SIGNATURE_BYTES), crypto.ed25519Sign(SEED, good.subarray(0, -SIGNATURE_BYTES))),
    ],
  ]
  return vectors.map(([name, code, bytes]) => ({ name, verdict: 'invalid', code, bytes: shorten(bytes) }))
}

function retractionVectors(): VectorFile['retractions'] {
  const ids = [1, 2].map((byte) => envelopeIdOf(new Uint8Array(32).fill(byte)))
  const address = addressOfKey(crypto.ed25519PublicKey(OWNER))
  const receipt = (payload: Uint8Array, seed = OWNER, kind: EnvelopeKind = 'receipt'): string =>
    shorten(signEnvelope(crypto, seed, { ...PLAIN, priority: 'critical', kind, address, payload }).bytes)
  const whole = encodeRetraction(ids)
  return [
    { bytes: receipt(whole), ids: ids.map((id) => toHex(idBytes(id))) },
    { bytes: receipt(whole, SEED), code: 'MESH_ENVELOPE_INVALID' },
    { bytes: receipt(whole, OWNER, 'inbox'), code: 'MESH_ENVELOPE_INVALID' },
    { bytes: receipt(change(whole, 0, 2)), code: 'MESH_ENVELOPE_INVALID' },
    { bytes: receipt(Uint8Array.of(1, 0, 0)), code: 'MESH_ENVELOPE_INVALID' },
    { bytes: receipt(whole.subarray(0, -1)), code: 'MESH_BYTES_TRUNCATED' },
    { bytes: receipt(concatBytes(whole, Uint8Array.of(0))), code: 'MESH_BYTES_TRAILING' },
    { bytes: receipt(Uint8Array.of(1, 0xff, 0xff)), code: 'MESH_BYTES_TRUNCATED' },
  ]
}

function change(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const changed = bytes.slice()
  changed[at] = value
  return changed
}

function withLifetime(bytes: Uint8Array, lifetimeS: number): Uint8Array {
  return concatBytes(bytes.subarray(0, 26), new ByteWriter(4).u32(lifetimeS).finish(), bytes.subarray(30))
}

function addLittleEndian(a: Uint8Array, b: Uint8Array): Uint8Array {
  let carry = 0
  return a.map((byte, at) => {
    const sum = byte + (b[at] ?? 0) + carry
    carry = sum >> 8
    return sum & 0xff
  })
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** Hex, with runs of 16 and more equal bytes as {count×byte}. */
export function shorten(bytes: Uint8Array): string {
  return toHex(bytes).replace(/(..)\1{15,}/g, (run, byte: string, at: number) => (at % 2 === 0 ? `{${run.length / 2}×${byte}}` : run))
}

/** The bytes behind a shortened hex. */
export function lengthen(text: string): Uint8Array {
  return new Uint8Array(
    Buffer.from(
      text.replace(/\{(\d+)×(..)\}/g, (_, count: string, byte: string) => byte.repeat(Number(count))),
      'hex',
    ),
  )
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(new URL('vectors.json', import.meta.url), `${JSON.stringify(makeVectors(), undefined, 1)}\n`)
}
