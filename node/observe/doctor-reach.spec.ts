import assert from 'node:assert/strict'
import { diagnose } from './doctor.ts'
import { type ReachFacts, reachFindings } from './doctor-reach.ts'

const interfaces: ReachFacts['interfaces'] = [
  {
    facts: {
      addresses: [
        { address: '192.168.1.7', family: 4, prefixLength: 24 },
        { address: 'fd00::7', family: 6, prefixLength: 64 },
      ],
    },
  },
]

describe('the doctor on who gets through', () => {
  it('says how many did, and nothing when nobody did', () => {
    const open = { view: 'open' } as const
    assert.deepEqual(reachFindings({ interfaces, viewsOfUs: [{ view: 'closed' }] }), [])
    const [finding, ...more] = reachFindings({ interfaces, viewsOfUs: [open, open, { view: 'closed' }], listenPort: 7717 })
    assert.deepEqual([finding?.level, finding?.message, more], ['ok', '2 neighbours got through to TCP port 7717.', []])
  })

  it('names an address that is not of this machine, and what can be done about the router between', () => {
    const seenAt = ['/ip4/203.0.113.5/tcp/40001', '/ip4/203.0.113.5/udp/9/quic-v1', '/ip4/192.168.1.7/tcp/7717', '/ip6/fd00:0::7/tcp/7717']
    const [finding, ...more] = reachFindings({ interfaces, seenAt, listenPort: 7717 })
    assert.deepEqual([finding?.level, finding?.code, finding?.subject, more], ['note', 'address-translated', '203.0.113.5', []])
    assert.match(finding?.message ?? '', /^2 neighbours said .*203\.0\.113\.5.*\.$/)
    assert.match(finding?.advice ?? '', /forward TCP port 7717/)
  })

  it('passes over what a neighbour makes up, and does not fill the screen with it', () => {
    assert.deepEqual(
      reachFindings({ interfaces, seenAt: ['', '/dns4/x.example/tcp/1', '/ip4/999.1.1.1/tcp/1', '/ip4/127.0.0.9/tcp/1', '/ip4/1.2.3.4\u001b[2J/tcp/1'] }),
      [],
    )
    const many = Array.from({ length: 60 }, (_, i) => `/ip4/203.0.113.${i}/tcp/1`)
    assert.equal(reachFindings({ interfaces, seenAt: many }).length, 3)
  })

  it('is part of the report', () => {
    const { findings, healthy } = diagnose({ interfaces: [], peers: 1, nowMs: 0, seenAt: ['/ip4/203.0.113.5/tcp/40001'] })
    assert.ok(findings.some(({ code }) => code === 'address-translated'))
    assert.equal(healthy, false, 'for want of an interface')
  })
})
