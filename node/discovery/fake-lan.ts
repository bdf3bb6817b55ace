/**
 * Machines, interfaces and wires in memory, for tests of discovery. It copies one habit of Linux on
 * purpose: a multicast that arrives on any IPv4 interface reaches every socket of the group on that
 * machine, and only an IPv6 link-local source says on which interface it came.
 */
import type { Interfaces, NetworkInterface, SocketEvents, SocketFactory, SocketRequest } from './ports.ts'

interface OpenSocket {
  readonly machine: FakeMachine
  readonly request: SocketRequest
  readonly events: SocketEvents
  readonly port: number
}

/** A sent datagram as the wire saw it. */
export interface FakeDatagram {
  readonly from: string
  readonly to: string
  readonly port: number
  readonly bytes: Uint8Array
}

/** What connects interfaces: all that were given the same wire name hear each other. */
export class FakeLan {
  readonly sent: FakeDatagram[] = []
  /** Decides what arrives; everything unless a test says otherwise. */
  passes: (datagram: FakeDatagram) => boolean = () => true
  readonly sockets = new Set<OpenSocket>()
  #nextPort = 40_000

  machine(...interfaces: FakeInterface[]): FakeMachine {
    return new FakeMachine(this, interfaces)
  }

  takePort(): number {
    this.#nextPort += 1
    return this.#nextPort
  }

  deliver(from: OpenSocket, bytes: Uint8Array, to: string, port: number): void {
    const wire = from.machine.wireOf(from.request.interfaceName)
    const datagram = { from: from.request.ownAddress, to, port, bytes }
    this.sent.push(datagram)
    if (!this.passes(datagram)) return
    for (const socket of this.sockets) {
      const arrival = socket.machine.interfaceOn(wire)
      if (arrival === undefined || socket.port !== port) continue
      const { group, ownAddress, interfaceName } = socket.request
      if (group === undefined ? ownAddress !== to || interfaceName !== arrival : group !== to) continue
      if (group === 'ff02::fb' && interfaceName !== arrival) continue
      const source = { address: from.request.ownAddress, port: from.port, ...(from.request.ownAddress.startsWith('fe80') ? { zone: arrival } : {}) }
      queueMicrotask(() => socket.events.onDatagram(bytes, source))
    }
  }
}

/** An interface and the wire it is on. */
export interface FakeInterface extends NetworkInterface {
  readonly wire: string
}

/** One machine on a {@link FakeLan}. */
export class FakeMachine implements Interfaces, SocketFactory {
  readonly #lan: FakeLan
  interfaces: FakeInterface[]
  /** A code makes every opening of a socket fail with it. */
  openError: (request: SocketRequest) => string | undefined = () => undefined
  /** A code makes every sending fail with it. */
  sendError: (to: string) => string | undefined = () => undefined

  constructor(lan: FakeLan, interfaces: FakeInterface[]) {
    this.#lan = lan
    this.interfaces = interfaces
  }

  list(): NetworkInterface[] {
    return this.interfaces
  }

  async open(
    request: SocketRequest,
    events: SocketEvents,
  ): Promise<{ port: number; send(bytes: Uint8Array, address: string, port: number): Promise<void>; close(): void }> {
    fail(this.openError(request))
    const socket: OpenSocket = { machine: this, request, events, port: request.port === 0 ? this.#lan.takePort() : request.port }
    this.#lan.sockets.add(socket)
    return {
      port: socket.port,
      send: async (bytes, address, port) => {
        fail(this.sendError(address))
        this.#lan.deliver(socket, bytes, address, port)
      },
      close: () => void this.#lan.sockets.delete(socket),
    }
  }

  wireOf(name: string): string | undefined {
    return this.interfaces.find((one) => one.name === name)?.wire
  }

  interfaceOn(wire: string | undefined): string | undefined {
    return this.interfaces.find((one) => one.wire === wire)?.name
  }
}

function fail(code: string | undefined): void {
  if (code !== undefined) throw Object.assign(new Error(`the system says ${code}`), { code })
}

/** An Ethernet interface that is up; addresses as `169.254.1.1/16`. */
export function ethernet(name: string, wire: string, ...addresses: string[]): FakeInterface {
  return {
    name,
    wire,
    up: true,
    carrier: true,
    multicast: true,
    loopback: false,
    addresses: addresses.map((text) => {
      const [address = '', bits] = text.split('/')
      return { address, family: address.includes(':') ? 6 : 4, prefixLength: Number(bits) }
    }),
  }
}
