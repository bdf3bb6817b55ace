import { copyBytes } from '#mesh/codec'
import { MeshError } from '#mesh/errors'
import type { DeviceId } from '#mesh/ids'
import { type Link, MAX_FRAME_BYTES } from '#mesh/ports'

/**
 * Two ends of a link in memory. Each end sees the other's device as `peer`. At most `capacity` frames
 * wait in each direction; a sender beyond that waits, as on a real link.
 */
export function linkPair(a: DeviceId, b: DeviceId, capacity = 16): [Link, Link] {
  const forth = new FramePipe(capacity)
  const back = new FramePipe(capacity)
  return [linkEnd(b, forth, back), linkEnd(a, back, forth)]
}

function linkEnd(peer: DeviceId, out: FramePipe, inward: FramePipe): Link {
  return {
    peer,
    address: `/memory/${peer}`,
    send: (frame) => out.push(frame),
    frames: () => inward,
    async close() {
      out.end()
      inward.end()
    },
    abort(reason) {
      out.end(reason)
      inward.end(reason)
    },
  }
}

class FramePipe implements AsyncIterable<Uint8Array> {
  readonly #capacity: number
  readonly #frames: Uint8Array[] = []
  #ended = false
  #reason: Error | undefined
  #wake: Array<() => void> = []

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  async push(frame: Uint8Array): Promise<void> {
    if (frame.length > MAX_FRAME_BYTES) throw new MeshError('MESH_INTERNAL', 'a frame is too large to send')
    while (!this.#ended && this.#frames.length >= this.#capacity) await this.#change()
    if (this.#ended) throw new MeshError('MESH_LINK_CLOSED', 'the link is down')
    this.#frames.push(copyBytes(frame))
    this.#changed()
  }

  end(reason?: Error): void {
    this.#ended = true
    this.#reason ??= reason
    this.#changed()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const frame = this.#frames.shift()
      if (frame !== undefined) {
        this.#changed()
        yield frame
      } else if (this.#reason !== undefined) throw this.#reason
      else if (this.#ended) return
      else await this.#change()
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve))
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}
