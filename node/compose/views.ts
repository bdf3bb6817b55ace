/** From what the parts know to what people are shown (see node/control/api.ts). */
import type { Contact } from '#mesh/contacts'
import type { ConversationEvent, MessageView } from '#mesh/conversations'
import type { PersonId } from '#mesh/ids'
import type { ContactInfo, MessageInfo, TrustAlarmInfo, WatchEvent } from '#node/control'
import type { AddressView } from '#node/discovery'
import type { NeighbourView } from '#node/host'

/** A moment as RFC 3339 in UTC. A clock that peers made up may lie outside of what a date can say. */
export function timeText(ms: number): string {
  const MAX_DATE_MS = 8_640_000_000_000_000
  return new Date(Math.min(Math.max(ms, 0), MAX_DATE_MS)).toISOString()
}

export function contactInfo({ person, petname, card, verified, state, alarms }: Contact): ContactInfo {
  const info = { person, ...(petname === undefined ? {} : { petname }), claimedName: card.name, verified, state }
  return alarms.length === 0 ? info : { ...info, alarms: alarmInfos(alarms) }
}

export function alarmInfos(alarms: Contact['alarms']): TrustAlarmInfo[] {
  return alarms.map(({ kind, device, atMs }) => ({ kind, ...(device === '' ? {} : { device }), at: timeText(atMs) }))
}

/** @param petnameOf the name given here to a person, if any */
export function messageInfo(message: MessageView, self: PersonId, petnameOf: (person: PersonId) => string | undefined): MessageInfo {
  const { id, person, direction, text, composedMs, parents, state, missing, mayCross } = message
  const from = direction === 'in' ? person : self
  const petname = direction === 'in' ? petnameOf(person) : undefined
  return {
    id,
    conversation: person,
    from,
    ...(petname === undefined ? {} : { fromPetname: petname }),
    direction,
    text,
    at: timeText(composedMs),
    parents: [...parents],
    ...(mayCross === false ? { bridge: false } : {}),
    ...(direction === 'out' ? { state } : {}),
    ...(missing > 0 ? { missing } : {}),
    ...richInfo(message, self, petnameOf),
  }
}

function richInfo(message: MessageView, self: PersonId, petnameOf: (person: PersonId) => string | undefined): Partial<MessageInfo> {
  const { isEdited, isDeleted, reactions, inReplyTo, thread, mentions, isOnce, lifetimeS, endMs, readMs } = message
  return {
    ...(isEdited ? { edited: true } : {}),
    ...(isDeleted ? { deleted: true } : {}),
    ...(isOnce ? { once: true } : {}),
    ...(lifetimeS === undefined ? {} : { ttlS: lifetimeS }),
    ...(endMs === undefined ? {} : { endsAt: timeText(endMs) }),
    ...(readMs === undefined ? {} : { readAt: timeText(readMs) }),
    ...(reactions.length === 0 ? {} : { reactions: reactions.map(({ by, emoji }) => ({ by, ...named(petnameOf(by)), emoji })) }),
    ...(inReplyTo === undefined ? {} : { inReplyTo }),
    ...(thread === undefined ? {} : { thread }),
    ...(mentions.length === 0
      ? {}
      : { mentions: mentions.map((person) => ({ person, ...named(petnameOf(person)), ...(person === self ? { you: true } : {}) })) }),
  }
}

function named(petname: string | undefined): { petname?: string } {
  return petname === undefined ? {} : { petname }
}

/** What is known of each peer about our port: its word, unless it is connected to us, which is more than a word. */
export function viewsOfUs(said: readonly AddressView[], connected: readonly NeighbourView[]): AddressView[] {
  const views = new Map(said.map((view) => [view.peer, view]))
  for (const { device, hasReachedUs } of connected) if (hasReachedUs) views.set(device, { peer: device, view: 'open' })
  return [...views.values()]
}

export function watchEvent(event: ConversationEvent, self: PersonId, petnameOf: (person: PersonId) => string | undefined): WatchEvent {
  switch (event.kind) {
    case 'message':
      return { event: 'message', ...messageInfo(event.message, self, petnameOf) }
    case 'change':
      return { event: 'changed', change: event.change, ...messageInfo(event.message, self, petnameOf) }
    case 'gone':
      return { event: 'gone', id: event.id, conversation: event.person }
    case 'typing':
      return { event: 'typing', conversation: event.person, ...named(petnameOf(event.person)), on: event.isOn }
    case 'lifetime':
      return { event: 'ttl', conversation: event.person, ...named(petnameOf(event.person)), by: event.by, ttlS: event.seconds }
    case 'state':
      return { event: 'state', id: event.id, conversation: event.person, state: event.state, by: event.by }
    case 'request':
      return { event: 'request', person: event.contact.person, claimedName: event.contact.card.name }
    case 'contact': {
      const { person, petname, verified } = event.contact
      return { event: 'contact', person, ...(petname === undefined ? {} : { petname }), verified }
    }
    case 'trust': {
      const { person, petname } = event.contact
      return { event: 'trust', person, ...(petname === undefined ? {} : { petname }), what: event.what }
    }
    case 'lost':
      return { event: 'lost', count: event.count }
  }
}
