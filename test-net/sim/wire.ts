/**
 * A link between two simulated nodes: frames whole and in order, after a delay and at a bandwidth, with as
 * much under way as the buffers of a stream hold. A stream link loses nothing singly; what a bad radio does
 * to it is to stand still, or to break.
 */
import { MeshError } from '#mesh/errors'
import type { DeviceId } from '#mesh/ids'
import { type Link, MAX_FRAME_BYTES } from '#mesh/ports'
import type { Scheduler } from './scheduler.ts'

/** Bytes that a sender may have under way or waiting for the reader; socket buffers and a stream's window. */
const WINDOW_BYTES = 256 * 1_024

/** What a link is like. */
export interface WireOptions {
  /** One way, ms. */
  readonly delayMs: number
  /** Bytes per ms. */
  readonly bytesPerMs: number
}

/** What a wire needs. */
export interface WireDeps {
  readonly scheduler: Scheduler
  /** Called for each frame that is sent; says whether the link breaks on it, or for how long it stands still first (ms). */
  readonly onFrame: (from: DeviceId, to: DeviceId, frame: Uint8Array) => 'break' | number
  readonly onArrival: (at: DeviceId) => void
}

/** A wire with its two ends. */
export interface Wire {
  readonly ends: readonly [Link, Link]
  /** Frames under way are gone and nothing more passes; each side notices after `noticeMs`. */
  cut(noticeMs: number): void
  /** The machine at this end lost its power: it hears nothing more. */
  silence(end: 0 | 1): void
}

/** Puts a wire between devices `a` and `b`. */
export function makeWire(deps: WireDeps, [a, b]: readonly [DeviceId, DeviceId], options: WireOptions): Wire {
  const forth = new Lane(deps, a, b, options)
  const back = new Lane(deps, b, a, options)
  let isCut = false
  const cut = (noticeMs: number): void => {
    if (isCut) return
    isCut = true
    for (const lane of [forth, back]) {
      lane.swallow()
      deps.scheduler.in(noticeMs, () => lane.fail(closed('the other side is out of reach')))
    }
  }
  for (const lane of [forth, back]) lane.onBreak = () => cut(0)
  return {
    ends: [endOf(b, forth, back), endOf(a, back, forth)],
    cut,
    silence(end) {
      const [out, inward] = end === 0 ? [forth, back] : [back, forth]
      out.silenceWriter()
      inward.silenceReader()
    },
  }
}

function endOf(peer: DeviceId, out: Lane, inward: Lane): Link {
  return {
    peer,
    address: `/sim/${peer}`,
    send: (frame) => out.send(frame),
    frames: () => inward,
    async close() {
      inward.endReader(undefined)
      await out.finish()
    },
    abort(reason) {
      inward.endReader(reason)
      out.reset()
    },
  }
}

/** One direction. */
class Lane implements AsyncIterable<Uint8Array> {
  readonly #deps: WireDeps
  readonly #from: DeviceId
  readonly #to: DeviceId
  readonly #options: WireOptions
  readonly #arrived: Uint8Array[] = []
  readonly #writers: Array<{ resolve: () => void; reject: (error: Error) => void }> = []
  #underWay = 0
  #lineFreeMs = 0
  #lastArrivalMs = 0
  /** Nothing more passes. */
  #isSwallowing = false
  #isWriterOver = false
  #isWriterSilent = false
  #reader: 'open' | 'ended' | 'silent' = 'open'
  #reason: Error | undefined
  #wakeReader: (() => void) | undefined
  onBreak: () => void = () => {}

  constructor(deps: WireDeps, from: DeviceId, to: DeviceId, options: WireOptions) {
    this.#deps = deps
    this.#from = from
    this.#to = to
    this.#options = options
  }

