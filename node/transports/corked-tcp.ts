/**
 * TCP that puts into one segment what is written in one go.
 *
 * libp2p's TCP writes every piece of a message to the socket by itself, and Noise gives each of its frames in two: two
 * bytes of length, and the rest. Without Nagle's algorithm, which would delay, each piece is a segment of its own with 86
 * bytes around it, and a system call. Here the socket is corked until the end of the turn.
 */
import { Socket } from 'node:net'
import type { MultiaddrConnection, Transport, Upgrader } from '@libp2p/interface'

/** Puts itself around a TCP transport. */
export function corkedTcp<Components>(make: (components: Components) => Transport): (components: Components) => Transport {
  return (components) => {
    const transport = make(components)
    const dial = transport.dial.bind(transport)
    const createListener = transport.createListener.bind(transport)
    transport.dial = (address, options) => dial(address, { ...options, upgrader: corking(options.upgrader) })
    transport.createListener = (options) => createListener({ ...options, upgrader: corking(options.upgrader) })
    return transport
  }
}

function corking(upgrader: Upgrader): Upgrader {
  return {
    upgradeOutbound: (connection, options) => upgrader.upgradeOutbound(corked(connection), options),
    upgradeInbound: (connection, options) => upgrader.upgradeInbound(corked(connection), options),
    createInboundAbortSignal: (signal) => upgrader.createInboundAbortSignal(signal),
    getConnectionEncrypters: () => upgrader.getConnectionEncrypters(),
    getStreamMuxers: () => upgrader.getStreamMuxers(),
  }
}

/** As libp2p's TCP makes it: how it sends is no part of the interface. Should that change one day, a spec fails. */
interface SocketConnection {
  readonly socket: Socket
  sendData(data: unknown): unknown
}

function corked(connection: MultiaddrConnection): MultiaddrConnection {
  if (!isOfSocket(connection)) return connection
  const { socket } = connection
  const sendData = connection.sendData.bind(connection)
  let isCorked = false
  connection.sendData = (data) => {
    if (!isCorked) {
      isCorked = true
      socket.cork()
      process.nextTick(() => {
        isCorked = false
        socket.uncork()
      })
    }
    return sendData(data)
  }
  return connection
}

function isOfSocket(connection: MultiaddrConnection): connection is MultiaddrConnection & SocketConnection {
  return 'socket' in connection && connection.socket instanceof Socket && 'sendData' in connection && typeof connection.sendData === 'function'
}
