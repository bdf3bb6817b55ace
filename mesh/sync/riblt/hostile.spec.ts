import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Initiator } from './initiator.ts'
import { encodeMessage, type Message } from './messages.ts'
import { peerCode, seededBytes } from './naive-twin.ts'
import { Responder } from './responder.ts'
import { ALL_DAYS, ScopeIndex } from './scope-index.ts'
import { encodeItems, encodeSymbols } from './wire.ts'

const KEY = seededBytes(51, 16)
const DAYS = ALL_DAYS.slice(0, 4)
const IDS = seededBytes(52, 32 * 1_200)
const VIOLATION = 'MESH_PROTOCOL_VIOLATION'

describe('the side that answers, towards a liar', () => {
  it('asks for the list after symbols that never decode, and never for more symbols than are worth it', () => {
    for (const claimed of [600, 900, 1_300, 30_000, 1_000_000]) {
      const { responder, answer: first } = planned('symbols', claimed)
      let answer = first
      let sent = 0
      for (; answer?.[0] !== 8; sent += 64) {
        assert.ok(sent < Math.min(0.6 * claimed, 32_768), `${sent} symbols of ${claimed}`)
        answer = responder.receive(garbage(sent, claimed))
      }
      assert.equal(responder.receive(garbage(sent, claimed)), undefined, 'what was on its way is ignored')
      answerOf(responder, { kind: 'plan', mode: 'list', days: DAYS, count: 1 })
      answerOf(responder, { kind: 'items', body: encodeItems(Int32Array.of(1, 2)) })
      assert.equal(responder.outcome, 'done')
      assert.equal(responder.differences?.remoteOnly.length, 2)
    }
  })

  it('asks for the list at once when symbols are not worth it', () => {
    for (const claimed of [0, 1, 106, 30_000, 1_000_000]) {
      const responder = new Responder({ indexFor: () => indexOf(1, 20), days: DAYS })
      responder.receive(new Initiator(indexOf(0, 900), DAYS).next() ?? new Uint8Array(0))
      const answer = answerOf(responder, { kind: 'plan', mode: 'symbols', days: DAYS, count: claimed })
      assert.equal(answer?.[0], 8)
    }
  })

  it('ends a list that is longer than announced, names an item twice or stands still', () => {
    const list = (...items: number[]): Message => ({ kind: 'items', body: encodeItems(Int32Array.from(items.flatMap((item) => [item, 0]))) })
    for (const messages of [[list(1, 2, 3, 4)], [list(1, 2), list(3, 4)], [list(1, 1)], [list(1), list(2), list(1)], [list()]]) {
      const { responder } = planned('list', 3)
      assert.equal(
        peerCode(() => messages.map((message) => answerOf(responder, message))),
        VIOLATION,
      )
    }
    const { responder } = planned('list', 3)
    assert.equal(answerOf(responder, list(1, 2)), undefined)
    assert.equal(answerOf(responder, list(3))?.[0], 9)
    assert.equal(answerOf(responder, list(4)), undefined, 'what comes after the end is ignored')
  })

  it('accepts each message only in its turn', () => {
    const open = new Initiator(indexOf(0, 900), DAYS).next() ?? new Uint8Array(0)
    const symbols = encodeMessage({ kind: 'plan', mode: 'symbols', days: DAYS, count: 900 })
    const list = encodeMessage({ kind: 'plan', mode: 'list', days: DAYS, count: 900 })
    for (const bytes of [symbols, list, garbage(0, 900), encodeMessage({ kind: 'same' })]) assert.equal(refusal([bytes]), VIOLATION)
    for (const bytes of [
      open,
      garbage(0, 900),
      encodeMessage({ kind: 'credit', symbols: 64 }),
      encodeMessage({ kind: 'done' }),
      encodeMessage({ kind: 'list' }),
    ])
      assert.equal(refusal([open, bytes]), VIOLATION)
    for (const bytes of [symbols, open]) assert.equal(refusal([open, symbols, bytes]), VIOLATION)
    for (const bytes of [symbols, list, garbage(0, 900)]) assert.equal(refusal([open, list, bytes]), VIOLATION)
    assert.equal(refusal([open, encodeMessage({ kind: 'plan', mode: 'list', days: [40], count: 0 })]), VIOLATION, 'a day that was not agreed on')
  })
})

