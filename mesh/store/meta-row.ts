import type { Address, AuthorKey, DeviceId, EnvelopeId } from '#mesh/ids'
import type { EnvelopeMeta } from './envelope-meta.ts'
import { KINDS, PRIORITIES } from './priority.ts'

/**
 * The index row that each envelope had until schema 2, which knows segments; read once, when an old store is opened.
 *
 *     0 1  row version = 1        19 6  first seen, ms        36 1  length of the device id, 0 without
 *     1 1  priority               25 6  expiry, ms            37 43 id       (base64url)
 *     2 1  kind                   31 1  hops                  80 22 address  (base64url)
 *     3 8  stamp                  32 1  copies               102 43 author   (base64url)
 *    11 4  lifetime, s            33 1  flags                145 .. device it came from (base58)
 *    15 4  age, s                 34 2  size of the envelope
 */
const ROW_VERSION = 1
const ID_AT = 37
const ADDRESS_AT = 43
const AUTHOR_AT = 65
const FROM_AT = 108

const OWN = 1
const PINNED = 2
const STRANGER = 4

const decoder = new TextDecoder('latin1')

interface Route {
  readonly address: Address
  readonly author: AuthorKey
  readonly from: DeviceId | undefined
}

/** Decodes rows of one opening; what has the same address, author and link shares their strings. */
export class MetaDecoder {
  readonly #routes = new Map<string, Route>()

  /** The row's meaning, or `undefined` when it is not one of ours. */
  decode(row: Uint8Array): EnvelopeMeta | undefined {
    const priority = PRIORITIES[u8(row, 1)]
    const kind = KINDS[u8(row, 2)]
    if (row.length < ID_AT + FROM_AT || row[0] !== ROW_VERSION || priority === undefined || kind === undefined) return undefined
    const flags = u8(row, 33)
    const { address, author, from } = this.#route(row)
    return {
      id: decoder.decode(row.subarray(ID_AT, ID_AT + ADDRESS_AT)) as EnvelopeId,
      address,
      author,
      kind,
      priority,
      mayCross: true,
      mesh: '',
      size: u16(row, 34),
      stamp: { ms: u48(row, 3), counter: u16(row, 9) },
      lifetimeS: u16(row, 11) * 0x1_0000 + u16(row, 13),
      ageS: u16(row, 15) * 0x1_0000 + u16(row, 17),
      firstSeenMs: u48(row, 19),
      expiryMs: u48(row, 25),
      hops: u8(row, 31),
      copies: u8(row, 32),
      from,
      own: (flags & OWN) !== 0,
      pinned: (flags & PINNED) !== 0,
      stranger: (flags & STRANGER) !== 0,
    }
  }

  #route(row: Uint8Array): Route {
    const text = decoder.decode(row.subarray(ID_AT + ADDRESS_AT))
    const known = this.#routes.get(text)
    if (known !== undefined) return known
    const [address, author, from] = [
      text.slice(0, AUTHOR_AT - ADDRESS_AT),
      text.slice(AUTHOR_AT - ADDRESS_AT, FROM_AT - ADDRESS_AT),
      text.slice(FROM_AT - ADDRESS_AT),
    ]
    const route = { address: address as Address, author: author as AuthorKey, from: from === '' ? undefined : (from as DeviceId) }
    this.#routes.set(text, route)
    return route
  }
}

function u8(row: Uint8Array, at: number): number {
  return row[at] ?? 0
}

function u16(row: Uint8Array, at: number): number {
  return (u8(row, at) << 8) | u8(row, at + 1)
}

function u48(row: Uint8Array, at: number): number {
  return (u16(row, at) * 0x1_0000 + u16(row, at + 2)) * 0x1_0000 + u16(row, at + 4)
}
