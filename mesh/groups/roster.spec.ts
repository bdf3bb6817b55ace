import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type DeviceId, deviceIdOf, type PersonId, personIdOf } from '#mesh/ids'
import type { Order } from './body.ts'
import { type EntryId, entryIdOf } from './ids.ts'
import { authorityFor, type Heard, isBefore, type JudgedOrder, knownTo, type Roster, rosterOf } from './roster.ts'

/** Some people with one device each, and the orders that they give, with what each has read. */
class Council {
  readonly orders: JudgedOrder[] = []
  readonly #counts = new Map<DeviceId, number>()
  readonly #heard = new Map<DeviceId, Map<DeviceId, number>>()
  readonly genesis = { kind: 'group' as const, creator: device(0) }

  constructor(size: number) {
    this.give(0, { op: 'add', keyPackage: Uint8Array.of(0) }, 0)
    for (let who = 1; who < size; who++) this.give(0, { op: 'add', keyPackage: Uint8Array.of(who) }, who)
    this.meet()
  }

  /** Somebody gives an order; `about` is whom it adds or removes. */
  give(by: number, order: Order, about?: number): JudgedOrder {
    const author = device(by)
    const seq = this.#counts.get(author) ?? 0
    const heard = new Map(this.#heard.get(author) ?? []).set(author, seq)
    const target = about === undefined ? undefined : { device: device(about), person: person(about) }
    const past = rosterOf(this.genesis, knownTo(heard, this.orders))
    const authority = authorityFor(this.genesis, past, author, order, target)
    const judged: JudgedOrder = {
      id: idOf(this.orders.length),
      author,
      seq,
      order,
      heard,
      ...(target === undefined ? {} : { target }),
      ...(authority === undefined ? {} : { authority }),
    }
    this.orders.push(judged)
    this.#counts.set(author, seq + 1)
    this.#heard.set(author, new Map(heard).set(author, seq + 1))
    return judged
  }

  remove(by: number, about: number): JudgedOrder {
    return this.give(by, { op: 'remove', device: device(about) }, about)
  }

  /** Some read all that the others have written; everybody when nobody is named. */
  meet(...who: number[]): void {
    const all = who.length === 0 ? [...this.#counts.keys(), ...Array.from({ length: 12 }, (_, i) => device(i))] : who.map(device)
    for (const one of all) this.#heard.set(one, new Map([...(this.#heard.get(one) ?? []), ...this.#counts]))
  }

  get roster(): Roster {
    return rosterOf(this.genesis, this.orders)
  }

  get members(): number[] {
    return [...this.roster.members.keys()].map((one) => numberOf(one)).sort((a, b) => a - b)
  }
}

function device(number: number): DeviceId {
  return deviceIdOf(new Uint8Array(32).fill(number + 1))
}

function numberOf(one: DeviceId): number {
  return Array.from({ length: 20 }, (_, i) => device(i)).indexOf(one)
}

function person(number: number): PersonId {
  return personIdOf(new Uint8Array(32).fill(number + 1))
}

function idOf(number: number): EntryId {
  return entryIdOf(new Uint8Array(32).fill(number + 1))
}

describe('a roster', () => {
  it('lets a removal win over what its target did at the same time', () => {
    const council = new Council(4)
    council.remove(0, 1)
    council.give(1, { op: 'add', keyPackage: Uint8Array.of(5) }, 5)
    assert.deepEqual(council.members, [0, 2, 3])
  })

  it('keeps what somebody did before he was removed, as his remover knew it', () => {
    const council = new Council(4)
    council.give(1, { op: 'add', keyPackage: Uint8Array.of(5) }, 5)
    council.meet()
    council.remove(0, 1)
    assert.deepEqual(council.members, [0, 2, 3, 5])
  })

  it('takes somebody in again whose removal was known to who adds him, and nobody whose removal was not', () => {
    const council = new Council(4)
    council.remove(0, 1)
    council.give(2, { op: 'add', keyPackage: Uint8Array.of(1) }, 1)
    assert.deepEqual(council.members, [0, 2, 3])
    council.meet()
    council.give(2, { op: 'add', keyPackage: Uint8Array.of(1) }, 1)
    assert.deepEqual(council.members, [0, 1, 2, 3])
  })

  it('keeps the one of higher role when two remove each other, and of equals the one who was there first', () => {
    const council = new Council(4)
    council.give(0, { op: 'role', person: person(1), role: 'moderator' })
    council.give(0, { op: 'role', person: person(2), role: 'moderator' })
    council.give(0, { op: 'role', person: person(3), role: 'admin' })
    council.meet()
    council.remove(3, 1)
    council.remove(1, 3)
    assert.deepEqual(council.members, [0, 2, 3], 'a moderator may not remove an admin at all')
    council.meet()
    council.remove(3, 0)
    council.remove(0, 3)
    assert.deepEqual(council.members, [0, 2], 'who made the group was there before')
  })

  it('gives the lesser role to who is given two at once, and none of the old ones to who comes back after he was thrown out', () => {
    const council = new Council(4)
    council.give(0, { op: 'role', person: person(1), role: 'admin' })
    council.meet()
    council.give(0, { op: 'role', person: person(2), role: 'admin' })
    council.give(1, { op: 'role', person: person(2), role: 'moderator' })
    assert.equal(council.roster.roleOf(person(2)), 'moderator')
    council.meet()
    council.remove(0, 1)
    council.meet()
    council.give(0, { op: 'add', keyPackage: Uint8Array.of(1) }, 1)
    assert.equal(council.roster.roleOf(person(1)), 'member')
  })

  it('lets members neither remove, mute, name nor promote, but leave', () => {
    const council = new Council(3)
    for (const order of [
      { op: 'remove', device: device(2) },
      { op: 'mute', person: person(2), isOn: true },
      { op: 'name', name: 'mine' },
      { op: 'role', person: person(1), role: 'admin' },
    ] as const)
      assert.equal(council.give(1, order, order.op === 'remove' ? 2 : undefined).authority, undefined, order.op)
    council.remove(1, 1)
    assert.deepEqual(council.members, [0, 2])
  })

  it('voids all that was written from the place on where a log has two ends, whoever brings the proof', () => {
    const council = new Council(3)
    council.give(1, { op: 'add', keyPackage: Uint8Array.of(4) }, 4)
    council.meet()
    const { seq, author } = council.give(1, { op: 'add', keyPackage: Uint8Array.of(5) }, 5)
    council.meet()
    const expel = council.give(2, { op: 'expel', first: Uint8Array.of(1), second: Uint8Array.of(2) }, 1)
    council.orders.splice(council.orders.indexOf(expel), 1, { ...expel, target: { device: author, fromSeq: seq } })
    assert.deepEqual(council.members, [0, 2, 4])
  })

  it('depends on the set of orders alone, not on the order in which they came', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(5), fc.nat(3), fc.nat(5)), { maxLength: 25 }), fc.infiniteStream(fc.nat(1_000)), (steps, random) => {
        const council = new Council(4)
        for (const [by, what, about] of steps) {
          if (what === 0) council.give(by, { op: 'add', keyPackage: Uint8Array.of(about) }, about)
          else if (what === 1) council.remove(by, about)
          else if (what === 2) council.give(by, { op: 'role', person: person(about), role: about % 2 === 0 ? 'admin' : 'moderator' })
          else council.meet(by, about)
        }
        const { roster, genesis, orders } = council
        const keys = new Map(orders.map((order) => [order.id, random.next().value ?? 0]))
        const shuffled = rosterOf(
          genesis,
          orders.toSorted((a, b) => (keys.get(a.id) ?? 0) - (keys.get(b.id) ?? 0)),
        )
        assert.deepEqual([...shuffled.members.keys()].sort(), [...roster.members.keys()].sort())
        for (let who = 0; who < 6; who++) assert.equal(shuffled.roleOf(person(who)), roster.roleOf(person(who)))
        for (const order of orders) if (order.authority === undefined) assert.ok(order.order.op !== 'expel')
      }),
      { numRuns: 200 },
    )
  })

  it('knows what was before what by what was read', () => {
    const heard: Heard = new Map([[device(1), 3]])
    assert.equal(isBefore({ author: device(1), seq: 2 }, { heard }), true)
    assert.equal(isBefore({ author: device(1), seq: 3 }, { heard }), false)
    assert.equal(isBefore({ author: device(2), seq: 0 }, { heard }), false)
  })
})
