import type { DeliveryState, MessageApi, MessageChangeKind, MessageInfo, MessagePriority } from './messages.ts'
import type { PrivacyApi } from './privacy-api.ts'
import type { SearchApi } from './search-api.ts'
import type { TrustAlarmInfo, TrustApi, TrustEvent } from './trust-api.ts'

/**
 * What a running node can be asked: the one table behind shell, in-place commands and scripts.
 *
 * Times are RFC 3339 UTC strings, ids their text forms (`#mesh/ids`), durations in the unit of their
 * name. Fields may be added; none changes its meaning. `node/compose` implements it, `ControlClient`
 * offers the same methods from another process.
 */
export interface NodeApi extends MessageApi, PrivacyApi, SearchApi, TrustApi {
  status(): Promise<NodeStatus>
  id(): Promise<NodeIdentity>
  peers(): Promise<PeerInfo[]>
  doctor(): Promise<DoctorReport>
  /** Ends the node; answered before it stops. */
  down(): Promise<Record<string, never>>

  /** Adds a person by card URI, or accepts the request of a person (`qpq1…`) who wrote first. */
  contactAdd(params: { card: string; as?: string }): Promise<ContactInfo>
  contactList(): Promise<ContactInfo[]>
  /** The card URI of this node's person, or of a contact. */
  contactCard(params: { who?: string }): Promise<{ card: string }>
  contactBlock(params: { who: string; unblock?: boolean }): Promise<ContactInfo>

  deviceList(): Promise<DeviceInfo[]>
  /** Revokes a device of this person for ever; the revocation travels to everybody who knows the person. */
  deviceRevoke(params: { device: string }): Promise<DeviceInfo>

  /** What waits, the most urgent first, and of the equally urgent the oldest. */
  outbox(): Promise<OutboxInfo[]>
  /** Dials everybody whose address is known, and offers again what waits; answered when the dials have ended, or after `timeoutMs`. */
  outboxFlush(params: { to?: string; timeoutMs?: number }): Promise<OutboxFlushed>
  /**
   * Takes back own messages that wait: all, those to a person, or those of these ids (their ends are enough),
   * with spaces between. `dryRun` changes nothing and tells what would go.
   */
  outboxClear(params: { which?: string; dryRun?: boolean }): Promise<OutboxCleared>

  /** Writes what others are to get into a file. Streams how far it is; the last step is the result. */
  bundleExport(params: BundleExportParams, signal: AbortSignal): AsyncIterable<BundleStep<BundleExported>>
  /** Takes in bundles. Streams how far it is; the last step is the result. What was read stays when `signal` aborts. */
  bundleImport(params: { files: string[] }, signal: AbortSignal): AsyncIterable<BundleStep<BundleImported>>

  /** Streams events until `signal` aborts. */
  watch(signal: AbortSignal): AsyncIterable<WatchEvent>
}

export interface NodeStatus {
  device: string
  uptimeS: number
  peers: number
  store: { envelopes: number; tombstones: number; bytes: number; limitBytes: number; full: boolean }
  outbox: { queued: number; carried: number }
  rssBytes: number
  transports: Record<string, string>
  /** Per network interface; see `node/discovery`. */
  discovery: Record<string, { state: string; sent: number; received: number; errors: number; lastError?: string }>
  /** Per watched folder. */
  sneakernet: Record<string, WatchedFolderInfo>
  counters: Record<string, number>
  crypto: string
}

/** A folder whose bundles are read by themselves. Counted since the node started. */
export interface WatchedFolderInfo {
  /** `missing`: there is none now, perhaps a stick that is not plugged in. */
  state: 'watching' | 'missing' | 'unreadable'
  /** More lies in it than is looked at. */
  crowded: boolean
  /** Bundles that were read, and the envelopes in them that were new. */
  files: number
  envelopes: number
  badBlocks: number
  /** Things called like a bundle that are no files: links, pipes, devices. */
  refused: number
  errors: number
  lastError?: string
}

export interface BundleExportParams {
  /** Absolute, as the node sees it. With `maxBytes` the parts are named after it: NAME.001.qpqb. */
  file: string
  /** Petnames, `qpq1…` or addresses: only what goes to them, beside receipts. */
  for?: string[]
  /** The longest part, bytes. */
  maxBytes?: number
  /** Replaces files that are there. */
  force?: boolean
}

/** How far long work is; `done` and `total` are bytes, and `total` may be an estimate. */
export interface BundleProgress {
  event: 'progress'
  done: number
  total: number
  envelopes: number
}

/** Progress, and at the end the result. */
export type BundleStep<T> = BundleProgress | ({ event: 'done' } & T)

export interface BundleExported {
  /** Absolute paths, in order. */
  files: string[]
  envelopes: number
  bytes: number
  /** Envelopes that fit into no part of that size. */
  tooLarge: number
}

