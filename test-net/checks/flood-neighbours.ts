/**
 * Some honest neighbours in one process, for flood.ts: each a person with a card and conversations of its own,
 * a libp2p host, and a session that sends what it writes and wants nothing.
 *
 *   node flood-neighbours.ts HOST PORT DEVICE CARD COUNT NAME
 *
 * Prints {"cards":[…]}, waits for SIGUSR2 (the victim knows the cards), then each writes a message a second
 * until SIGTERM: its text is its number, its neighbour, and when it was written (ms). Prints what it wrote at the end.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { multiaddr } from '@multiformats/multiaddr'
import { deviceIdOf } from '#mesh/ids'
import { type Link, silentLog } from '#mesh/ports'
import { decodeFrame, encodeFrame } from '#mesh/sync'
import { fastestCrypto, systemClock } from '#node/crypto'
import { Host } from '#node/host'
import { SYNC_PROTOCOL, streamLink } from '#node/protocols'
import type { FakeClock } from '../../mesh/testing/fake-clock.ts'
import { type MeshPerson, meshPerson } from '../../mesh/testing/mesh-people.ts'
import { plainHello } from './garbage-frames.ts'

const [host = '', port = '', device = '', card = '', count = '0', name = 'n'] = process.argv.slice(2)
/** The victim lets one address make a few connections a second. */
const BETWEEN_MS = 250
const EVERY_MS = 1_000
const crypto = await fastestCrypto()
/** Real time; nobody here moves it. */
const clock = Object.assign(Object.create(systemClock), systemClock) as FakeClock
const stopping = new AbortController()
let written = 0
process.once('SIGTERM', () => stopping.abort())
// Waiting for a signal does not keep a process alive.
const alive = setInterval(() => {}, 60_000)
const go = new Promise<void>((resolve) => process.once('SIGUSR2', () => resolve()))

const people: MeshPerson[] = []
for (let tried = 0; people.length < Number(count); tried++) {
  const candidate = `${name}${tried}`
  if (deviceOf(candidate) < device) people.push(await meshPerson(candidate, { clock, crypto }))
}
console.log(JSON.stringify({ cards: people.map(({ uri }) => uri) }))
await go
clearInterval(alive)
const links: Link[] = []
for (const person of people) {
  links.push(await connect(person))
  await pause(BETWEEN_MS)
}
console.log(JSON.stringify({ connected: links.length }))
await Promise.all(people.map((person, i) => talk(person, links[i], i)))
process.stdout.write(`${JSON.stringify({ written })}\n`, () => process.exit(0))

/** The device that `meshPerson` makes of a name; the smaller id opens the link. */
function deviceOf(candidate: string): string {
  const seed = new Uint8Array(32).map((_, i) => (i === 0 ? 1 : candidate.charCodeAt(i % candidate.length)))
  return deviceIdOf(crypto.ed25519PublicKey(seed))
}

async function connect(person: MeshPerson): Promise<Link> {
  const own = new Host(
    { deviceSeed: person.deviceSeed, crypto, clock: systemClock, log: silentLog, isBlocked: () => false },
    { port: 0, listen: ['/ip4/127.0.0.1/tcp/0'] },
  )
  await own.start()
  const connection = await own.libp2p.dial(multiaddr(`/ip4/${host}/tcp/${port}/p2p/${device}`), { signal: AbortSignal.timeout(10_000) })
  const link = streamLink(await connection.newStream(SYNC_PROTOCOL, { signal: AbortSignal.timeout(10_000) }), connection)
  await link.send(plainHello(Date.now()))
  void answer(link)
  return link
}

/** Wants nothing of what is offered: a neighbour that has it already. */
async function answer(link: Link): Promise<void> {
  try {
    for await (const bytes of link.frames()) if (decodeFrame(bytes).type === 'offer') await link.send(encodeFrame({ type: 'want', ids: [] }))
  } catch (error) {
    if (!stopping.signal.aborted) console.log(JSON.stringify({ lost: String(error) }))
  }
}

async function talk({ conversations, contacts, store }: MeshPerson, link: Link | undefined, number: number): Promise<void> {
  const to = await conversations.addContact(card, undefined)
  await pause((EVERY_MS * number) / people.length)
  for (let i = 0; !stopping.signal.aborted; i++) {
    const dueMs = performance.now() + EVERY_MS
    const { id } = await conversations.send(contacts.find(to.person), `${i} ${name}${number} ${Date.now()}`)
    const bytes = await store.bytes(id)
    if (bytes !== undefined && link !== undefined) {
      try {
        await link.send(encodeFrame({ type: 'envelopes', envelopes: [{ hops: 1, copies: 1, ageS: 0, bytes }] }))
      } catch {
        // The link is gone: what it would have carried counts as written and not delivered.
      }
    }
    written += 1
    await pause(Math.max(0, dueMs - performance.now()))
  }
}
