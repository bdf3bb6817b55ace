import assert from 'node:assert/strict'
import { bring, carried, rest } from '../testing/mesh-people.ts'
import { isTo, refused, Stage, textsOf } from '../testing/stage.ts'
import { HOLD_MS } from './held.ts'

describe('a message that arrives', () => {
  let stage: Stage

  beforeEach(() => {
    stage = new Stage()
  })

  afterEach(() => stage.stop())

  it('shows each message once, however often it comes', async () => {
    const [a, b] = await stage.friends()
    await a.send(b, 'hello')
    const [envelope] = await carried(a, isTo(b))
    assert.ok(envelope !== undefined)
    const verdicts = await Promise.all([b.take(envelope.bytes, a), b.take(envelope.bytes, a)])
    await rest(stage.clock)
    verdicts.push(await b.take(envelope.bytes, a))
    assert.deepEqual(
      verdicts.map(({ kind }) => kind),
      ['accept', 'ignore', 'ignore'],
    )
    const again = await stage.restart(b)
    await again.take(envelope.bytes)
    await rest(stage.clock)
    assert.deepEqual([...b.shown(), ...again.shown()], ['hello'])
    assert.deepEqual(textsOf(await again.log(a)), ['hello'])
  })

  it('holds back what came too early, and shows all in causal order', async () => {
    const [a, b] = await stage.friends()
    const texts = ['first', 'second', 'third', 'fourth']
    for (const text of texts) await a.send(b, text)
    for (const { bytes } of (await carried(a, isTo(b))).reverse()) {
      assert.deepEqual(b.shown(), [])
      await b.take(bytes, a)
      await rest(stage.clock)
    }
    await rest(stage.clock)
    assert.deepEqual(b.shown(), texts)
    assert.deepEqual(textsOf(await b.log(a)), texts)
  })

  it('shows after a while what waits in vain, with the number that is missing, once and across restarts', async () => {
    const [a, b] = await stage.friends()
    for (const text of ['lost', 'kept', 'after']) await a.send(b, text)
    const [, kept, after] = await carried(a, isTo(b))
    assert.ok(kept !== undefined && after !== undefined)
    for (const { bytes } of [after, kept]) await b.take(bytes, a)
    await rest(stage.clock)
    await stage.clock.advance(HOLD_MS / 2)
    assert.deepEqual(b.shown(), [])
    const again = await stage.restart(b)
    await stage.clock.advance(HOLD_MS + 2_000)
    assert.deepEqual(again.shown(), ['kept', 'after'])
    assert.deepEqual(
      again.events.flatMap((event) => (event.kind === 'message' ? [event.message.missing] : [])),
      [1, 0],
    )
    const third = await stage.restart(again)
    await stage.clock.advance(2 * HOLD_MS)
    assert.deepEqual(third.shown(), [])
  })

  it('shows what came late, and waits itself, before what follows it and has waited long enough', async () => {
    const [a, b] = await stage.friends()
    for (const text of ['lost', 'late', 'early']) await a.send(b, text)
    const [, late, early] = await carried(a, isTo(b))
    assert.ok(late !== undefined && early !== undefined)
    await b.take(early.bytes, a)
    await rest(stage.clock)
    await stage.clock.advance(HOLD_MS - 3_000)
    await b.take(late.bytes, a)
    await rest(stage.clock)
    assert.deepEqual([b.shown(), textsOf(await b.log(a))], [[], []])
    await stage.clock.advance(3_000)
    assert.deepEqual(b.shown(), ['late', 'early'])
    assert.deepEqual(textsOf(await b.log(a)), ['late', 'early'])
  })

  it('keeps every text exactly', async () => {
    const [a, b] = await stage.friends()
    const texts = ['ä'.repeat(16_384), '\ufeffmark', 'a\u0000b\u202ec', '\u{1f469}\u200d\u{1f692} e\u0301 \u0ba8\u0bbf', ' \n x \r\n', '\uffff\u{10ffff}']
    for (const text of texts) await a.send(b, text)
    await bring(stage.clock, a, b)
    assert.deepEqual(b.shown(), texts)
    assert.deepEqual(textsOf(await a.log(b)), texts)
    for (const text of ['', '  ', 'x'.repeat(32_769), '\ud800x']) await assert.rejects(a.send(b, text), refused('MESH_TEXT_INVALID'))
    assert.equal((await a.log(b)).length, texts.length)
  })

  it('is not held up by a row that cannot be read', async () => {
    const [a, b] = await stage.friends()
    for (const text of ['broken', 'whole']) await a.send(b, text)
    const [broken, whole] = await carried(a, isTo(b))
    assert.ok(broken !== undefined && whole !== undefined)
    const open = b.store.open.bind(b.store)
    b.store.open = async (id) => {
      if (id === broken.id) throw new Error('a bad sector')
      return open(id)
    }
    for (const { bytes } of [broken, whole]) await b.take(bytes, a)
    await rest(stage.clock)
    await stage.clock.advance(HOLD_MS + 2_000)
    assert.deepEqual(textsOf(await b.log(a)), ['whole'])
    b.store.open = open
    await stage.clock.advance(6_000)
    await stage.clock.advance(1_000)
    assert.deepEqual(textsOf(await b.log(a)), ['broken', 'whole'])
  })
})
