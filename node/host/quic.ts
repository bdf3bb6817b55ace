import type { QuicComponents } from '@chainsafe/libp2p-quic'
import type { Transport } from '@libp2p/interface'
import { pacedQuic } from '#node/transports'

/** Makes the QUIC transport. */
export type QuicTransport = () => (components: QuicComponents) => Transport

/** The QUIC transport, or in a sentence why there is none: its binary does not exist for every machine, and TCP always works. */
export async function loadQuic(): Promise<QuicTransport | string> {
  try {
    const { quic } = await import('@chainsafe/libp2p-quic')
    return () => pacedQuic(quic)
  } catch (error) {
    return `off: its binary does not load here (${error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'unknown'})`
  }
}
