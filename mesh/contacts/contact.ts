import { decode, encode } from 'cborg'
import { type ContactCard, readCard } from '#mesh/identity'
import { type AuthorKey, authorKeyOf, type DeviceId, idBytes, type PersonId } from '#mesh/ids'
import type { Crypto } from '#mesh/ports'
import type { RowCodec } from '#mesh/store'

/** `contact`: added here. `request`: wrote first and waits. `blocked`: neither heard nor written to. */
export type ContactState = 'contact' | 'request' | 'blocked'

/** Something about a verified person has changed. */
export interface TrustAlarm {
  readonly kind: 'new-device' | 'revoked-device' | 'new-keys'
  /** Empty for `new-keys`. */
  readonly device: DeviceId | ''
  readonly atMs: number
}

/** What is known of another person; never changed in place. */
export interface Contact {
  readonly person: PersonId
  readonly card: ContactCard
  /** The name given here; unique among contacts. */
  readonly petname?: string
  readonly verified: boolean
  readonly state: ContactState
  /** The person has written to us, and so has our card. */
  readonly mutual: boolean
  readonly addedMs: number
  /** Keys that devices of this person sign envelopes to us with; the newest last. */
  readonly authors: readonly AuthorKey[]
  /** Messages taken while the person was a stranger. */
  readonly requestMessages: number
  /** Devices of this person that have written, the newest last. */
  readonly devices: readonly DeviceId[]
  /** What has changed since the person was verified and was not acknowledged; the newest last. */
  readonly alarms: readonly TrustAlarm[]
}

/** Author keys remembered of one person: one for each device, and some of earlier ones. */
export const MAX_AUTHORS = 16
/** Devices remembered of one person: five live ones, and those before them. */
export const MAX_KNOWN_DEVICES = 16
/** Alarms kept of one person; of more the oldest go. */
export const MAX_ALARMS = 16

const STATES: readonly ContactState[] = ['contact', 'request', 'blocked']
const ALARMS: readonly TrustAlarm['kind'][] = ['new-device', 'revoked-device', 'new-keys']

/** A contact as a row: a CBOR list. The card was verified when it came in, and the row is sealed. */
export function contactCodec(crypto: Crypto): RowCodec<Contact> {
  return {
    encode: ({ card, petname, verified, state, mutual, addedMs, authors, requestMessages, devices, alarms }) =>
      encode([
        1,
        card.bytes,
        petname ?? null,
        verified,
        STATES.indexOf(state),
        mutual,
        addedMs,
        authors.map(idBytes),
        requestMessages,
        devices,
        alarms.map(({ kind, device, atMs }) => [ALARMS.indexOf(kind), device, atMs]),
      ]),
    decode(bytes) {
      const [, card, petname, verified, state, mutual, addedMs, authors, requestMessages, devices = [], alarms = []] = decode(bytes) as [
        number,
        Uint8Array,
        string | null,
        boolean,
        number,
        boolean,
        number,
        Uint8Array[],
        number,
        DeviceId[]?, // absent in rows from before there were alarms
        [number, DeviceId | '', number][]?,
      ]
      const read = readCard(crypto, card)
      const watched = { devices, alarms: alarms.map(([kind, device, atMs]) => ({ kind: ALARMS[kind] ?? 'new-keys', device, atMs })) }
      const known = { ...watched, person: read.person, card: read, verified, state: STATES[state] ?? 'blocked', mutual, addedMs, requestMessages }
      return { ...known, authors: authors.map(authorKeyOf), ...(petname === null ? {} : { petname }) }
    },
  }
}
