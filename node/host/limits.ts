/**
 * What one node lets others cost it. libp2p's defaults add up to gigabytes; each number here has a reason.
 */

/** Bounds of a host. */
export interface HostLimits {
  /** Connections in all. 64 neighbours are a busy mesh; a router has memory for 24. */
  readonly maxConnections: number
  /** Handshakes at a time that others have begun: each costs a key agreement before anybody is known. */
  readonly maxPendingInbound: number
  /** Connections from one address, or one /64 of global IPv6: several nodes behind one NAT or on one machine, not a flood. */
  readonly maxPerAddress: number
  /** New connections a second from one address. */
  readonly inboundPerSecond: number
  /** Dials at a time. */
  readonly maxParallelDials: number
  /** Streams a connection may have open, each way. Ours uses fewer than ten. */
  readonly maxStreams: number
  /** Bytes in flight on one stream: 512 KiB fill 100 Mbit/s at 40 ms. */
  readonly maxStreamWindowBytes: number
  /** Bytes kept of a stream whose reader pauses; the window above bounds what may arrive meanwhile. */
  readonly maxReadBufferBytes: number
  /** Bytes kept for a peer that does not read; libp2p's default is Infinity. */
  readonly maxWriteBufferBytes: number
  /** A dial in all, ms: a slow mesh needs seconds. */
  readonly dialTimeoutMs: number
  /** One address among several, ms, so that one where nobody answers leaves time for the others. */
  readonly addressTimeoutMs: number
  /** A handshake that others began, ms. */
  readonly inboundHandshakeMs: number
  /** A connection on which nothing was heard for so long is asked whether it lives, ms. */
  readonly silentMs: number
  /** Who is asked has so long to say anything, ms: half a minute in all, until a dead connection is noticed. */
  readonly answerMs: number
}

/** For a Pi or a desk. */
export const DEFAULT_HOST_LIMITS: HostLimits = {
  maxConnections: 64,
  maxPendingInbound: 8,
  maxPerAddress: 8,
  inboundPerSecond: 8,
  maxParallelDials: 16,
  maxStreams: 32,
  maxStreamWindowBytes: 512 * 1_024,
  maxReadBufferBytes: 1_024 * 1_024,
  maxWriteBufferBytes: 1_024 * 1_024,
  dialTimeoutMs: 10_000,
  addressTimeoutMs: 4_000,
  inboundHandshakeMs: 10_000,
  silentMs: 15_000,
  answerMs: 10_000,
}

/** For a router with little memory. */
export const ROUTER_HOST_LIMITS: HostLimits = { ...DEFAULT_HOST_LIMITS, maxConnections: 24, maxParallelDials: 4 }
