import assert from 'node:assert/strict'
import { deviceIdOf } from '#mesh/ids'
import { ethernet } from './fake-lan.ts'
import { announcedOn, believedOn, MAX_ADDRESSES_PER_PEER } from './multiaddrs.ts'

const device = deviceIdOf(new Uint8Array(32).fill(7))
const eth0 = ethernet('eth0', 'w', '192.168.1.5/24', 'fe80::5/64', '2001:db8::5/64')

describe('multiaddrs that are announced', () => {
  it('are those of the interface, for every port the host listens on', () => {
    const said = announcedOn(eth0, ['/ip4/0.0.0.0/tcp/7717', '/ip4/0.0.0.0/udp/7717/quic-v1', '/ip6/::/tcp/7717'], device)
    assert.deepEqual(said, [
      `/ip4/192.168.1.5/tcp/7717/p2p/${device}`,
      `/ip4/192.168.1.5/udp/7717/quic-v1/p2p/${device}`,
      `/ip6/fe80::5/tcp/7717/p2p/${device}`,
      `/ip6/2001:db8::5/tcp/7717/p2p/${device}`,
    ])
  })

  it('never tell one network the addresses of another, nor a loopback address, nor a zone', () => {
    const listen = ['/ip4/10.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/7717', '/ip6zone/eth0/ip6/fe80::5/tcp/7', '/ip6/::1/tcp/7717']
    assert.deepEqual(announcedOn(eth0, listen, device), [`/ip6/fe80::5/tcp/7/p2p/${device}`])
  })

  it('leave out a port that is not open yet, and names', () => {
    assert.deepEqual(announcedOn(eth0, ['/ip4/0.0.0.0/tcp/0', '/dns4/example.org/tcp/1', '/unix/a', ''], device), [])
  })

  it('leave out QUIC on IPv6 link-local, which cannot be dialled, and do not believe it', () => {
    assert.deepEqual(announcedOn(ethernet('eth0', 'w', 'fe80::5/64'), ['/ip6/::/udp/7717/quic-v1'], device), [])
    assert.equal(believedOn(eth0, `/ip6/fe80::9/udp/7717/quic-v1/p2p/${device}`, false), undefined)
    assert.ok(believedOn(eth0, `/ip6/fd00::9/udp/7717/quic-v1/p2p/${device}`, false))
  })

  it('stay within their number', () => {
    const many = ethernet('eth0', 'w', ...Array.from({ length: 40 }, (_, i) => `10.0.0.${i + 1}/24`))
    assert.equal(announcedOn(many, ['/ip4/0.0.0.0/tcp/7717'], device).length, MAX_ADDRESSES_PER_PEER)
  })
})

describe('multiaddrs that are believed', () => {
  const believe = (address: string): string | undefined => believedOn(eth0, `${address}/p2p/${device}`, false)?.multiaddr

  it('get the zone of the interface they were heard on when they are IPv6 link-local', () => {
    assert.equal(believe('/ip6/fe80::9/tcp/7717'), `/ip6zone/eth0/ip6/fe80::9/tcp/7717/p2p/${device}`)
    assert.equal(believe('/ip6zone/wlan7/ip6/fe80::9/tcp/7717'), `/ip6zone/eth0/ip6/fe80::9/tcp/7717/p2p/${device}`)
  })

  it('are link-local, private or on this link', () => {
    for (const good of ['/ip4/169.254.9.9/tcp/1', '/ip4/10.9.9.9/tcp/65535', '/ip6/fd00::1/tcp/2', '/ip6/2001:db8::77/tcp/3']) assert.ok(believe(good), good)
    for (const bad of ['/ip4/8.8.8.8/tcp/53', '/ip6/2001:db8:1::1/tcp/1', '/ip4/127.0.0.1/tcp/1', '/ip4/224.0.0.251/tcp/1', '/ip6/::ffff:7f00:1/tcp/1']) {
      assert.equal(believe(bad), undefined, bad)
    }
  })

  it('are plain TCP or QUIC on a literal address with a port', () => {
    for (const bad of [
      '/dns4/evil.example/tcp/1',
      '/ip4/10.0.0.1/tcp/0',
      '/ip4/10.0.0.1/tcp/65536',
      '/ip4/10.0.0.1/tcp/1/ws',
      '/ip4/10.0.0.1',
      '/ip6/10.0.0.1/tcp/1',
      '/ip4/10.0.0.1/tcp/1/p2p/QmX/p2p-circuit',
      '/ip6zone/a/b/ip6/fe80::1/tcp/1',
    ]) {
      assert.equal(believe(bad), undefined, bad)
    }
    assert.equal(believedOn(eth0, '/ip4/10.0.0.1/tcp/1/p2p/QmNPubsDWATVngE3d5WDSNe7eVrFLuk38qb9t6vdLnu2aK', false), undefined)
    assert.equal(believedOn(eth0, `/ip4/10.0.0.1/tcp/1/p2p/${device}${' '.repeat(300)}`, false), undefined)
  })

  it('are loopback only when a test wants that', () => {
    assert.ok(believedOn(eth0, `/ip4/127.0.0.1/tcp/1/p2p/${device}`, true))
  })
})
