import assert from 'node:assert/strict'
import { decode, encode } from 'dns-packet'
import fc from 'fast-check'
import { seededRandom } from '#mesh/testing'
import { ANNOUNCEMENT_TTL_S, encodePacket, MAX_OWN_PACKET_BYTES, MAX_PACKET_BYTES, mayBeOurs, randomName, readPacket, SERVICE_NAME } from './wire.ts'

const multiaddrs = ['/ip4/169.254.1.1/tcp/7717/p2p/12D3KooWA', '/ip6/fe80::1/tcp/7717/p2p/12D3KooWA']
const own = { name: 'n'.repeat(40), multiaddrs, voicePort: 40_001 }

/** As `@libp2p/mdns` 12 answers: pointer and texts all in the answer section, one text record for each address. */
const stockAnswer = (data: string[]): Uint8Array =>
  encode({
    type: 'response',
    flags: 1 << 10,
    answers: [
      { type: 'PTR', name: SERVICE_NAME, class: 'IN', ttl: 120, data: `stockname.${SERVICE_NAME}` },
      ...data.map((text) => ({ type: 'TXT', name: `stockname.${SERVICE_NAME}`, class: 'IN', ttl: 120, data: text }) as const),
    ],
  })

describe('discovery packets', () => {
  it('say in an answer what was put into it', () => {
    const heard = readPacket(encodePacket({ ...own, kind: 'answer', view: 'closed' }))
    assert.deepEqual(heard, { asks: false, names: [own.name], multiaddrs, voicePort: 40_001, view: 'closed' })
  })

  it('ask and tell at once in a beacon', () => {
    assert.deepEqual(readPacket(encodePacket({ ...own, kind: 'beacon' })), { asks: true, names: [own.name], multiaddrs, voicePort: 40_001 })
  })

  it('keep a multicast question free of extra records, which avahi refuses', () => {
    const query = decode(Buffer.from(encodePacket({ ...own, kind: 'query' })))
    assert.equal(query.additionals?.length, 0)
    assert.deepEqual(
      query.questions?.map(({ name, type }) => [name, type]),
      [[SERVICE_NAME, 'PTR']],
    )
  })

  it('have the shape of the libp2p specification', () => {
    const answer = decode(Buffer.from(encodePacket({ ...own, kind: 'answer' })))
    assert.equal(answer.type, 'response')
    const [pointer] = answer.answers ?? []
    assert.ok(pointer?.type === 'PTR' && pointer.name === SERVICE_NAME && pointer.ttl === ANNOUNCEMENT_TTL_S)
    const [text] = answer.additionals ?? []
    assert.ok(text?.type === 'TXT' && text.name === pointer.data && Array.isArray(text.data))
    assert.equal(String(text.data[0]), `dnsaddr=${multiaddrs[0]}`)
  })

  it('leave out addresses rather than become too large for a link', () => {
    const long = Array.from({ length: 16 }, (_, i) => `/ip6/2001:db8:1111:2222:3333:4444:5555:${i}/udp/7717/quic-v1/p2p/${'x'.repeat(52)}`)
    const bytes = encodePacket({ ...own, kind: 'beacon', multiaddrs: long })
    assert.ok(bytes.length <= MAX_OWN_PACKET_BYTES)
    assert.deepEqual(readPacket(bytes)?.multiaddrs, long.slice(0, readPacket(bytes)?.multiaddrs.length))
    assert.equal(readPacket(bytes)?.voicePort, 40_001)
  })

  it('of stock libp2p are understood', () => {
    assert.deepEqual(readPacket(stockAnswer(multiaddrs.map((text) => `dnsaddr=${text}`))), { asks: false, names: ['stockname'], multiaddrs })
    const query = encode({ type: 'query', questions: [{ name: SERVICE_NAME, type: 'PTR' }] })
    assert.deepEqual(readPacket(query), { asks: true, names: [], multiaddrs: [] })
  })

  it('of others are told apart without parsing', () => {
    const printer = encode({ type: 'query', questions: [{ name: '_ipp._tcp.local', type: 'PTR' }] })
    assert.equal(mayBeOurs(printer), false)
    assert.equal(mayBeOurs(new Uint8Array(MAX_PACKET_BYTES + 1)), false)
    assert.equal(readPacket(encode({ type: 'query', questions: [{ name: `x.${SERVICE_NAME}`, type: 'PTR' }] })), undefined)
  })

  it('hold no more than sixteen addresses and sane notes, whatever they claim', () => {
    const heard = readPacket(stockAnswer([...Array.from({ length: 50 }, (_, i) => `dnsaddr=/ip4/10.0.0.${i}/tcp/1`), 'qpq=99999', 'view=maybe']))
    assert.equal(heard?.multiaddrs.length, 16)
    assert.equal(heard?.voicePort, undefined)
    assert.equal(heard?.view, undefined)
  })

  it('that are flipped, cut or random never throw', () => {
    const whole = encodePacket({ ...own, kind: 'beacon' })
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, value, end) => {
        const bytes = whole.slice()
        bytes[at] = value
        readPacket(bytes)
        readPacket(bytes.subarray(0, end))
      }),
      { numRuns: 2_000 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => void readPacket(Uint8Array.from([...whole.subarray(0, 40), ...bytes]))),
      { numRuns: 500 },
    )
  })

  it('carry a name of forty characters that differs each time', () => {
    const random = seededRandom('names')
    assert.match(randomName(random), /^[a-z0-9]{40}$/)
    assert.notEqual(randomName(random), randomName(random))
  })
})
