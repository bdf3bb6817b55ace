import assert from 'node:assert/strict'
import { type Contact, contactsOf } from './movement.ts'
import { Seeded } from './seeded.ts'

const pairs = (contacts: readonly Contact[]): string => contacts.map(({ a, b }) => `${a}-${b}`).join(' ')

describe('movement', () => {
  it('links a line, a ring, a star and everybody', () => {
    const of = (topology: 'line' | 'ring' | 'star' | 'full'): string => pairs(contactsOf({ kind: 'static', topology }, 4, 1_000, new Seeded('')))
    assert.equal(of('line'), '0-1 1-2 2-3')
    assert.equal(of('ring'), '0-1 0-3 1-2 2-3')
    assert.equal(of('star'), '0-1 0-2 0-3')
    assert.equal(of('full'), '0-1 0-2 0-3 1-2 1-3 2-3')
  })

  it('links islands inside, and by as many bridges as there are', () => {
    assert.equal(pairs(contactsOf({ kind: 'islands', islands: 2, bridges: 1 }, 5, 1_000, new Seeded(''))), '0-1 0-2 0-3 1-2 3-4')
  })

  it('finds every meeting of people who walk about, and no other', () => {
    const movement = { kind: 'waypoints', width: 100, height: 100, range: 30, speed: [0.5, 2], pause: [1_000, 20_000] } as const
    const durationMs = 600_000
    const contacts = contactsOf({ ...movement, speed: [0.5, 2], pause: [1_000, 20_000] }, 6, durationMs, new Seeded('walk'))
    assert.ok(contacts.length > 20)
    for (const { a, b, startMs, endMs } of contacts) {
      assert.ok(startMs >= 0 && endMs <= durationMs && endMs > startMs)
      const others = contacts.filter((other) => other.a === a && other.b === b && other.startMs !== startMs)
      for (const other of others) assert.ok(other.startMs > endMs || other.endMs < startMs, 'two contacts of one pair overlap')
    }
    // Whoever sees less far meets within the meetings of who sees farther, and for less long in all.
    const near = contactsOf({ ...movement, speed: [0.5, 2], pause: [1_000, 20_000], range: 15 }, 6, durationMs, new Seeded('walk'))
    const within = ({ a, b, startMs, endMs }: Contact): boolean =>
      contacts.some((far) => far.a === a && far.b === b && far.startMs <= startMs + 1e-6 && far.endMs >= endMs - 1e-6)
    assert.ok(near.length > 3 && near.every(within))
    const everywhere = contactsOf({ ...movement, speed: [0.5, 2], pause: [1_000, 20_000], range: 1_000 }, 3, durationMs, new Seeded('walk'))
    assert.equal(pairs(everywhere), '0-1 0-2 1-2')
    assert.ok(everywhere.every(({ startMs, endMs }) => startMs === 0 && Math.abs(endMs - durationMs) < 1e-6))
  })

  it('reads a trace, leaves out who is not simulated, and says which line is wrong', () => {
    const read = (text: string, columns: 'start end a b' | 'a b start end', first: number): Contact[] =>
      contactsOf({ kind: 'trace', file: '', columns, first }, 3, 100_000, new Seeded(''), text)
    assert.deepEqual(read('# a trace\n10 20 0 1\n5 500 1 2\n1 2 0 7\n\n', 'start end a b', 0), [
      { a: 1, b: 2, startMs: 5_000, endMs: 100_000 },
      { a: 0, b: 1, startMs: 10_000, endMs: 20_000 },
    ])
    assert.deepEqual(read('1\t3\t10\t20\t1\t0\n', 'a b start end', 1), [{ a: 0, b: 2, startMs: 10_000, endMs: 20_000 }])
    assert.throws(() => read('1 2 0 1\n1 2 x 1', 'start end a b', 0), /line 2/)
  })
})
