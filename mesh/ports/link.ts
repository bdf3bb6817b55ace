import type { DeviceId } from '#mesh/ids'

/** The largest frame that crosses a link, in bytes, without its length prefix (DESIGN §7). */
export const MAX_FRAME_BYTES = 65_536

/**
 * A duplex way to one other node.
 *
 * `peer` is what the transport's handshake proved (for libp2p: the PeerId authenticated by Noise or
 * TLS), never what the other side claims. Frames arrive whole, in order, and never larger than
 * {@link MAX_FRAME_BYTES}: the edge that implements a link enforces that before it allocates.
 */
export interface Link {
  readonly peer: DeviceId
  /** How the other side is reached, for people: a multiaddr or the name of a test link. */
  readonly address: string
  /** The mesh it belongs to, by the owner's configuration and the real address of the other side, never by its word; '' or absent: the one without a name. */
  readonly mesh?: string
  /**
   * Hands one frame to the transport; resolves when the transport can take more (back-pressure).
   * @throws MeshError `MESH_LINK_CLOSED` once the link is down, `MESH_PEER_STALLED` when the other side stopped reading for too long.
   */
  send(frame: Uint8Array): Promise<void>
  /** The frames of the other side, until the link ends. Can be iterated once. */
  frames(): AsyncIterable<Uint8Array>
  /** Ends the link after what was sent has left. */
  close(): Promise<void>
  /** Ends the link at once, because of `reason`. */
  abort(reason: Error): void
}
