import { copyBytes } from '#mesh/codec'
import { Decoder } from './decoder.ts'
import { ItemSet, NO_SLOT } from './item-set.ts'
import { decodeMessage, encodeMessage, type Message } from './messages.ts'
import { FIRST_SYMBOLS, MAX_SET_ITEMS, nextCredit, symbolLimit } from './plan.ts'
import type { ScopeIndex } from './scope-index.ts'
import type { SymbolStream } from './symbol-stream.ts'
import { BATCH_ITEMS, encodeItems, readItems, readSymbols, violation } from './wire.ts'

/** How two sets differ, as pairs of words, low and high, of items under the key of the side that began. */
export interface Differences {
  /** What only the other side has: {@link Responder.next} asks for it. */
  readonly remoteOnly: Int32Array
  /** What only we have: to be looked up with `find`, and offered. */
  readonly localOnly: Int32Array
}

/** What a responder needs. */
export interface ResponderDeps {
  /** The ids of the scope under the peer's key (16 bytes): the dear part, 250 ns an id. Limit how often a peer may cause it. */
  readonly indexFor: (key: Uint8Array) => ScopeIndex
  /** The days that this node keeps all envelopes of, by `dayOf`. */
  readonly days: readonly number[]
  /** Items that the peer's set may have at most, by what is known of it. */
  readonly maxItems?: number
}

/**
 * The side that answers: it finds out how the sets differ, from symbols or from the list.
 *
 * Pure: each message gives at most one answer. It holds the index under the peer's key, at most 52 bytes for each
 * of 32,768 symbols, and when it comes to that 36 bytes for each item of the list, for what really arrived. Close
 * it, however it ends.
 */
export class Responder {
  readonly #deps: ResponderDeps
  #index: ScopeIndex | undefined
  #days: readonly number[] = []
  #stream: SymbolStream | undefined
  #decoder: Decoder | undefined
  #limit = 0
  #credit = FIRST_SYMBOLS
  #isGivenUp = false
  #listed: ItemSet | undefined
  /** Items in the peer's set, as it claims. */
  #setSize = 0
  #outcome: 'open' | 'same' | 'done' = 'open'
  #differences: Differences | undefined
  /** What is still to be asked for; `undefined` when that is said, or not known yet. */
  #asks: Int32Array | undefined

  constructor(deps: ResponderDeps) {
    this.#deps = deps
  }

  /** `same`: nothing differed. `done`: see {@link differences}. */
  get outcome(): 'open' | 'same' | 'done' {
    return this.#outcome
  }

  /** What differs, once that is known. */
  get differences(): Differences | undefined {
    return this.#differences
  }