  async send(frame: Uint8Array): Promise<void> {
    if (this.#isWriterSilent) return new Promise(() => {})
    if (frame.length > MAX_FRAME_BYTES) throw new MeshError('MESH_FRAME_TOO_LARGE', 'this frame is too large for a link', { detail: { bytes: frame.length } })
    if (this.#isWriterOver) throw closed('the link is down')
    const fate = this.#deps.onFrame(this.#from, this.#to, frame)
    if (fate === 'break') {
      this.onBreak()
      throw closed('the link broke')
    }
    const { scheduler } = this.#deps
    this.#lineFreeMs = Math.max(this.#lineFreeMs, scheduler.nowMs) + frame.length / this.#options.bytesPerMs
    this.#underWay += frame.length
    this.#in(fate, () => this.#arrive(frame))
    if (this.#underWay > WINDOW_BYTES) await new Promise<void>((resolve, reject) => this.#writers.push({ resolve, reject }))
  }

  /** Resolves when what was sent has arrived, and the reader knows that nothing follows. */
  async finish(): Promise<void> {
    if (this.#isWriterSilent) return new Promise(() => {})
    if (this.#isWriterOver) return
    this.#isWriterOver = true
    await new Promise<void>((resolve) =>
      this.#in(0, () => {
        this.endReader(undefined)
        resolve()
      }),
    )
  }

  /** The writer gives up; what is under way may still arrive. */
  reset(): void {
    if (this.#isWriterOver) return
    this.#endWriter(closed('the link is down'))
    this.#in(0, () => this.endReader(closed('the other side ended the link')))
  }

  /** Both ends learn that the link is gone. */
  fail(error: Error): void {
    this.#endWriter(error)
    this.endReader(error)
  }

  swallow(): void {
    this.#isSwallowing = true
  }

  silenceWriter(): void {
    this.#isWriterSilent = true
    this.#isSwallowing = true
    this.#writers.length = 0
  }

  silenceReader(): void {
    this.#reader = 'silent'
    this.#wakeReader = undefined
    this.#arrived.length = 0
  }

  /** No more frames after those that wait; none at all after a reason. */
  endReader(reason: Error | undefined): void {
    if (this.#reader !== 'open') return
    this.#reader = 'ended'
    this.#reason = reason
    if (reason !== undefined) this.#arrived.length = 0
    this.#wakeReader?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.#reason !== undefined) throw this.#reason
      const frame = this.#arrived.shift()
      if (frame !== undefined) {
        this.#taken(frame.length)
        yield frame
      } else if (this.#reader === 'ended') return
      else await new Promise<void>((resolve) => this.#listen(resolve))
    }
  }

  #listen(resolve: () => void): void {
    if (this.#reader === 'silent') return
    this.#wakeReader = () => {
      this.#wakeReader = undefined
      resolve()
    }
  }

  #arrive(frame: Uint8Array): void {
    if (this.#reader !== 'open') {
      this.#taken(frame.length)
      return
    }
    this.#deps.onArrival(this.#to)
    this.#arrived.push(frame)
    this.#wakeReader?.()
  }

  /** The reader took a frame: whoever waits to send may go on. */
  #taken(bytes: number): void {
    this.#underWay -= bytes
    if (this.#underWay <= WINDOW_BYTES) for (const { resolve } of this.#writers.splice(0)) resolve()
  }

  #endWriter(error: Error): void {
    this.#isWriterOver = true
    for (const { reject } of this.#writers.splice(0)) reject(error)
  }

  /** Does it at the other side: after the line is free, the delay, and all that was sent before. */
  #in(extraMs: number, run: () => void): void {
    const { scheduler } = this.#deps
    const atMs = Math.max(this.#lineFreeMs, scheduler.nowMs) + this.#options.delayMs + extraMs
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, atMs)
    scheduler.at(this.#lastArrivalMs, () => {
      if (!this.#isSwallowing) run()
    })
  }
}

function closed(sentence: string): MeshError {
  return new MeshError('MESH_LINK_CLOSED', sentence)
}
