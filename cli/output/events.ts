import type { MessageInfo, TrustAlarmInfo, WatchEvent } from '#node/control'
import { plainLines, type Sink, type Span } from './sink.ts'

/** The end of a long id, enough for people to tell a few apart. */
export function shortId(id: string): string {
  return id.length <= 12 ? id : `…${id.slice(-8)}`
}

/** What people call somebody: the petname they gave, else the end of the id. */
export function callName(who: { petname?: string | undefined; person?: string | undefined; device?: string }): string {
  return who.petname ?? (who.person === undefined ? `device ${shortId(who.device ?? '')}` : shortId(who.person))
}

/** Local time of day, with the date when it was not today. */
export function clockTime(at: string, now: Date = new Date()): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return '--:--'
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`
  return date.toDateString() === now.toDateString() ? time : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

/** A duration for people: 42 s, 5 min, 3 h, 2 days. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`
}

/** Bytes for people, in powers of ten as disks are sold. */
export function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`
  return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`
}

/** One message; its further lines are indented, so that a text cannot pass for somebody else's line. */
export function messageLines(message: MessageInfo): Span[][] {
  const own = message.direction === 'out'
  const who = own ? 'you' : (message.fromPetname ?? shortId(message.from))
  const state: Span[] = message.state === undefined ? [] : ['  ', { style: message.state === 'expired' ? 'bad' : 'dim', text: `(${message.state})` }]
  const lines: Span[][] = []
  if (message.missing !== undefined && message.missing > 0) {
    lines.push([{ style: 'dim', text: `      ${message.missing} earlier ${message.missing === 1 ? 'message is' : 'messages are'} still on the way` }])
  }
  const [first = '', ...more] = plainLines(message.text)
  lines.push([
    { style: 'dim', text: `${clockTime(message.at)} ` },
    { style: own ? 'bold' : 'name', text: `${who}: ` },
    first,
    ...(more.length === 0 ? state : []),
  ])
  more.forEach((text, i) => {
    lines.push([{ style: 'dim', text: '      | ' }, text, ...(i === more.length - 1 ? state : [])])
  })
  return lines
}

/** What a live event looks like. `accept` is how a request is accepted where this is read. */
export function eventLines(event: WatchEvent, accept = 'qpq contact add'): Span[][] {
  switch (event.event) {
    case 'message':
      return messageLines(event)
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

/** An address without the device, which is named beside it. */
export function placeOf(address: string): string {
  return address.replace(/\/p2p\/[^/]+$/, '')
}

/** Prints lines that other functions made. */
export function printLines(sink: Sink, lines: readonly Span[][]): void {
  for (const line of lines) sink.line(...line)
}
