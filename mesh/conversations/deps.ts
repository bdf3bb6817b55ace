import type { Contacts } from '#mesh/contacts'
import type { HybridClock, Priority } from '#mesh/envelope'
import type { PersonKeys } from '#mesh/identity'
import type { DeviceId, EnvelopeId } from '#mesh/ids'
import type { Intake } from '#mesh/intake'
import type { Clock, Crypto, Log, Random } from '#mesh/ports'
import type { CustodyLedger } from '#mesh/routing'
import type { Database, EnvelopeStore } from '#mesh/store'

/** Who this node is. */
export interface Self {
  readonly keys: PersonKeys
  readonly device: DeviceId
  readonly deviceSeed: Uint8Array
  /** The certificate of this device. */
  readonly certificate: Uint8Array
  /** The card of this person as it is now; its bytes. */
  readonly card: () => Uint8Array
  /** Encrypts what is kept at rest. */
  readonly historyKey: Uint8Array
}

/** What conversations need. */
export interface ConversationsDeps {
  readonly db: Database
  readonly store: EnvelopeStore
  readonly intake: Pick<Intake, 'storeOwn'>
  readonly ledger: CustodyLedger
  readonly contacts: Contacts
  readonly crypto: Crypto
  readonly random: Random
  readonly clock: Clock
  readonly hlc: HybridClock
  readonly log: Log
  readonly self: Self
  /** What is told to others unless a conversation is set otherwise; nothing without a word. */
  readonly habits?: { readonly readReceipts: boolean; readonly typing: boolean }
  /** False: what is written here may not be handed from one mesh to another, unless it says otherwise. */
  readonly mayCross?: boolean
}

/** What may be chosen about a message. */
export interface SendOptions {
  /** `normal` without a word; `ephemeral` is now or never: it lives for two minutes and goes no further than to who is connected. */
  readonly priority?: Priority
  /** Whether anybody may hand it from one mesh to another; as this node is configured without a word. */
  readonly mayCross?: boolean
  /** The message that it answers. */
  readonly replyTo?: EnvelopeId
  /** A message of the thread that it belongs to, or one that begins a thread by that. */
  readonly thread?: EnvelopeId
  /** It can be seen once at the other side, and is kept nowhere here. */
  readonly isOnce?: boolean
}
