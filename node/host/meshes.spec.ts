import assert from 'node:assert/strict'
import { isMeshError } from '#mesh/errors'
import { deviceIdOf } from '#mesh/ids'
import type { Interfaces } from '#node/discovery'
import { Meshes } from './meshes.ts'

const [friend, stranger] = [deviceIdOf(new Uint8Array(32).fill(1)), deviceIdOf(new Uint8Array(32).fill(2))]
const iface = (name: string, ...cidrs: string[]) => ({
  name,
  addresses: cidrs.map((cidr) => {
    const [address = '', length] = cidr.split('/')
    return { address, family: address.includes(':') ? (6 as const) : (4 as const), prefixLength: Number(length) }
  }),
  up: true,
  carrier: true,
  multicast: true,
  loopback: false,
})
const system = (...interfaces: ReturnType<typeof iface>[]): Interfaces => ({ list: () => interfaces })

describe('Meshes', () => {
  const attic = system(iface('eth0', '192.168.1.4/24', 'fe80::4/64'), iface('wlan0', '10.31.0.4/16', 'fe80::5/64'), iface('tun0', '10.31.8.4/24'))
  const meshes = new Meshes({ home: ['eth0'], street: ['wlan0', '10.99.0.0/16'], overlay: ['200::/7', '10.99.7.0/24', friend] }, attic)
  const of = (remote: string): string => meshes.of(remote, stranger)

  it('tell by the interface that an address is on', () => {
    assert.equal(of('/ip4/192.168.1.9/tcp/7717'), 'home')
    assert.equal(of('/ip4/10.31.200.9/udp/7717/quic-v1'), 'street')
    assert.equal(of('/ip6/::ffff:192.168.1.9/tcp/7717'), 'home')
    assert.equal(of('/ip4/172.16.0.1/tcp/7717'), '', 'behind a router')
  })

  it('tell a link-local address by its zone, and not at all without', () => {
    assert.equal(of('/ip6zone/wlan0/ip6/fe80::9/tcp/7717'), 'street')
    assert.equal(of('/ip6zone/usb0/ip6/fe80::9/tcp/7717'), '')
    assert.equal(of('/ip6/fe80::9/tcp/7717'), '')
  })

  it('leave what could be in two meshes in the one without a name', () => {
    assert.equal(of('/ip4/10.31.8.9/tcp/7717'), '', 'on wlan0 and on tun0')
    assert.equal(new Meshes({ home: ['eth0'] }, system(iface('eth0', '10.0.0.1/8'), iface('eth1', '10.0.0.2/8'))).of('/ip4/10.0.0.9/tcp/1', stranger), '')
  })

  it('take the smaller network before the larger one, and a device before all', () => {
    assert.equal(of('/ip4/10.99.1.1/tcp/7717'), 'street')
    assert.equal(of('/ip4/10.99.7.1/tcp/7717'), 'overlay')
    assert.equal(of('/ip6/201:1::2/tcp/7717'), 'overlay')
    assert.equal(meshes.of('/ip4/192.168.1.9/tcp/7717', friend), 'overlay')
  })

  it('are one without a word', () => assert.equal(new Meshes({}, attic).of('/ip4/192.168.1.9/tcp/7717', friend), ''))

  it('refuse what is nothing, and what stands twice', () => {
    for (const config of [
      { home: ['10.0.0.0/33'] },
      { home: ['10.0.0.0/8/8'] },
      { home: ['10.0.0.0/'] },
      { home: ['two words'] },
      { home: ['eth0'], street: ['eth0'] },
    ]) {
      assert.throws(
        () => new Meshes(config, attic),
        (error) => isMeshError(error, 'NODE_CONFIG_INVALID'),
        JSON.stringify(config),
      )
    }
  })
})
