import { alarmLines, printLines, shortId, usageError } from '#cli/output'
import type { ContactInfo } from '#node/control'
import type { Command, CommandContext } from './command.ts'
import type { Input } from './input.ts'
import { verify } from './verify.ts'

const WHO = { name: 'who', summary: 'a petname or a full qpq1…' }

/** Commands about people and their devices. */
export const CONTACT_COMMANDS: readonly Command[] = [
  {
    name: 'contact add',
    summary: 'add a person by card, or accept one who wrote first',
    example: 'qpq contact add qpq://c/… --as bob',
    arguments: [
      { name: 'card', summary: 'the link qpq://c/… of a person, or the qpq1… of one who wrote' },
      { name: 'name', summary: 'what you call this person', isOptional: true },
    ],
    flags: [{ name: 'as', value: 'NAME', summary: 'what you call this person' }],
    call: 'contactAdd',
    inPlace: 'add',
    run: add,
  },
  {
    name: 'contact list',
    summary: 'everybody you know, and who wants to be known',
    example: 'qpq contact list --json',
    arguments: [],
    flags: [],
    call: 'contactList',
    inPlace: 'contacts',
    run: list,
  },
  {
    name: 'contact card',
    summary: 'your card to give away, or the card of a contact',
    example: 'qpq contact card --qr',
    arguments: [{ ...WHO, isOptional: true }],
    flags: [{ name: 'qr', summary: 'as a QR code for a telephone' }],
    call: 'contactCard',
    inPlace: 'card',
    run: (context, input) => card(context, input, input.isSet('qr')),
  },
  {
    name: 'contact verify',
    summary: '60 digits or seven pictures, equal on both sides if nobody sits between',
    example: 'qpq contact verify bob --confirm',
    arguments: [{ ...WHO, isConversation: true }],
    flags: [
      { name: 'emoji', summary: 'compare seven pictures: both of you type this, then again to see them' },
      { name: 'confirm', summary: 'note that both of you compared, and that all is equal' },
      { name: 'reject', summary: 'the pictures differ, or you do not want to compare' },
      { name: 'qr', summary: 'show a code that the other one scans' },
      { name: 'scan', value: 'TEXT', summary: 'what a scanner read on the other screen, or the 60 digits' },
      { name: 'acknowledge', summary: 'silence alarms about new devices and keys' },
    ],
    call: 'contactVerify',
    inPlace: 'verify',
    run: verify,
  },
  {
    name: 'contact block',
    summary: 'neither hear nor write to a person',
    example: 'qpq contact block mallory',
    arguments: [WHO],
    flags: [{ name: 'undo', summary: 'hear this person again' }],
    call: 'contactBlock',
    inPlace: 'block',
    run: block,
  },
  { name: 'device list', summary: 'your devices', example: 'qpq device list', arguments: [], flags: [], call: 'deviceList', inPlace: 'devices', run: devices },
  {
    name: 'device revoke',
    summary: 'declare a lost device invalid, for ever',
    example: 'qpq device revoke 12D3KooW…',
    arguments: [{ name: 'device', summary: 'the full id of the device, see `qpq device list`' }],
    flags: [],
    call: 'deviceRevoke',
    run: revoke,
  },
]

/** `/qr` at the prompt: the card as a QR code. */
export const QR_IN_PLACE: Command = {
  name: 'contact card --qr',
  summary: 'your card as a QR code',
  example: '/qr',
  arguments: [{ ...WHO, isOptional: true }],
  flags: [],
  call: 'contactCard',
  inPlace: 'qr',
  run: (context, input) => card(context, input, true),
}

async function add({ api, out, json, isInPlace }: CommandContext, input: Input): Promise<void> {
  const [byFlag, byPlace] = [input.value('as'), input.optional('name')]
  if (byFlag !== undefined && byPlace !== undefined && byFlag !== byPlace) throw usageError('two names were given', 'use either NAME or --as NAME')
  const as = byFlag ?? byPlace
  const contact = await api.contactAdd({ card: input.word('card'), ...(as === undefined ? {} : { as }) })
  if (json) return out.json({ ...contact, petname: contact.petname ?? contact.claimedName })
  if (isInPlace) out.line('added ', { style: 'name', text: nameOf(contact) }, `; write with /to ${nameOf(contact)}`)
}

function nameOf(contact: ContactInfo): string {
  return contact.petname ?? contact.claimedName
}

async function list({ api, out, json, isInPlace }: CommandContext): Promise<void> {
  // The node knows them in no order at all.
  const contacts = (await api.contactList()).toSorted((a, b) => rank(a) - rank(b) || nameOf(a).localeCompare(nameOf(b)))
  for (const contact of contacts) {
    if (json) out.json(contact)
    else {
      const claim = contact.petname !== undefined && contact.petname !== contact.claimedName ? ` (calls itself "${contact.claimedName}")` : ''
      const state = contact.state === 'contact' ? (contact.verified ? 'verified' : 'not verified') : contact.state
      out.line({ style: 'name', text: contact.petname ?? `"${contact.claimedName}"` }, `${claim}  ${state}  `, { style: 'dim', text: contact.person })
      printLines(out, alarmLines(contact.alarms ?? [], nameOf(contact)))
    }
  }
  if (isInPlace && contacts.length === 0) out.line({ style: 'dim', text: 'nobody yet; /add URI NAME adds somebody, /card shows yours' })
}

/** Contacts first, then who waits to be accepted, then who is blocked. */
function rank({ state }: ContactInfo): number {
  return ['contact', 'request', 'blocked'].indexOf(state)
}

async function card({ api, out, json }: CommandContext, input: Input, asQr: boolean): Promise<void> {
  const who = input.optional('who')
  const answer = await api.contactCard(who === undefined ? {} : { who })
  if (json) return out.json(answer)
  if (asQr) {
    const { renderUnicodeCompact } = await import('uqr')
    // A quiet border of two modules is enough for telephones and fits 300 characters into 80 columns.
    for (const line of renderUnicodeCompact(answer.card, { ecc: 'L', border: 2 }).split('\n')) out.line(line)
  }
  out.line(answer.card)
}

async function block({ api, out, json, isInPlace }: CommandContext, input: Input): Promise<void> {
  const unblock = input.isSet('undo')
  const contact = await api.contactBlock({ who: input.word('who'), ...(unblock ? { unblock } : {}) })
  if (json) return out.json(contact)
  if (isInPlace) out.line({ style: 'name', text: nameOf(contact) }, unblock ? ' is heard again' : ' is blocked')
}

async function devices({ api, out, json }: CommandContext): Promise<void> {
  for (const device of await api.deviceList()) {
    if (json) out.json(device)
    else {
      const state = device.revokedAt === undefined ? `until ${device.expiresAt.slice(0, 10)}` : `revoked ${device.revokedAt.slice(0, 10)}`
      out.line({ style: 'name', text: device.name }, `${device.here ? ' (this one)' : ''}  ${state}  `, { style: 'dim', text: device.device })
    }
  }
}

async function revoke({ api, out, json, isInPlace }: CommandContext, input: Input): Promise<void> {
  const device = await api.deviceRevoke({ device: input.word('device') })
  if (json) return out.json(device)
  if (isInPlace) out.line(`revoked ${shortId(device.device)}`)
}
