import { type Envelope, type Priority, signEnvelope } from '#mesh/envelope'
import type { Address, DeviceId, EnvelopeId } from '#mesh/ids'
import type { Link } from '#mesh/ports'
import type { MeshNode } from './mesh-node.ts'
import { toyCrypto } from './toy-crypto.ts'

const crypto = toyCrypto()
const AUTHOR_SEED = new Uint8Array(32).fill(77)
const SOMEBODY = '12D3KooWSomebodyElse' as DeviceId
const START_MS = 1_790_000_000_000

/** Envelopes by somebody who is not there, to `address`; a minute apart, the last one now by a {@link fakeClock}. */
export function pool(address: Address, count: number, options: { bytes?: number; priority?: Priority; daysAgo?: number } = {}): Envelope[] {
  const { bytes = 64, priority = 'normal', daysAgo = 0 } = options
  return Array.from({ length: count }, (_, i) =>
    signEnvelope(crypto, AUTHOR_SEED, {
      priority,
      kind: 'inbox',
      address,
      stamp: { ms: START_MS - daysAgo * 86_400_000 - (count - i) * 60_000, counter: i },
      lifetimeS: 30 * 86_400,
      payload: new Uint8Array(bytes).fill(i & 0xff),
    }),
  )
}

/** Puts envelopes into the store of a node as if somebody had brought them. */
export async function carry(node: MeshNode, envelopes: readonly Envelope[], { copies = 1 }: { copies?: number } = {}): Promise<void> {
  await node.db.transaction((tx) => {
    for (const envelope of envelopes) node.store.put(tx, envelope, { hops: 1, copies, ageS: 0, from: SOMEBODY, own: false, pinned: false, stranger: false })
  })
}

/** The ids that a node holds, in an order that does not depend on when they came. */
export function idsOf(node: MeshNode): EnvelopeId[] {
  return [...node.store.ids()].sort()
}

/** What crossed a link: frames and bytes by the type byte of the frame. */
export interface Tapped {
  readonly frames: number[]
  readonly bytes: number[]
  /** For `join`. */
  readonly wrap: (link: Link) => Link
}

/** Listens on both ends of a link. */
export function tap(): Tapped {
  const frames = new Array<number>(16).fill(0)
  const bytes = new Array<number>(16).fill(0)
  const wrap = (link: Link): Link => ({
    ...link,
    send(frame) {
      const type = (frame[0] ?? 0) & 15
      frames[type] = (frames[type] ?? 0) + 1
      bytes[type] = (bytes[type] ?? 0) + frame.length
      return link.send(frame)
    },
  })
  return { frames, bytes, wrap }
}
