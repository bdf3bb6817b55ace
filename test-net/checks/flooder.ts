/**
 * One neighbour that sends valid envelopes of strangers to the inbox of its victim as fast as the link takes
 * them, for flood.ts. Comes back as somebody else when it is thrown out.
 *
 *   node flooder.ts HOST PORT DEVICE INBOX_KEY(base64url) POOL
 *
 * Signs POOL envelopes beforehand, prints {"ready":POOL}, floods from SIGUSR2 to SIGTERM, and says what it sent.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { multiaddr } from '@multiformats/multiaddr'
import { addressOfKey, signEnvelope } from '#mesh/envelope'
import { silentLog } from '#mesh/ports'
import { encodeFrame } from '#mesh/sync'
import { fastestCrypto, systemClock } from '#node/crypto'
import { Host } from '#node/host'
import { SYNC_PROTOCOL, streamLink } from '#node/protocols'
import { plainHello } from './garbage-frames.ts'

const [host = '', port = '', device = '', inboxKey = '', pool = '0'] = process.argv.slice(2)
/** Envelopes in one frame: as many as fit. */
const PER_FRAME = 120
/** Envelopes of one author: strangers have a small share each. */
const PER_AUTHOR = 50
const PAYLOAD_BYTES = 256
const BETWEEN_MS = 150
const crypto = await fastestCrypto()
const address = addressOfKey(Buffer.from(inboxKey, 'base64url'))
const stopping = new AbortController()
let sent = 0
let identities = 0
let author = new Uint8Array(randomBytes(32))
let ofAuthor = 0
process.once('SIGTERM', () => stopping.abort())
// Waiting for a signal does not keep a process alive.
const alive = setInterval(() => {}, 60_000)
const go = new Promise<void>((resolve) => process.once('SIGUSR2', () => resolve()))

const frames = Array.from({ length: Math.ceil(Number(pool) / PER_FRAME) }, () =>
  encodeFrame({ type: 'envelopes', envelopes: Array.from({ length: PER_FRAME }, () => ({ hops: 1, copies: 1, ageS: 0, bytes: stranger() })) }),
)
console.log(JSON.stringify({ ready: frames.length * PER_FRAME }))
await go
clearInterval(alive)
while (!stopping.signal.aborted) {
  await flood().catch(() => {}) // thrown out, or not let in: back as somebody else
  await pause(BETWEEN_MS)
}
process.stdout.write(`${JSON.stringify({ sent, identities })}\n`, () => process.exit(0))

function stranger(): Uint8Array {
  if (ofAuthor++ % PER_AUTHOR === 0) author = new Uint8Array(randomBytes(32))
  const payload = new Uint8Array(randomBytes(PAYLOAD_BYTES))
  const content = { priority: 'critical', kind: 'inbox', address, stamp: { ms: Date.now(), counter: 0 }, lifetimeS: 86_400, payload } as const
  return signEnvelope(crypto, author, content).bytes
}

/** One identity until it is thrown out. */
async function flood(): Promise<void> {
  const own = new Host(
    { deviceSeed: seedBelow(device), crypto, clock: systemClock, log: silentLog, isBlocked: () => false },
    { port: 0, listen: ['/ip4/127.0.0.1/tcp/0'] },
  )
  await own.start()
  try {
    const connection = await own.libp2p.dial(multiaddr(`/ip4/${host}/tcp/${port}/p2p/${device}`), { signal: AbortSignal.timeout(5_000) })
    const link = streamLink(await connection.newStream(SYNC_PROTOCOL, { signal: AbortSignal.timeout(5_000) }), connection)
    identities += 1
    await link.send(plainHello(Date.now()))
    for (let i = 0; !stopping.signal.aborted; i++) {
      const frame = frames[i % frames.length]
      if (frame === undefined) return
      await link.send(frame)
      sent += PER_FRAME
    }
  } finally {
    await own.stop()
  }
}

/** A seed whose device may open the link: the smaller id does. */
function seedBelow(other: string): Uint8Array {
  for (;;) {
    const candidate = new Uint8Array(randomBytes(32))
    const probe = new Host({ deviceSeed: candidate, crypto, clock: systemClock, log: silentLog, isBlocked: () => false }, { port: 0 })
    if (probe.device < other) return candidate
  }
}