  /** Takes a message, and gives the answer to be sent; ignored when the exchange is over. @throws MeshError (peer) when it has no shape, comes out of turn or lies */
  receive(bytes: Uint8Array): Uint8Array | undefined {
    const message = decodeMessage(bytes)
    if (this.#outcome !== 'open') return undefined
    const answer = this.#answer(message)
    return answer === undefined ? undefined : encodeMessage(answer)
  }

  /** Once all is known: the next message that asks for what is missing here. At least one; then `undefined`. */
  next(): Uint8Array | undefined {
    if (this.#asks === undefined) return undefined
    const batch = this.#asks.subarray(0, 2 * BATCH_ITEMS)
    const left = (this.#asks.length - batch.length) / 2
    this.#asks = left > 0 ? this.#asks.subarray(2 * BATCH_ITEMS) : undefined
    return encodeMessage({ kind: 'ask', left, body: encodeItems(batch) })
  }

  close(): void {
    this.#stream?.close()
    this.#stream = undefined
    this.#decoder = undefined
    this.#listed = undefined
  }

  #answer(message: Message): Message | undefined {
    if ((this.#index === undefined) !== (message.kind === 'open')) throw violation('OPEN comes first, and once')
    switch (message.kind) {
      case 'open':
        return this.#open(message)
      case 'same':
        this.#finish('same')
        return undefined
      case 'plan':
        if (message.days.some((day) => !this.#days.includes(day))) throw violation('the peer plans for days that were not agreed on')
        if (message.count > (this.#deps.maxItems ?? MAX_SET_ITEMS)) throw violation('the peer has more than it said before', { count: message.count })
        return message.mode === 'symbols' ? this.#planSymbols(message.days, message.count) : this.#planList(message.days, message.count)
      case 'symbols':
        return this.#symbols(message.body)
      case 'items':
        return this.#items(message.body)
      default:
        throw violation('this is not for the side that answers')
    }
  }

  #open({ key, days, digest }: Extract<Message, { kind: 'open' }>): Message {
    const index = this.#deps.indexFor(copyBytes(key))
    this.#index = index
    this.#days = days.filter((day) => this.#deps.days.includes(day))
    if (digest.equals(index.digest(days))) return this.#finish('same')
    return { kind: 'days', days: this.#days, digests: this.#days.map((day) => index.digest([day])) }
  }

  #planSymbols(days: readonly number[], count: number): Message | undefined {
    if (this.#stream !== undefined || this.#listed !== undefined || this.#index === undefined) throw violation('the peer plans twice')
    const stream = this.#index.open(days)
    this.#stream = stream
    this.#setSize = count
    this.#limit = symbolLimit(count, stream.size)
    this.#decoder = new Decoder(stream, { remoteCount: count, limit: this.#limit })
    if (this.#limit === 0) return this.#giveUp()
    stream.prepare(Math.min(this.#credit, this.#limit))
    return undefined
  }

  #symbols(body: Uint8Array): Message | undefined {
    const decoder = this.#decoder
    if (decoder === undefined) throw violation('the peer sends symbols without a plan')
    if (this.#isGivenUp) return undefined
    const progress = decoder.feed(readSymbols(body, { first: decoder.received, setSize: this.#setSize }))
    if (progress === 'fallback') return this.#giveUp()
    if (progress === 'decoded') return this.#finish('done', { remoteOnly: decoder.remoteOnly.toPairs(), localOnly: decoder.localOnly.toPairs() })
    if (decoder.received < this.#credit) return undefined
    this.#credit = nextCredit(decoder.received, decoder.differences, this.#limit)
    this.#stream?.prepare(this.#credit)
    return { kind: 'credit', symbols: this.#credit }
  }

  #giveUp(): Message {
    this.#isGivenUp = true
    return { kind: 'list' }
  }

  #planList(days: readonly number[], count: number): Message | undefined {
    if (this.#listed !== undefined) throw violation('the peer plans twice')
    this.close()
    this.#days = days
    this.#setSize = count
    this.#listed = new ItemSet()
    return count === 0 ? this.#compareList(this.#listed) : undefined
  }

  #items(body: Uint8Array): Message | undefined {
    const listed = this.#listed
    if (listed === undefined) throw violation('the peer sends a list without a plan')
    const pairs = readItems(body)
    if (pairs.length === 0 || listed.size + pairs.length / 2 > this.#setSize) throw violation('a list has none, or more than was announced')
    for (let at = 0; at < pairs.length; at += 2) {
      if (listed.add(pairs[at] ?? 0, pairs[at + 1] ?? 0) === NO_SLOT) throw violation('a list names an item twice')
    }
    return listed.size === this.#setSize ? this.#compareList(listed) : undefined
  }

  /** Strikes what both have off the list: what is left on it is the other side's alone. */
  #compareList(listed: ItemSet): Message | undefined {
    const localOnly = new ItemSet()
    this.#index?.forEach(this.#days, (low, high) => {
      if (listed.delete(low, high) === NO_SLOT) localOnly.add(low, high)
    })
    return this.#finish('done', { remoteOnly: listed.toPairs(), localOnly: localOnly.toPairs() })
  }

  #finish(outcome: 'same' | 'done', differences?: Differences): Message {
    this.#outcome = outcome
    this.#differences = differences
    this.#asks = differences?.remoteOnly
    this.close()
    return { kind: outcome }
  }
}
