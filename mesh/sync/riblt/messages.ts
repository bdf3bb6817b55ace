/**
 * The messages of one exchange about one scope. The first byte is the kind; whoever carries them adds the scope.
 *
 * ```
 * 1 OPEN     key 16, days 8, digest        "these are my days, hashed with this key"
 * 2 SAME     nothing                       nothing to do
 * 3 DAYS     days 8, a digest for each     "these of your days I keep, and so they look here"
 * 4 PLAN     u8 mode (1 symbols, 2 list), days 8, varint count
 * 5 SYMBOLS  wire.ts
 * 6 ITEMS    wire.ts
 * 7 CREDIT   varint symbols / 64           "go on until there are so many"
 * 8 LIST     nothing                       "give up on symbols, send the list"
 * 9 DONE     nothing                       "I know what differs"
 * 10 ASK     varint items in later ASKs, then as ITEMS (wire.ts)   "offer me these"; at least one follows DONE
 * 11 BUSY    nothing                       "not now": the answer to an OPEN that costs too much at the moment
 * ```
 *
 * Days are a bitmap of 64: bit d of the whole, the lowest in the last bit of the last byte. A digest is varint
 * count, XOR 8, sum 8, and the count alone when it is 0 (digest.ts). OPEN and SAME together take 45 bytes for 100,000 ids.
 */
import { ByteReader, ByteWriter } from '#mesh/codec'
import { SIP_KEY_BYTES } from '#mesh/crypto'
import { Digest } from './digest.ts'
import { MAX_SET_ITEMS, MAX_SYMBOLS } from './plan.ts'
import { ALL_DAYS, DAYS } from './scope-index.ts'
import { BATCH_SYMBOLS } from './symbols.ts'
import { readVarint, writeVarint } from './varint.ts'
import { violation } from './wire.ts'

const KIND = { open: 1, same: 2, days: 3, plan: 4, symbols: 5, items: 6, credit: 7, list: 8, done: 9, ask: 10, busy: 11 } as const
const DAY_BYTES = DAYS / 8

/** How the rest of an exchange goes. */
export type Mode = 'symbols' | 'list'

/** One message; `body` is a view of the bytes it was read from. */
export type Message =
  | { readonly kind: 'open'; readonly key: Uint8Array; readonly days: readonly number[]; readonly digest: Digest }
  | { readonly kind: 'same' | 'list' | 'done' | 'busy' }
  | { readonly kind: 'days'; readonly days: readonly number[]; readonly digests: readonly Digest[] }
  | { readonly kind: 'plan'; readonly mode: Mode; readonly days: readonly number[]; readonly count: number }
  | { readonly kind: 'symbols' | 'items'; readonly body: Uint8Array }
  | { readonly kind: 'credit'; readonly symbols: number }
  | { readonly kind: 'ask'; readonly left: number; readonly body: Uint8Array }

/** The bytes of a message. */
export function encodeMessage(message: Message): Uint8Array {
  const writer = new ByteWriter('body' in message ? message.body.length + 1 : 64).u8(KIND[message.kind])
  switch (message.kind) {
    case 'open':
      writer.bytes(message.key)
      writeDays(writer, message.days)
      message.digest.write(writer)
      break
    case 'days':
      writeDays(writer, message.days)
      for (const digest of message.digests) digest.write(writer)
      break
    case 'plan':
      writer.u8(message.mode === 'symbols' ? 1 : 2)
      writeDays(writer, message.days)
      writeVarint(writer, message.count)
      break
    case 'symbols':
    case 'items':
      writer.bytes(message.body)
      break
    case 'credit':
      writeVarint(writer, message.symbols / BATCH_SYMBOLS)
      break
    case 'ask':
      writeVarint(writer, message.left)
      writer.bytes(message.body)
      break
    case 'same':
    case 'list':
    case 'done':
    case 'busy':
  }
  return writer.finish()
}

/** @throws MeshError (peer) `MESH_BYTES_…`, `MESH_PROTOCOL_VIOLATION` for an unknown kind or mode */
export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new ByteReader(bytes)
  const message = readBody(reader, reader.u8())
  reader.end()
  return message
}

function readBody(reader: ByteReader, kind: number): Message {
  switch (kind) {
    case KIND.open:
      return { kind: 'open', key: reader.bytes(SIP_KEY_BYTES), days: readDays(reader), digest: Digest.read(reader, MAX_SET_ITEMS) }
    case KIND.same:
      return { kind: 'same' }
    case KIND.days: {
      const days = readDays(reader)
      return { kind: 'days', days, digests: days.map(() => Digest.read(reader, MAX_SET_ITEMS)) }
    }
    case KIND.plan:
      return { kind: 'plan', mode: readMode(reader), days: readDays(reader), count: readVarint(reader, MAX_SET_ITEMS) }
    case KIND.symbols:
      return { kind: 'symbols', body: reader.rest() }
    case KIND.items:
      return { kind: 'items', body: reader.rest() }
    case KIND.credit:
      return { kind: 'credit', symbols: BATCH_SYMBOLS * readVarint(reader, MAX_SYMBOLS / BATCH_SYMBOLS) }
    case KIND.list:
      return { kind: 'list' }
    case KIND.done:
      return { kind: 'done' }
    case KIND.ask:
      return { kind: 'ask', left: readVarint(reader, MAX_SET_ITEMS), body: reader.rest() }
    case KIND.busy:
      return { kind: 'busy' }
    default:
      throw violation('a message of reconciliation has an unknown kind', { kind })
  }
}

/**
 * The key of an OPEN, a view of it: whoever answers makes an index of it before he looks at the rest.
 * @throws MeshError (peer) when it is none
 */
export function keyOfOpen(bytes: Uint8Array): Uint8Array {
  const message = decodeMessage(bytes)
  if (message.kind !== 'open') throw violation('OPEN comes first, and once')
  return message.key
}

/** The message that refuses an OPEN for now. */
export function encodeBusy(): Uint8Array {
  return encodeMessage({ kind: 'busy' })
}

function readMode(reader: ByteReader): Mode {
  const mode = reader.u8()
  if (mode !== 1 && mode !== 2) throw violation('a plan has an unknown mode', { mode })
  return mode === 1 ? 'symbols' : 'list'
}

function writeDays(writer: ByteWriter, days: readonly number[]): void {
  const bytes = new Uint8Array(DAY_BYTES)
  for (const day of days) {
    const at = DAY_BYTES - 1 - (day >> 3)
    bytes[at] = (bytes[at] ?? 0) | (1 << (day & 7))
  }
  writer.bytes(bytes)
}

function readDays(reader: ByteReader): number[] {
  const bytes = reader.bytes(DAY_BYTES)
  return ALL_DAYS.filter((day) => ((bytes[DAY_BYTES - 1 - (day >> 3)] ?? 0) >> (day & 7)) & 1)
}
