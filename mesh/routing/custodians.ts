/**
 * Who has promised to carry one envelope.
 *
 * Keys are free and anybody can sign, so what one envelope makes this node keep is bounded: one receipt of a
 * device, so many devices, so many bytes. A promise counts as soon as it is staged when the next one is judged,
 * since many may come in one group of transactions; it shows once it is committed.
 */
import { MAX_LIFETIME_S } from '#mesh/envelope'
import type { DeviceId, EnvelopeId } from '#mesh/ids'
import type { CustodyReceipt } from './custody-receipt.ts'

/** Who carries an envelope, until when (ms since 1970, the custodian's clock). */
export interface Custody {
  readonly device: DeviceId
  readonly untilMs: number
  /** Who gave it to that device; absent when this node did. */
  readonly from?: DeviceId
  /** Hand-overs from here to that device: 1 when this node gave it. */
  readonly hops: number
}

/** A receipt that is on the disk, or will be with the transaction under way. */
export interface KeptReceipt {
  readonly key: Uint8Array
  /** The length of its row. */
  readonly bytes: number
  /** Until when, as it was signed, ms since 1970. */
  readonly untilMs: number
  readonly from: DeviceId | undefined
  /** The envelopes that it is kept for. */
  readonly waiting: Set<EnvelopeId>
}

type Claim = Pick<KeptReceipt, 'untilMs' | 'from'>

interface Promised {
  readonly receipt: KeptReceipt
  /** Until when it is believed, ms since 1970. */
  readonly untilMs: number
}

/** Nobody is believed to carry an envelope for longer than it lives, in ms. */
const MAX_CUSTODY_MS = MAX_LIFETIME_S * 1_000
/**
 * Devices whose promise is kept for one envelope. Keys are free, and each promise takes some 100 bytes of
 * memory; eight copies and a small mesh where everybody has one stay far below it.
 */
const MAX_CUSTODIANS = 64
/**
 * Bytes of receipts that are kept for one envelope; each receipt is shared by those it is kept for. Those of 64
 * devices that name 60 others, or three of the longest. What was passed on gets half: it may name anything.
 */
const MAX_RECEIPT_BYTES = 131_072
/** A later promise of the same device counts when it is longer by this, in ms: so it costs a write a day at most. */
const MIN_GAIN_MS = 86_400_000

/** The promises about one envelope. */
export class Custodians {
  readonly #kept = new Map<DeviceId, Promised>()
  readonly #staged = new Map<DeviceId, Promised>()

  /** The receipt of each device, also one that is still being written. */
  receipts(): KeptReceipt[] {
    return [...new Map([...this.#kept, ...this.#staged]).values()].map(({ receipt }) => receipt)
  }

  /** The receipt of a device, also one that is still being written. */
  receiptOf(device: DeviceId): KeptReceipt | undefined {
    return (this.#staged.get(device) ?? this.#kept.get(device))?.receipt
  }

  /** Until when a device is believed to carry it, ms since 1970; 0 when it never promised. */
  untilMs(device: DeviceId): number {
    return this.#kept.get(device)?.untilMs ?? 0
  }

  isCarried(nowMs: number): boolean {
    for (const { untilMs } of this.#kept.values()) if (untilMs > nowMs) return true
    return false
  }

  list(): Custody[] {
    return [...this.#kept].map(([device, { untilMs, receipt }]) => {
      return { device, untilMs, ...(receipt.from === undefined ? {} : { from: receipt.from }), hops: this.#hopsTo(device) }
    })
  }

  /** True when a receipt says what is not known: of one more device, or that one carries it longer. */
  isNews({ custodian, untilMs, from }: Omit<CustodyReceipt, 'ids' | 'signature'>, nowMs: number): boolean {
    if (untilMs <= nowMs || (from !== undefined && this.receiptOf(from) === undefined)) return false
    const before = this.receiptOf(custodian)
    return before === undefined ? this.#devices().size < MAX_CUSTODIANS : isBetter(before, { untilMs, from })
  }

  /** Bytes that a receipt of `custodian` may still add, beside those of the others. */
  roomFor({ custodian, from }: Pick<CustodyReceipt, 'custodian' | 'from'>): number {
    let room = from === undefined ? MAX_RECEIPT_BYTES : MAX_RECEIPT_BYTES / 2
    for (const device of this.#devices()) {
      const receipt = device === custodian ? undefined : this.receiptOf(device)
      if (receipt !== undefined) room -= receipt.bytes / receipt.waiting.size
    }
    return room
  }

  stage(device: DeviceId, receipt: KeptReceipt, nowMs: number): void {
    this.#staged.set(device, { receipt, untilMs: believedUntil(receipt, nowMs) })
  }

  /** Forgets what was staged, as a transaction failed. */
  unstage(device: DeviceId, receipt: KeptReceipt): void {
    if (this.#staged.get(device)?.receipt === receipt) this.#staged.delete(device)
  }

  /** A receipt is on the disk; returns the one whose place it took. */
  commit(device: DeviceId, receipt: KeptReceipt, nowMs: number): KeptReceipt | undefined {
    const before = this.#kept.get(device)?.receipt
    this.#kept.set(device, { receipt, untilMs: believedUntil(receipt, nowMs) })
    this.unstage(device, receipt)
    return before
  }

  #devices(): ReadonlySet<DeviceId> {
    return new Set([...this.#kept.keys(), ...this.#staged.keys()])
  }

  /** Hand-overs from here to `device`; bounded, should rows of another order lead in a circle. */
  #hopsTo(device: DeviceId): number {
    let hops = 1
    const giver = (to: DeviceId) => this.#kept.get(to)?.receipt.from
    for (let from = giver(device); from !== undefined && hops < MAX_CUSTODIANS; from = giver(from)) hops += 1
    return hops
  }
}

/** True when a receipt takes the place of another by the same device: what this node gave itself comes first, and no chain is led elsewhere. */
export function isBetter(before: Claim, { untilMs, from }: Claim): boolean {
  return before.from === from ? untilMs >= before.untilMs + MIN_GAIN_MS : from === undefined
}

function believedUntil({ untilMs }: KeptReceipt, nowMs: number): number {
  return Math.min(untilMs, nowMs + MAX_CUSTODY_MS)
}
