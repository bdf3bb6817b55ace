/** Verifying a person: by digits, pictures, or what the other's screen shows. */
import { base64urlnopad } from '@scure/base'
import type { Contact } from '#mesh/contacts'
import { MeshError } from '#mesh/errors'
import { parseCardUri, safetyNumber } from '#mesh/identity'
import { type PersonId, personKeyOf } from '#mesh/ids'
import type { Crypto } from '#mesh/ports'
import type { Verification, VerifyParams } from '#node/control'
import type { Carriage } from './carriage.ts'
import { alarmInfos } from './views.ts'

const CODE = 'qpq://v/'
const CARD = 'qpq://c/'
/** Digits of a safety number. */
const DIGITS = 60

/** See `TrustApi.contactVerify`. @throws MeshError `MESH_VERIFICATION_FAILED`, `NODE_PARAMS_INVALID`, and as `Contacts.find` and `send` */
export async function verifyContact(
  { carriage, crypto, self }: { carriage: Pick<Carriage, 'contacts' | 'conversations' | 'db'>; crypto: Crypto; self: PersonId },
  { who, confirm = false, emoji = false, reject = false, scan, acknowledge = false }: VerifyParams,
): Promise<Verification> {
  const { contacts, conversations, db } = carriage
  const { verifying } = conversations
  let contact = contacts.find(who)
  const { person } = contact
  if ([confirm, emoji, reject, scan !== undefined, acknowledge].filter(Boolean).length > 1) {
    throw new MeshError('NODE_PARAMS_INVALID', 'only one thing at a time can be done about a person')
  }
  if (scan !== undefined) assertScanned(crypto, scan, self, person)
  if (emoji) await verifying.compare(contact)
  if (reject) contact = await verifying.reject(contact)
  const { state: before } = await verifying.view(person)
  // Whoever has begun to compare pictures must not confirm what he has not seen.
  if (confirm && (before === 'ready' || before === 'waiting')) contact = await verifying.confirm(contact)
  else if (confirm || scan !== undefined) contact = await db.transaction((tx) => contacts.update(tx, person, { verified: true, alarms: [] }))
  if (acknowledge) contact = await db.transaction((tx) => contacts.update(tx, person, { alarms: [] }))
  const { state, emoji: pictures } = await verifying.view(person)
  return {
    person,
    safetyNumber: safetyNumber(self, person),
    verified: contact.verified,
    code: codeOf(self, person),
    comparison: { state, ...(pictures.length === 0 ? {} : { emoji: pictures.map(({ symbol, name }) => ({ symbol, name })) }) },
    ...alarmsOf(contact),
  }
}

function alarmsOf(contact: Contact): { alarms?: ReturnType<typeof alarmInfos> } {
  return contact.alarms.length === 0 ? {} : { alarms: alarmInfos(contact.alarms) }
}

/** `qpq://v/` and base64url of: the own person key, the key that the other is known by here. */
function codeOf(self: PersonId, person: PersonId): string {
  return CODE + base64urlnopad.encode(Uint8Array.of(...personKeyOf(self), ...personKeyOf(person)))
}

/** What another's screen shows has to name both as they are known here; a card names only its owner, and digits name both. */
function assertScanned(crypto: Crypto, text: string, self: PersonId, person: PersonId): void {
  const scanned = text.trim()
  const digits = scanned.replace(/\s+/g, '')
  let isSame: boolean
  if (scanned.startsWith(CODE)) isSame = scanned === codeOf(person, self)
  else if (scanned.startsWith(CARD)) isSame = parseCardUri(crypto, scanned).person === person
  else if (/^\d+$/.test(digits) && digits.length === DIGITS) isSame = digits === safetyNumber(self, person).replaceAll(' ', '')
  else {
    throw new MeshError('NODE_PARAMS_INVALID', 'this is no code to verify somebody with', {
      hint: 'It begins with qpq://v/ and is shown by `qpq contact verify NAME --qr` on the other side; 60 digits are taken as well.',
    })
  }
  if (isSame) return
  throw new MeshError(
    'MESH_VERIFICATION_FAILED',
    'what you scanned is not what this person is known by here: somebody may sit between, or it is the code of somebody else',
    {
      hint: 'Make sure that it was this person’s own screen. If it was, exchange cards anew, face to face.',
    },
  )
}
