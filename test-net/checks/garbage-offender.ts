/**
 * One machine full of offenders, for garbage.ts: each identity makes a proper connection, says HELLO, sends
 * garbage until it is thrown out, and comes back as somebody else.
 *
 *   node garbage-offender.ts HOST PORT DEVICE FRAMES FRAMES_EACH SEED
 */
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { silentLog } from '#mesh/ports'
import { nodeCrypto, systemClock } from '#node/crypto'
import { Host } from '#node/host'
import { frameWithLength, SYNC_PROTOCOL } from '#node/protocols'
import { garbageFrames, plainHello } from './garbage-frames.ts'

const [host = '', port = '', device = '', frames = '0', each = '0', seed = '0'] = process.argv.slice(2)
/** The victim lets one address make a few connections a second; offenders wait for their turn. */
const BETWEEN_MS = 150
const THROWN_OUT_MS = 5_000
const crypto = nodeCrypto()
let sent = 0
let thrownOut = 0
let identities = 0

while (sent < Number(frames)) {
  const ended = await attack(identities)
  if (ended === undefined) {
    await pause(BETWEEN_MS)
    continue
  }
  identities += 1
  if (ended) thrownOut += 1
  if (identities % 10 === 0) await noise()
  await pause(BETWEEN_MS)
}
process.stdout.write(`${JSON.stringify({ sent, thrownOut, identities })}\n`, () => process.exit(0))

/** One identity; says whether it was thrown out, or `undefined` when it did not get in. */
async function attack(number: number): Promise<boolean | undefined> {
  const offender = new Host(
    { deviceSeed: seedBelow(device), crypto, clock: systemClock, log: silentLog, isBlocked: () => false },
    { port: 0, listen: ['/ip4/127.0.0.1/tcp/0'] },
  )
  await offender.start()
  try {
    const connection = await offender.libp2p.dial(multiaddr(`/ip4/${host}/tcp/${port}/p2p/${device}`), { signal: AbortSignal.timeout(5_000) })
    const stream = await connection.newStream(SYNC_PROTOCOL, { signal: AbortSignal.timeout(5_000) })
    const gone = new Promise<boolean>((resolve) => {
      stream.addEventListener('close', () => resolve(true), { once: true })
      setTimeout(() => resolve(false), THROWN_OUT_MS)
    })
    await send(stream, frameWithLength(plainHello(Date.now())))
    // Every tenth only claims: four gigabytes follow.
    if (number % 10 === 9) await send(stream, Uint8Array.of(0xff, 0xff, 0xff, 0xff))
    for (const frame of garbageFrames(Number(seed) * 1_000_003 + number, Number(each))) {
      sent += 1
      if (frame.length > 0 && frame.length <= 65_536) await send(stream, frameWithLength(frame))
    }
    return await gone
  } catch {
    return undefined // refused: too many at once, or thrown out in the middle of a handshake
  } finally {
    await offender.stop()
  }
}

/** Writes until the stream is gone. */
async function send(stream: Stream, bytes: Uint8Array): Promise<void> {
  if (stream.writeStatus !== 'writable') return
  if (!stream.send(bytes)) await Promise.race([stream.onDrain({ signal: AbortSignal.timeout(2_000) }).catch(() => {}), pause(2_000)])
}

/** A seed whose device may open the link: the smaller id does. */
function seedBelow(other: string): Uint8Array {
  for (;;) {
    const candidate = new Uint8Array(randomBytes(32))
    const probe = new Host({ deviceSeed: candidate, crypto, clock: systemClock, log: silentLog, isBlocked: () => false }, { port: 0 })
    if (probe.device < other) return candidate
  }
}

/** Bytes of no protocol on the bare port. */
async function noise(): Promise<void> {
  await new Promise<void>((resolve) => {
    const socket = connect({ host, port: Number(port) }, () => {
      socket.write(Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff]), randomBytes(65_536)]))
    })
    socket.setTimeout(1_000, () => socket.destroy())
    socket.once('error', () => socket.destroy())
    socket.once('close', () => resolve())
  })
}
