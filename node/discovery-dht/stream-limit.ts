import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import type { Clock } from '#mesh/ports'
import { DHT_PROTOCOL } from './lan-dht.ts'

/** Requests that one peer may make at once, and regains each second: a lookup makes tens, a flood thousands. */
const BURST = 100
const PER_SECOND = 2
/** Peers remembered; the oldest is forgotten first. */
const MAX_PEERS = 256

/** Limits what each peer may ask and put: kad-dht opens a stream for each request. */
export function limitDht(libp2p: Pick<Libp2p, 'use'>, clock: Clock): void {
  const buckets = new Map<string, { tokens: number; at: number }>()
  libp2p.use(DHT_PROTOCOL, (stream: Stream, connection: Connection, next) => {
    if (stream.direction === 'outbound') return next(stream, connection)
    const peer = connection.remotePeer.toString()
    const now = clock.monotonic()
    const bucket = buckets.get(peer) ?? { tokens: BURST, at: now }
    const tokens = Math.min(BURST, bucket.tokens + ((now - bucket.at) / 1_000) * PER_SECOND)
    buckets.delete(peer)
    buckets.set(peer, { tokens: Math.max(0, tokens - 1), at: now })
    const oldest = buckets.keys().next()
    if (buckets.size > MAX_PEERS && oldest.done !== true) buckets.delete(oldest.value)
    if (tokens < 1) stream.abort(new Error('too many requests'))
    else next(stream, connection)
  })
}
