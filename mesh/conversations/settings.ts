/** What was agreed or chosen for one conversation; sealed, under the blinded person. Key: 2 ‖ blinded person. */
import { encode } from 'cborg'
import { concatBytes, decodeCbor } from '#mesh/codec'
import type { Revision } from '#mesh/content'
import { compareStamps } from '#mesh/envelope'
import { idBytes, messageIdOf, type PersonId } from '#mesh/ids'
import type { Crypto, Random } from '#mesh/ports'
import { type Reader, type RowCodec, SealedTable, TABLES, type Transaction } from '#mesh/store'

/** How long what is written here lasts, as somebody of the two said last. */
export interface Lifetime {
  /** 0: for ever. */
  readonly seconds: number
  readonly by: PersonId
  /** Which word counts: the last one by stamp and id, so that both sides come to the same. */
  readonly revision: Revision
}

/** Choices for one conversation; what is absent is as the node is configured. */
export interface Settings {
  readonly readReceipts?: boolean
  readonly typing?: boolean
  readonly lifetime?: Lifetime
}

const SETTINGS = Uint8Array.of(2)

/** See the head of this file. */
export class SettingsTable {
  readonly #table: SealedTable<Settings>
  readonly #blind: (person: PersonId) => Uint8Array

  constructor(deps: { crypto: Crypto; random: Random; historyKey: Uint8Array; blind: (person: PersonId) => Uint8Array }) {
    this.#table = new SealedTable(deps, TABLES.content, deps.historyKey, codec)
    this.#blind = deps.blind
  }

  async of(reader: Reader, person: PersonId): Promise<Settings> {
    return (await this.#table.get(reader, this.#keyOf(person))) ?? {}
  }

  put(tx: Transaction, person: PersonId, settings: Settings): void {
    this.#table.put(tx, this.#keyOf(person), settings)
  }

  /** Takes a word on the lifetime, of either side; false when a later one is known. */
  async agree(tx: Transaction, person: PersonId, lifetime: Lifetime): Promise<boolean> {
    const settings = await this.of(tx, person)
    const known = settings.lifetime?.revision
    if (known !== undefined) {
      const order = compareStamps(lifetime.revision.stamp, known.stamp)
      if (order < 0 || (order === 0 && lifetime.revision.id <= known.id)) return false
    }
    this.put(tx, person, { ...settings, lifetime })
    return true
  }

  #keyOf(person: PersonId): Uint8Array {
    return concatBytes(SETTINGS, this.#blind(person))
  }
}

const codec: RowCodec<Settings> = {
  encode: ({ readReceipts, typing, lifetime }) =>
    encode([
      1,
      readReceipts ?? null,
      typing ?? null,
      lifetime === undefined
        ? null
        : [lifetime.seconds, lifetime.by, lifetime.revision.stamp.ms, lifetime.revision.stamp.counter, idBytes(lifetime.revision.id)],
    ]),
  decode(bytes) {
    const [, readReceipts, typing, lifetime] = decodeCbor(bytes) as [
      number,
      boolean | null,
      boolean | null,
      [number, PersonId, number, number, Uint8Array] | null,
    ]
    return {
      ...(readReceipts === null ? {} : { readReceipts }),
      ...(typing === null ? {} : { typing }),
      ...(lifetime === null
        ? {}
        : {
            lifetime: { seconds: lifetime[0], by: lifetime[1], revision: { stamp: { ms: lifetime[2], counter: lifetime[3] }, id: messageIdOf(lifetime[4]) } },
          }),
    }
  },
}
