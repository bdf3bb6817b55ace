import type { Digest } from './digest.ts'
import { decodeMessage, encodeMessage, type Message, type Mode } from './messages.ts'
import { FIRST_SYMBOLS, symbolLimit } from './plan.ts'
import type { ScopeIndex } from './scope-index.ts'
import type { SymbolStream } from './symbol-stream.ts'
import { BATCH_SYMBOLS } from './symbols.ts'
import { BATCH_ITEMS, encodeItems, encodeSymbols, readItems, violation } from './wire.ts'

/**
 * The side that begins: it says how its days look, and sends symbols of those that differ, or where they are not
 * worth it the list, as far as the other side asks for.
 *
 * Pure: {@link next} gives what is to be sent now, one message at a time, so that others get their turn on the
 * link; {@link receive} takes what came. The set may change meanwhile: the exchange goes on about the set as it
 * was, and what is new goes the way that new envelopes go anyway. Close it, however it ends.
 */
export class Initiator {
  readonly #index: ScopeIndex
  readonly #outbox: Message[] = []
  #days: readonly number[]
  #mode: Mode | undefined
  #stream: SymbolStream | undefined
  #credit = 0
  #limit = 0
  #list: Int32Array = new Int32Array(0)
  #outcome: 'open' | 'same' | 'done' | 'busy' = 'open'
  /** Items that the other side may still ask for: not more than were there when the plan was made. */
  #askable = 0
  #isAsking = false

  /** @param days those that this node keeps all envelopes of: its retention horizon, by `dayOf` */
  constructor(index: ScopeIndex, days: readonly number[]) {
    this.#index = index
    this.#days = days
    this.#outbox.push({ kind: 'open', key: index.key, days, digest: index.digest(days) })
  }

  /** `same`: nothing differed. `done`: the other side knows what differs, and asks for what it lacks. `busy`: it does not answer now. */
  get outcome(): 'open' | 'same' | 'done' | 'busy' {
    return this.#outcome
  }

  /** True while the other side has more to ask for. */
  get isAsking(): boolean {
    return this.#isAsking
  }

  /** The next message; `undefined` when an answer is to be waited for, or all is said. */
  next(): Uint8Array | undefined {
    const message = this.#outbox.shift() ?? this.#nextSymbols() ?? this.#nextItems()
    return message === undefined ? undefined : encodeMessage(message)
  }

  /**
   * Takes a message of the other side, ignored when the exchange is over; gives what it asks for, as pairs of words.
   * @throws MeshError (peer) when it has no shape or comes out of turn
   */
  receive(bytes: Uint8Array): Int32Array | undefined {
    const message = decodeMessage(bytes)
    if (this.#isAsking && message.kind === 'ask') return this.#asked(message.left, readItems(message.body))
    if (this.#outcome === 'open') this.#answered(message)
    return undefined
  }

  #answered(message: Message): void {
    const isAboutDays = message.kind === 'days' || message.kind === 'same' || message.kind === 'busy'
    if (isAboutDays === (this.#mode !== undefined)) throw violation('a message of reconciliation comes out of turn')
    switch (message.kind) {
      case 'same':
        this.#end('same')
        break
      case 'days':
        this.#compare(message.days, message.digests)
        break
      case 'credit':
        this.#extend(message.symbols)
        break
      case 'list':
        if (this.#mode === 'symbols') this.#planList()
        break
      case 'done':
        this.#isAsking = true
        this.#end('done')
        break
      case 'busy':
        this.#end('busy')
        break
      default:
        throw violation('this is not for the side that began')
    }
  }

  close(): void {
    this.#stream?.close()
    this.#stream = undefined
    this.#list = new Int32Array(0)
  }

  #compare(days: readonly number[], digests: readonly Digest[]): void {
    if (days.some((day) => !this.#days.includes(day))) throw violation('the peer answers for days that it was not asked about')
    const differing = days.filter((day, i) => digests[i]?.equals(this.#index.digest([day])) === false)
    if (differing.length === 0) {
      this.#outbox.push({ kind: 'same' })
      this.#end('same')
      return
    }
    this.#days = differing
    const theirs = days.reduce((sum, day, i) => sum + (differing.includes(day) ? (digests[i]?.count ?? 0) : 0), 0)
    if (symbolLimit(this.#index.digest(differing).count, theirs) > 0) this.#planSymbols()
    else this.#planList()
  }

  #planSymbols(): void {
    this.#mode = 'symbols'
    this.#stream = this.#index.open(this.#days)
    this.#limit = symbolLimit(this.#stream.size, this.#stream.size)
    this.#credit = Math.min(FIRST_SYMBOLS, this.#limit)
    this.#askable = this.#stream.size
    this.#outbox.push({ kind: 'plan', mode: 'symbols', days: this.#days, count: this.#askable })
  }

  #planList(): void {
    this.close()
    this.#mode = 'list'
    this.#list = this.#index.toPairs(this.#days)
    this.#askable = this.#list.length / 2
    this.#outbox.push({ kind: 'plan', mode: 'list', days: this.#days, count: this.#askable })
  }

  #extend(symbols: number): void {
    if (symbols <= this.#credit || symbols > this.#limit) throw violation('the peer asks for symbols that it cannot have', { symbols })
    this.#credit = symbols
  }

  #nextSymbols(): Message | undefined {
    if (this.#stream === undefined || this.#stream.position >= this.#credit) return undefined
    const first = this.#stream.position
    const cells = this.#stream.next(BATCH_SYMBOLS)
    if (cells !== undefined) return { kind: 'symbols', body: encodeSymbols({ first, setSize: this.#stream.size }, cells) }
    this.#planList()
    return this.#outbox.shift()
  }

  #nextItems(): Message | undefined {
    if (this.#list.length === 0) return undefined
    const batch = this.#list.subarray(0, 2 * BATCH_ITEMS)
    this.#list = this.#list.subarray(2 * BATCH_ITEMS)
    return { kind: 'items', body: encodeItems(batch) }
  }

  #asked(left: number, pairs: Int32Array): Int32Array {
    const count = pairs.length / 2
    if (left + count > this.#askable || (count === 0 && left > 0)) throw violation('the peer asks for more than there is', { left, count })
    this.#askable -= count
    this.#isAsking = left > 0
    return pairs
  }

  #end(outcome: 'same' | 'done' | 'busy'): void {
    this.#outcome = outcome
    this.close()
  }
}
