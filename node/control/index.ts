export type {
  BundleExported,
  BundleExportParams,
  BundleImported,
  BundleProgress,
  BundleStep,
  ContactInfo,
  DeviceInfo,
  DoctorFinding,
  DoctorReport,
  NodeApi,
  NodeIdentity,
  NodeStatus,
  OutboxCleared,
  OutboxFlushed,
  OutboxInfo,
  PeerInfo,
  ReadyEvent,
  RunningNode,
  WatchEvent,
  WatchedFolderInfo,
} from './api.ts'
export { ControlClient } from './client.ts'
export { type DataLock, lockData, lockOwner } from './data-lock.ts'
export type { Amended, AmendParams, ConversationInfo, DeliveryState, MessageApi, MessageInfo, MessagePriority, SendParams, ThreadInfo } from './messages.ts'
export type { PrivacyReport, PrivacySetting, PrivacyView } from './privacy-api.ts'
export type { SearchAnswer } from './search-api.ts'
export { type ControlAddress, ControlServer, type ControlServerDeps, type ControlServerOptions } from './server.ts'
export type { TrustAlarmInfo, Verification, VerifyParams } from './trust-api.ts'
export { WatchFeed, type WatchQueue } from './watch-feed.ts'