describe('the side that began, towards a liar', () => {
  const days = (count: number): Message => ({ kind: 'days', days: DAYS, digests: DAYS.map((day) => indexOf(1, count).digest([day])) })

  it('sends no more symbols than are worth it, however many are asked for', () => {
    for (const symbols of [0, 64, 128, 4_096, 32_768]) {
      const initiator = begun(days(800))
      while (initiator.next() !== undefined);
      assert.equal(
        peerCode(() => initiator.receive(encodeMessage({ kind: 'credit', symbols }))),
        VIOLATION,
        String(symbols),
      )
    }
  })

  it('sends its list once', () => {
    const initiator = begun(days(800))
    const ask = encodeMessage({ kind: 'list' })
    let bytes = 0
    for (let i = 0; i < 5; i++) {
      initiator.receive(ask)
      for (let next = initiator.next(); next !== undefined; next = initiator.next()) bytes += next.length
    }
    assert.ok(bytes < 8 * 900 + 100, String(bytes))
  })

  it('accepts each message only in its turn', () => {
    for (const message of [{ kind: 'credit', symbols: 64 }, { kind: 'list' }, { kind: 'done' }] as const) {
      const initiator = new Initiator(indexOf(0, 900), DAYS)
      assert.equal(
        peerCode(() => initiator.receive(encodeMessage(message))),
        VIOLATION,
        message.kind,
      )
    }
    const foreign: Message = { kind: 'days', days: [9], digests: [indexOf(1, 5).digest([0])] }
    assert.equal(
      peerCode(() => begun(foreign)),
      VIOLATION,
    )
    for (const message of [days(3), { kind: 'same' }, { kind: 'symbols', body: new Uint8Array(0) }] as Message[])
      assert.equal(
        peerCode(() => begun(days(800)).receive(encodeMessage(message))),
        VIOLATION,
        message.kind,
      )
  })
})

describe('two sides with a bad line between them', () => {
  it('end, or blame each other, whatever happens to one message', () => {
    const damage = fc.record({ step: fc.nat(12), at: fc.nat(), value: fc.nat(255), how: fc.constantFrom('flip', 'cut', 'twice', 'lost') })
    fc.assert(
      fc.property(damage, fc.constantFrom(1, 60, 500), ({ step, at, value, how }, differing) => {
        const initiator = new Initiator(indexOf(0, 900), DAYS)
        const responder = new Responder({ indexFor: () => indexOf(differing, 900), days: DAYS })
        let steps = 0
        const damaged = (bytes: Uint8Array): Uint8Array[] => {
          if (steps++ !== step) return [bytes]
          const place = at % bytes.length
          if (how === 'flip') return [bytes.slice().with(place, value)]
          return how === 'cut' ? [bytes.slice(0, place)] : how === 'twice' ? [bytes, bytes] : []
        }
        peerCode(() => {
          for (let bytes = initiator.next(); bytes !== undefined; bytes = initiator.next()) {
            assert.ok(steps < 200, 'no end')
            for (const way of damaged(bytes)) {
              const answer = responder.receive(way)
              for (const back of answer === undefined ? [] : damaged(answer)) initiator.receive(back)
            }
          }
        })
      }),
      { numRuns: 300 },
    )
  }).timeout(20_000)
})

/** Rows [from, from + count) of the ids. */
function indexOf(from: number, count: number): ScopeIndex {
  const index = new ScopeIndex(KEY)
  for (let row = from; row < from + count; row++) index.add(row % DAYS.length, IDS, 32 * (row % 1_200), 32 * (row % 1_200) + 32)
  return index
}

/** A responder with 900 ids that was told a plan, and what it said to that. */
function planned(mode: 'symbols' | 'list', count: number): { responder: Responder; answer: Uint8Array | undefined } {
  const responder = new Responder({ indexFor: () => indexOf(1, 900), days: DAYS })
  responder.receive(new Initiator(indexOf(0, 900), DAYS).next() ?? new Uint8Array(0))
  return { responder, answer: answerOf(responder, { kind: 'plan', mode, days: DAYS, count }) }
}

/** An initiator with 900 ids that has got an answer to its OPEN. */
function begun(answer: Message): Initiator {
  const initiator = new Initiator(indexOf(0, 900), DAYS)
  initiator.next()
  initiator.receive(encodeMessage(answer))
  return initiator
}

function answerOf(responder: Responder, message: Message): Uint8Array | undefined {
  return responder.receive(encodeMessage(message))
}

/** How the last of these messages is refused; those before are not. */
function refusal(messages: readonly Uint8Array[]): string | undefined {
  const responder = new Responder({ indexFor: () => indexOf(1, 900), days: DAYS })
  for (const bytes of messages.slice(0, -1)) responder.receive(bytes)
  return peerCode(() => responder.receive(messages.at(-1) ?? new Uint8Array(0)))
}

/** A batch of noise with believable counts. */
function garbage(first: number, setSize: number): Uint8Array {
  const bytes = seededBytes(first + 1, 1_024)
  const words = new Int32Array(bytes.buffer)
  const cells = Int32Array.from({ length: 256 }, (_, at) => (at % 4 === 3 ? Math.floor((2 * setSize) / (first + (at >> 2) + 2)) : (words[at] ?? 0)))
  return encodeMessage({ kind: 'symbols', body: encodeSymbols({ first, setSize }, cells) })
}
