import assert from 'node:assert/strict'
import { portableCrypto } from '#mesh/crypto'
import { derivePerson } from '#mesh/identity'
import { deviceIdOf } from '#mesh/ids'
import { seededRandom } from '../testing/seeded-random.ts'
import { agree, begin, COMPARISON_MS, type Comparison, type Party, PICTURES, picturesOf, type Reaction, react } from './comparison.ts'
import { EMOJI } from './emoji.ts'
import { decodeStep, encodeStep, type Step } from './steps.ts'

const crypto = portableCrypto()
const source = seededRandom('comparison')
const random = (bytes: number): Uint8Array => source.bytes(bytes)
const party = (number: number): Party => ({
  person: derivePerson(crypto, new Uint8Array(32).fill(number)).person,
  device: deviceIdOf(crypto.ed25519PublicKey(new Uint8Array(32).fill(100 + number))),
})
const [a, b, m] = [party(1), party(2), party(3)]

function next(reaction: Reaction): { comparison: Comparison; send?: Step } {
  assert.equal(reaction.kind, 'next')
  return reaction.kind === 'next' ? reaction : assert.fail()
}

function asked(comparison: Comparison): Comparison & { phase: 'asked' } {
  return comparison.phase === 'asked' ? comparison : assert.fail(comparison.phase)
}

function pictures(comparison: Comparison): Uint8Array {
  return comparison.phase === 'ready' ? comparison.pictures : assert.fail(comparison.phase)
}

/** A whole comparison; `starter` and `answerer` may see each other as somebody else. */
function compare(seenByA: { self: Party; other: Party }, seenByB: { self: Party; other: Party }): [Uint8Array, Uint8Array] | 'forged' {
  const one = begin(crypto, random, seenByA.self, 0)
  const two = agree(crypto, random, asked(next(react(crypto, undefined, one.send, seenByB.self, seenByB.other, 0)).comparison))
  const three = next(react(crypto, one.comparison, two.send, seenByA.self, seenByA.other, 0))
  const reveal = three.send ?? assert.fail()
  const four = react(crypto, two.comparison, reveal, seenByB.self, seenByB.other, 0)
  return four.kind === 'end' ? 'forged' : [pictures(three.comparison), pictures(next(four).comparison)]
}

describe('pictures to compare', () => {
  it('are 64, all different in look and name', () => {
    assert.equal(new Set(EMOJI.map(({ symbol }) => symbol)).size, 64)
    assert.equal(new Set(EMOJI.map(({ name }) => name)).size, 64)
    assert.ok(EMOJI.every(({ name, symbol }) => /^[a-z ]+$/.test(name) && /^\p{Extended_Pictographic}$/u.test(symbol)))
  })
})

describe('a comparison', () => {
  it('shows both sides the same seven pictures, and others each time', () => {
    const first = compare({ self: a, other: b }, { self: b, other: a })
    assert.ok(first !== 'forged')
    assert.deepEqual(first[0], first[1])
    assert.equal(picturesOf(first[0]).length, PICTURES)
    assert.notDeepEqual(first, compare({ self: a, other: b }, { self: b, other: a }))
  })

  it('shows different pictures when one side holds the other for somebody else, or sees another device of it', () => {
    const otherDevice = compare({ self: a, other: { ...b, device: m.device } }, { self: b, other: a })
    assert.ok(otherDevice !== 'forged')
    assert.notDeepEqual(otherDevice[0], otherDevice[1])
    const otherPerson = compare({ self: a, other: { ...b, person: m.person } }, { self: b, other: a })
    assert.ok(otherPerson !== 'forged')
    assert.notDeepEqual(otherPerson[0], otherPerson[1])
    assert.equal(compare({ self: a, other: b }, { self: b, other: m }), 'forged')
  })

  it('ends when what is revealed is not what was promised: a man in the middle cannot choose his key after he saw the others', () => {
    const one = begin(crypto, random, a, 0)
    const two = agree(crypto, random, asked(next(react(crypto, undefined, one.send, b, a, 0)).comparison))
    const ground: Step = { kind: 'reveal', session: one.send.session, value: crypto.x25519PublicKey(random(32)) }
    assert.deepEqual(react(crypto, two.comparison, ground, b, a, 0), { kind: 'end', why: 'forged' })
    const zero: Step = { kind: 'answer', session: one.send.session, value: new Uint8Array(32) }
    assert.deepEqual(react(crypto, one.comparison, zero, a, b, 0), { kind: 'end', why: 'forged' })
  })

  it('takes no step twice, none of another session, none from another device, and none after a day', () => {
    const one = begin(crypto, random, a, 0)
    const two = agree(crypto, random, asked(next(react(crypto, undefined, one.send, b, a, 0)).comparison))
    const ignored = { kind: 'ignore' }
    assert.deepEqual(react(crypto, one.comparison, { ...two.send, session: random(16) }, a, b, 0), ignored)
    assert.deepEqual(react(crypto, one.comparison, two.send, a, b, COMPARISON_MS + 1), ignored)
    const three = next(react(crypto, one.comparison, two.send, a, b, COMPARISON_MS))
    assert.deepEqual(react(crypto, three.comparison, two.send, a, b, 0), ignored)
    const reveal = three.send ?? assert.fail()
    assert.deepEqual(react(crypto, two.comparison, reveal, b, { ...a, device: m.device }, 0), ignored)
    assert.deepEqual(react(crypto, undefined, reveal, b, a, 0), ignored)
  })

  it('is the one of the smaller person when both begin at once', () => {
    const [small, large] = a.person < b.person ? [a, b] : [b, a]
    const [ofSmall, ofLarge] = [begin(crypto, random, small, 0), begin(crypto, random, large, 0)]
    assert.deepEqual(react(crypto, ofSmall.comparison, ofLarge.send, small, large, 0), { kind: 'ignore' })
    assert.equal(next(react(crypto, ofLarge.comparison, ofSmall.send, large, small, 0)).comparison.phase, 'asked')
  })

  it('ends when the other side cancels it', () => {
    const one = begin(crypto, random, a, 0)
    assert.deepEqual(react(crypto, one.comparison, { kind: 'cancel', session: one.send.session }, a, b, 0), { kind: 'end', why: 'cancelled' })
  })
})

describe('a step on the wire', () => {
  const session = new Uint8Array(16).fill(5)

  it('comes back as it went', () => {
    for (const kind of ['start', 'answer', 'reveal'] as const) {
      const step: Step = { kind, session, value: new Uint8Array(32).fill(6) }
      assert.deepEqual(decodeStep(encodeStep(step)), step)
    }
    assert.deepEqual(decodeStep(encodeStep({ kind: 'cancel', session })), { kind: 'cancel', session })
  })

  it('is refused when it is cut, longer, or of no known kind', () => {
    const bytes = encodeStep({ kind: 'start', session, value: new Uint8Array(32) })
    for (let length = 0; length < bytes.length; length++) assert.throws(() => decodeStep(bytes.subarray(0, length)))
    assert.throws(() => decodeStep(new Uint8Array([...bytes, 0])))
    assert.throws(() => decodeStep(bytes.map((byte, i) => (i === 0 ? 5 : byte))))
    assert.throws(() => decodeStep(bytes.map((byte, i) => (i === 0 ? 0 : byte))))
  })
})
