import assert from 'node:assert/strict'
import { originOf } from './crowding.ts'

const isSame = (a: string, b: string): boolean => originOf(a) === originOf(b)

describe('the origin of a connection', () => {
  it('is one IPv4 address, whatever the port, the transport and the notation', () => {
    assert.ok(isSame('/ip4/192.0.2.1/tcp/1', '/ip4/192.0.2.1/udp/2/quic-v1'))
    assert.ok(isSame('/ip4/192.0.2.1/tcp/1', '/ip6/::ffff:192.0.2.1/tcp/1'))
    assert.ok(!isSame('/ip4/192.0.2.1/tcp/1', '/ip4/192.0.2.2/tcp/1'))
    assert.ok(!isSame('/ip6/::ffff:192.0.2.1/tcp/1', '/ip6/::ffff:192.0.2.2/tcp/1'))
  })

  it('is a whole /64 of global IPv6, where one customer has all addresses', () => {
    assert.ok(isSame('/ip6/2001:db8:1:2::1/tcp/1', '/ip6/2001:db8:1:2:ffff:ffff:ffff:ffff/tcp/9'))
    assert.ok(isSame('/ip6/2001:db8:1:2::1/tcp/1', '/ip6/2001:0db8:0001:0002:0:0:0:2/udp/9/quic-v1'))
    assert.ok(!isSame('/ip6/2001:db8:1:2::1/tcp/1', '/ip6/2001:db8:1:3::1/tcp/1'))
  })

  it('is each link-local address by itself, and on each link another one, since neighbours share the prefix', () => {
    assert.ok(!isSame('/ip6/fe80::1/tcp/1', '/ip6/fe80::2/tcp/1'))
    assert.ok(!isSame('/ip6zone/eth0/ip6/fe80::1/tcp/1', '/ip6zone/eth0/ip6/fe80::2/tcp/1'))
    assert.ok(!isSame('/ip6zone/eth0/ip6/fe80::1/tcp/1', '/ip6zone/eth1/ip6/fe80::1/tcp/1'))
    assert.ok(isSame('/ip6zone/eth0/ip6/fe80::1/tcp/1', '/ip6zone/eth0/ip6/fe80:0::1/tcp/2'))
  })

  it('is each unique local address and loopback by itself, as on a LAN without a provider', () => {
    assert.ok(!isSame('/ip6/fd00:1::1/tcp/1', '/ip6/fd00:1::2/tcp/1'))
    assert.ok(!isSame('/ip6/::1/tcp/1', '/ip6/::2/tcp/1'))
  })

  it('is told also of what has no IP address', () => {
    assert.ok(!isSame('/dns4/a.example/tcp/1', '/dns4/b.example/tcp/1'))
  })
})
