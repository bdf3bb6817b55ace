import assert from 'node:assert/strict'
import { multiaddr } from '@multiformats/multiaddr'
import { listeningAt } from './listening-at.ts'

const PEER = '/p2p/12D3KooWKqR7bHefkhxgHsS4rcoXEUuXpSiAgj3b6Z9yQFD5YK54'

function at(remote: string, ...said: string[]): string[] {
  return listeningAt(
    multiaddr(remote),
    said.map((text) => ({ multiaddr: multiaddr(text) })),
  ).map(String)
}

describe('where a peer listens that has dialled us', () => {
  it('is where it called from, at the ports it names, by the same transport', () => {
    const said = ['/ip4/127.0.0.1/tcp/7717', '/ip6/::1/tcp/7717', '/ip4/10.0.0.7/udp/7718/quic-v1']
    assert.deepEqual(at(`/ip4/169.254.2.3/tcp/59910${PEER}`, ...said), [`/ip4/169.254.2.3/tcp/7717${PEER}`])
    assert.deepEqual(at('/ip6zone/eth0/ip6/fe80::1/tcp/59910', ...said), ['/ip6zone/eth0/ip6/fe80::1/tcp/7717'])
    assert.deepEqual(at(`/ip4/10.1.1.1/udp/40000/quic-v1${PEER}`, ...said), [`/ip4/10.1.1.1/udp/7718/quic-v1${PEER}`])
  })

  it('is not known of one who says nothing, and many ports are not tried', () => {
    assert.deepEqual(at('/ip4/10.0.0.1/tcp/59910'), [])
    assert.deepEqual(at('/ip4/10.0.0.1/tcp/59910', '/ip4/10.0.0.1/udp/7717/quic-v1'), [])
    const many = Array.from({ length: 100 }, (_, i) => `/ip4/10.0.0.1/tcp/${1_000 + i}`)
    assert.equal(at('/ip4/10.0.0.1/tcp/59910', ...many).length, 4)
  })
})
