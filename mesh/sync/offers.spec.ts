import assert from 'node:assert/strict'
import { isMeshError } from '#mesh/errors'
import { type EnvelopeId, envelopeIdOf } from '#mesh/ids'
import { MAX_HANDED_OVER, MAX_OPEN_OFFERS, OFFER_PATIENCE_MS } from './limits.ts'
import { IncomingOffers, OutgoingOffers, type OwnOffer } from './offers.ts'

const idOf = (n: number): EnvelopeId => envelopeIdOf(new Uint8Array(32).map((_, i) => (i < 2 ? (n >> (8 * i)) & 0xff : 0)))
const offerOf = (n: number, more: Partial<OwnOffer> = {}): OwnOffer => ({ id: idOf(n), classByte: 0x41, size: 400, tell: false, copies: 4, ...more })
const isViolation = (error: unknown) => isMeshError(error, 'MESH_PROTOCOL_VIOLATION')

describe('OutgoingOffers', () => {
  it('serves what was offered, once', () => {
    const offers = new OutgoingOffers()
    offers.opened([offerOf(1), offerOf(2)])
    offers.want([idOf(2)])
    assert.deepEqual(
      offers.wanted.map(({ id }) => id),
      [idOf(2)],
    )
    assert.throws(() => offers.want([idOf(1)]), isViolation)
  })

  it('refuses a want for something never offered, for the same id twice, and without any offer', () => {
    for (const wanted of [[idOf(9)], [idOf(1), idOf(1)]]) {
      const offers = new OutgoingOffers()
      offers.opened([offerOf(1)])
      assert.throws(() => offers.want(wanted), isViolation)
    }
    assert.throws(() => new OutgoingOffers().want([]), isViolation)
  })

  it('holds no more open than four offers and a thousand unconfirmed envelopes', () => {
    const offers = new OutgoingOffers()
    for (let n = 0; n < MAX_OPEN_OFFERS; n++) {
      assert.ok(offers.hasRoom)
      offers.opened([offerOf(n)])
    }
    assert.ok(!offers.hasRoom)
    for (let n = 0; n < MAX_OPEN_OFFERS; n++) offers.want([])
    for (let n = 0; n < MAX_HANDED_OVER; n++) offers.handedOver(idOf(n), 1)
    assert.ok(!offers.hasRoom)
    assert.equal(offers.settle(idOf(5)), 1)
    assert.equal(offers.settle(idOf(5)), undefined)
    assert.ok(offers.hasRoom)
  })

  it('expects a word about a flagged offer that the peer does not want, with no copies handed over', () => {
    const offers = new OutgoingOffers()
    offers.opened([offerOf(1, { tell: true }), offerOf(2)])
    offers.want([])
    assert.ok(offers.isExpected(idOf(1)) && !offers.isExpected(idOf(2)))
    assert.equal(offers.settle(idOf(1)), 0)
  })
})

describe('IncomingOffers', () => {
  const all = () => 'want' as const

  it('asks for the next window before the first one has come, and for no third', () => {
    const offers = new IncomingOffers()
    for (const n of [1, 2, 3]) offers.offered([offerOf(n)], 0)
    assert.deepEqual(offers.answer(0, all), { want: [idOf(1)], carried: [] })
    assert.deepEqual(offers.answer(0, all), { want: [idOf(2)], carried: [] })
    assert.equal(offers.answer(0, all), undefined)
    assert.ok(offers.settle(idOf(1)))
    assert.ok(!offers.settle(idOf(1)))
    assert.deepEqual(offers.answer(0, all), { want: [idOf(3)], carried: [] })
  })

  it('answers every offer, also with nothing', () => {
    const offers = new IncomingOffers()
    offers.offered([offerOf(1), offerOf(2)], 0)
    const answer = offers.answer(0, ({ id }) => (id === idOf(1) ? 'carried' : 'no'))
    assert.deepEqual(answer, { want: [], carried: [idOf(1)] })
    assert.ok(!offers.hasWaiting && !offers.hasOutstanding)
  })

  it('leaves to another session what that one fetches, but not for ever', () => {
    const offers = new IncomingOffers()
    offers.offered([offerOf(1), offerOf(2)], 0)
    const judge = ({ id }: { id: EnvelopeId }) => (id === idOf(1) ? 'wait' : 'want')
    assert.equal(offers.answer(OFFER_PATIENCE_MS - 1, judge), undefined)
    assert.deepEqual(offers.answer(OFFER_PATIENCE_MS, judge)?.want, [idOf(1), idOf(2)])
  })

  it('asks once for an id that is offered twice', () => {
    const offers = new IncomingOffers()
    offers.offered([offerOf(1), offerOf(1)], 0)
    offers.offered([offerOf(1)], 0)
    assert.deepEqual(offers.answer(0, all)?.want, [idOf(1)])
    assert.deepEqual(offers.answer(0, all)?.want, [])
  })

  it('takes a fifth open offer and an offer of too many bytes for what they are', () => {
    const offers = new IncomingOffers()
    for (let n = 0; n < MAX_OPEN_OFFERS; n++) offers.offered([], 0)
    assert.throws(() => offers.offered([], 0), isViolation)
    const large = Array.from({ length: 9 }, (_, n) => offerOf(n, { size: 65_535 }))
    assert.throws(() => new IncomingOffers().offered(large, 0), isViolation)
  })
})
