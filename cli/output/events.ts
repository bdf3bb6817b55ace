import type { TrustAlarmInfo, WatchEvent } from '#node/control'
import { changeLines, type Looks, messageLines } from './message-lines.ts'
import { callName, clockTime, duration, shortId } from './names.ts'
import type { Sink, Span } from './sink.ts'

/** Bytes for people, in powers of ten as disks are sold. */
export function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`
  return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`
}

/** What a live event looks like. `accept` is how a request is accepted where this is read. */
export function eventLines(event: WatchEvent, accept = 'qpq contact add', looks: Looks = {}): Span[][] {
  switch (event.event) {
    case 'message':
      return messageLines(event, looks)
    case 'changed':
      return changeLines(event, looks)
    case 'gone':
      return [] // what has gone leaves no trace on the screen either
    case 'typing':
      return event.on ? [[{ style: 'dim', text: `      ${callName({ petname: event.petname, person: event.conversation })} is typing` }]] : []
    case 'ttl':
      return [[{ style: 'dim', text: `      ${callName({ petname: event.petname, person: event.conversation })}: ${lastingOf(event.ttlS)}` }]]
    case 'state':
      return [[{ style: event.state === 'expired' ? 'bad' : 'dim', text: `      message ${shortId(event.id)} is ${event.state}` }]]
    case 'request':
      return [
        [{ style: 'bold', text: '      somebody new writes' }, `, calling itself "${event.claimedName}" (anybody can claim any name)`],
        [{ style: 'dim', text: `      accept with: ${accept} ${event.person} NAME` }],
      ]
    case 'contact':
      return [[{ style: 'dim', text: `      contact ${callName(event)}${event.verified ? ', verified' : ''}` }]]
    case 'peer':
      return [
        [
          { style: event.up ? 'good' : 'dim', text: `      ${callName(event)} ${event.up ? 'is here' : 'is gone'}` },
          { style: 'dim', text: event.address === '' ? '' : ` (${placeOf(event.address)})` },
        ],
      ]
    case 'trust':
      return trustLines(event)
    case 'lost':
      return [[{ style: 'bad', text: `      ${event.count} events were not shown because this reader was too slow; the log has them` }]]
  }
}

/** A comparison that goes on, or something that changed about a verified person. */
function trustLines(event: WatchEvent & { event: 'trust' }): Span[][] {
  const name = callName(event)
  switch (event.what) {
    case 'asked':
      return [[{ style: 'bold', text: `      ${name} wants to compare pictures with you` }, `; agree with: qpq contact verify ${name} --emoji`]]
    case 'ready':
      return [[{ style: 'bold', text: `      the pictures of ${name} are here` }, `; see them with: qpq contact verify ${name} --emoji`]]
    case 'cancelled':
      return [[{ style: 'bad', text: `      ${name} has ended the comparison of pictures` }]]
    case 'forged':
      return [[{ style: 'bad', text: `      the comparison with ${name} was tampered with: somebody may sit between you` }]]
    default:
      return [[{ style: 'bad', text: `      ALARM: ${alarmSentence(event.what, name)}` }]]
  }
}

/** What an alarm means, for people. */
export function alarmSentence(kind: TrustAlarmInfo['kind'], name: string): string {
  if (kind === 'new-device') return `${name}, whom you verified, writes from a device that is new here`
  if (kind === 'revoked-device') return `${name}, whom you verified, has revoked a device`
  return `${name}, whom you verified, has other keys for messages`
}

/** Alarms of a person as lines, with what to do about them. */
export function alarmLines(alarms: readonly TrustAlarmInfo[], name: string): Span[][] {
  if (alarms.length === 0) return []
  const lines: Span[][] = alarms.map(({ kind, device, at }) => [
    { style: 'bad', text: `  ALARM ${clockTime(at)}: ${alarmSentence(kind, name)}${device === undefined ? '' : ` (${shortId(device)})`}` },
  ])
  return [...lines, [{ style: 'dim', text: `  ask ${name}, then: qpq contact verify ${name} --acknowledge, or verify anew` }]]
}

/** How long messages last, in words. */
export function lastingOf(ttlS: number): string {
  return ttlS === 0 ? 'messages no longer disappear' : `messages disappear ${duration(ttlS)} after they were read`
}

/** An address without the device, which is named beside it. */
export function placeOf(address: string): string {
  return address.replace(/\/p2p\/[^/]+$/, '')
}

/** Prints lines that other functions made. */
export function printLines(sink: Sink, lines: readonly Span[][]): void {
  for (const line of lines) sink.line(...line)
}
