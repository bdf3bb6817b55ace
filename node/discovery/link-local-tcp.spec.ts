import assert from 'node:assert/strict'
import { Server, Socket } from 'node:net'
import type { Logger } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { hostWithZone, linkLocalTcp, zoneOfSocket } from './link-local-tcp.ts'

const silent = Object.assign(() => undefined, { error: () => undefined, trace: () => undefined, enabled: false })
const logger: Logger = Object.assign(silent, { newScope: () => logger })

describe('TCP to link-local addresses', () => {
  it('dials with the zone that the multiaddr names', () => {
    assert.equal(hostWithZone(multiaddr('/ip6zone/wlan0/ip6/fe80::1/tcp/7717')), 'fe80::1%wlan0')
    assert.equal(hostWithZone(multiaddr('/ip6/fd00::1/tcp/7717')), undefined)
    assert.equal(hostWithZone(multiaddr('/ip4/10.0.0.1/tcp/7717')), undefined)
  })

  it('shows the listener an accepted socket without a zone', () => {
    const transport = linkLocalTcp()({ logger: { forComponent: () => logger } })
    const listener = transport.createListener({ upgrader: { upgradeInbound: async () => undefined } as never })
    assert.ok('server' in listener && listener.server instanceof Server)
    const [first] = listener.server.listeners('connection')
    const socket = new Socket()
    Object.defineProperty(socket, 'remoteAddress', { value: 'fe80::1%eth0', configurable: true })
    Object.defineProperty(socket, 'remotePort', { value: 7717 })
    first?.call(listener.server, socket)
    assert.equal(socket.remoteAddress, 'fe80::1')
    assert.equal(zoneOfSocket('fe80::1', 7717), 'eth0')
    assert.equal(zoneOfSocket('fe80::1', 7718), undefined)
    const twin = new Socket()
    Object.defineProperty(twin, 'remoteAddress', { value: 'fe80::1%wlan0', configurable: true })
    Object.defineProperty(twin, 'remotePort', { value: 7717 })
    first?.call(listener.server, twin)
    assert.equal(zoneOfSocket('fe80::1', 7717), undefined, 'on two interfaces at once')
    twin.emit('close')
    assert.equal(zoneOfSocket('fe80::1', 7717), 'eth0')
    socket.emit('close')
    assert.equal(zoneOfSocket('fe80::1', 7717), undefined)
  })
})