export interface BundleImported {
  accepted: number
  ignored: number
  /** Why envelopes were ignored, as `duplicate`, `retracted`, `expired`, `quota`, `rate`, `hops`, `full`. */
  reasons: Record<string, number>
  /** By error code. */
  rejected: Record<string, number>
  blocks: number
  /** Blocks that could not be read; what was in them comes with the next bundle. */
  badBlocks: number
  /** Own envelopes that somebody has now promised to carry. */
  carried: number
  files: number
  /** True when the last part of a bundle was not among the files. */
  partsFollow: boolean
  /** Why reading ended early: `rate` and `full` pass, so the same file can be read again later. */
  stopped?: 'rate' | 'full' | 'hostile'
  /** Files that gave nothing, or not all. */
  failed: Array<{ file: string; code: string; message: string; hint?: string }>
}

export interface NodeIdentity {
  person: string
  device: string
  name: string
  card: string
}

export interface PeerInfo {
  device: string
  person?: string
  petname?: string
  address: string
  /** The mesh that the link belongs to, when it has a name (see `meshes` in the configuration). */
  mesh?: string
  transport: string
  direction: 'inbound' | 'outbound'
  sinceS: number
  rttMs?: number
}

/** One thing that may keep people apart, with what to do about it. */
export interface DoctorFinding {
  level: 'ok' | 'note' | 'warning' | 'problem'
  /** Bounded, stable: `no-interface`, `no-carrier`, `no-address`, `multicast-send-error`, `nothing-heard`, `port-closed`, `address-translated`, `clock-off`, `store-full`, `quic-missing`, `watch-folder-missing`, `watch-folder-unreadable`, `watch-folder-crowded`, `bundle-unreadable`, `ok`. */
  code: string
  /** The interface or part it is about. */
  subject: string
  message: string
  /** What the person can do; empty for `ok`. */
  advice: string
}

export interface DoctorReport {
  healthy: boolean
  findings: DoctorFinding[]
}

export interface ContactInfo {
  person: string
  petname?: string
  /** The name that the person claims for itself; anybody can claim any name. */
  claimedName: string
  verified: boolean
  alarms?: TrustAlarmInfo[]
  /** `contact`: added here. `request`: a stranger who wrote and waits for `contact add`. `blocked`: neither heard nor written to. */
  state: 'contact' | 'request' | 'blocked'
}

export interface DeviceInfo {
  device: string
  name: string
  createdAt: string
  expiresAt: string
  revokedAt?: string
  /** True for the device that answers. */
  here: boolean
}

export interface OutboxInfo {
  id: string
  to: string
  priority: MessagePriority
  /** Only when nobody may hand it from one mesh to another. */
  bridge?: false
  state: 'queued' | 'carried'
  /** Hand-overs tried since the node started. */
  attempts: number
  /** When it was written, by this node's clock. */
  since: string
  /**
   * When this node dials a peer again to hand it over, or offers it again to one that had no room for it.
   * Absent when it only waits for somebody to come: no peer that was named is away, one is being dialled now,
   * or others carry it. Who comes sooner gets it sooner.
   */
  nextAttemptAt?: string
  /**
   * Who signed that they carry it. `from` is who gave it to them, absent when this node did; `hops` are the
   * hand-overs from here. What a carrier gave to another shows once that carrier was met again.
   */
  custody: Array<{ device: string; until: string; from?: string; hops: number }>
}

/** What was tried at once. */
export interface OutboxFlushed {
  /** Peers that were away and were dialled, and how many of them answered. */
  dialled: number
  reached: number
  /** Peers connected now. */
  peers: number
  /** Messages that still wait: what is on its way needs a moment more. */
  waiting: number
}

/** What was taken back. */
export interface OutboxCleared {
  cleared: string[]
  /** How many of them others were given, and may still arrive. */
  mayArrive: number
}

export type WatchEvent =
  | ({ event: 'message' } & MessageInfo)
  /** A message is not what it was: here as it is now. */
  | ({ event: 'changed'; change: MessageChangeKind } & MessageInfo)
  /** A disappearing message is no longer here. */
  | { event: 'gone'; id: string; conversation: string }
  | { event: 'typing'; conversation: string; petname?: string; on: boolean }
  /** The other side has said how long messages last; 0: for ever. */
  | { event: 'ttl'; conversation: string; petname?: string; by: string; ttlS: number }
  | { event: 'state'; id: string; conversation: string; state: DeliveryState; by: string }
  | { event: 'request'; person: string; claimedName: string }
  | { event: 'contact'; person: string; petname?: string; verified: boolean }
  | { event: 'peer'; device: string; up: boolean; address: string; person?: string; petname?: string }
  | TrustEvent
  | { event: 'lost'; count: number }

/** The first line of `up --json`: the node is there and can be spoken to. */
export interface ReadyEvent {
  event: 'ready'
  person: string
  device: string
  name: string
  /** The data directory, absolute. */
  data: string
  /** The Unix socket of the control API. */
  control: string
  /** Base URL of the control API over HTTP; absent when it is off. */
  http?: string
  /** The multiaddrs this node listens on. */
  listen: string[]
}

/** A node that runs in this process. */
export interface RunningNode {
  /** For this process itself: the first to `watch` through it hears all that happened since before the network started (bounded: see `lost`). */
  readonly api: NodeApi
  readonly ready: ReadyEvent
  /** Resolves when nothing of the node is left running; can be called twice. */
  stop(): Promise<void>
  /** Resolves when the node has ended, by `stop` or by `down` over the control API; rejects when it broke. */
  readonly done: Promise<void>
}
