import assert from 'node:assert/strict'
import type { Level } from '#mesh/store'
import { failingLevel } from '../testing/failing-level.ts'
import { settle } from '../testing/fake-clock.ts'
import { memoryLevel } from '../testing/memory-store.ts'
import { bring, carried, type MeshPerson, rest, rowsOf } from '../testing/mesh-people.ts'
import { block, isTo, refused, Stage } from '../testing/stage.ts'

/** 50 words that texts of this spec are made of, some of them in scripts whose letters take several bytes. */
const WORDS =
  'harbour lantern violet cinnamon thunder marble orchard velvet compass glacier saffron meadow whisper copper juniper falcon ribbon amber cedar pepper silver basket window garden bottle mirror pencil summer winter kitchen bridge market candle island desert forest button carpet dragon engine Straße Überfall кириллица корабль 東京都 北海道 ελληνικά שלום مرحبا naïveté'.split(
    ' ',
  )

async function found(person: MeshPerson, query: string, limit?: number): Promise<string[]> {
  return (await person.conversations.search(query, limit)).hits.map(({ message }) => message.text)
}

/** Rows of the index: key and filter. */
async function indexRows(level: Level): Promise<[Uint8Array, Uint8Array][]> {
  return (await rowsOf(level)).filter(([key]) => key[0] === 'q'.charCodeAt(0))
}

describe('searching', () => {
  let stage: Stage

  beforeEach(() => {
    stage = new Stage()
  })

  afterEach(() => stage.stop())

  it('finds what was sent and what arrived, the newest first, with the places of the hits', async () => {
    const [a, b] = await stage.friends()
    await a.send(b, 'the soup is ready')
    await bring(stage.clock, a, b)
    await b.send(a, 'what SOUP?')
    await bring(stage.clock, b, a)
    for (const person of [a, b]) {
      const { hits, ended, isBuilding } = await person.conversations.search('soup')
      assert.deepEqual(
        hits.map(({ message, hits: spans }) => [message.text, spans]),
        [
          ['what SOUP?', [[5, 9]]],
          ['the soup is ready', [[4, 8]]],
        ],
      )
      assert.deepEqual([ended, isBuilding], ['complete', false])
    }
    assert.deepEqual(await found(a, 'soup "is ready"'), ['the soup is ready'])
    assert.deepEqual(await found(a, 'sou* wha*'), ['what SOUP?'])
    assert.deepEqual(await found(a, '"ready soup"'), [])
    const { hits, ended } = await a.conversations.search('soup', 1)
    assert.deepEqual([hits.length, ended], [1, 'limit'])
  })

  it('looks into one conversation when it is named', async () => {
    const [a, b] = await stage.friends()
    const c = await stage.start('carol')
    await a.conversations.addContact(c.uri, 'Carol C')
    await a.send(b, 'soup for bob')
    await a.send(c, 'soup for carol')
    assert.deepEqual(await found(a, 'soup'), ['soup for carol', 'soup for bob'])
    assert.deepEqual(await found(a, 'soup in:"Carol C"'), ['soup for carol'])
    assert.deepEqual(await found(a, `soup in:${b.keys.person}`), ['soup for bob'])
    await assert.rejects(a.conversations.search('soup in:nobody'), refused('MESH_CONTACT_UNKNOWN'))
    await assert.rejects(a.conversations.search('in:bob'), refused('MESH_SEARCH_INVALID'))
  })

  it('finds nothing of strangers until they are accepted, and nothing of blocked people unless their conversation is named', async () => {
    const [a, b] = [await stage.start('alice'), await stage.start('bob')]
    await a.conversations.addContact(b.uri, undefined)
    await a.send(b, 'let me in')
    await bring(stage.clock, a, b)
    assert.deepEqual(await found(b, 'let'), [])
    assert.equal((await indexRows(b.level)).length, 0)
    await b.conversations.addContact(a.uri, undefined)
    await rest(stage.clock)
    assert.deepEqual(await found(b, 'let'), ['let me in'])
    await block(b, a)
    assert.deepEqual(await found(b, 'let'), [])
    assert.deepEqual(await found(b, `let in:${a.keys.person}`), ['let me in'])
  })

  it('finds an edited message by its new words only, and nothing of what was deleted, can be seen once, or has disappeared', async () => {
    const [a, b] = await stage.friends()
    const id = await a.send(b, 'cold soup')
    const gone = await a.send(b, 'soup to delete')
    await a.conversations.send(a.contacts.find(b.keys.person), 'soup for once', { isOnce: true })
    await bring(stage.clock, a, b)
    await a.conversations.amender.edit(id, 'warm bread')
    await a.conversations.amender.delete(gone)
    await bring(stage.clock, a, b)
    for (const person of [a, b]) {
      assert.deepEqual(await found(person, 'soup'), [])
      assert.deepEqual(await found(person, 'bread'), ['warm bread'])
    }
    await a.conversations.reader.set(a.contacts.find(b.keys.person), { lifetimeS: 60 })
    await a.send(b, 'brief bread')
    assert.deepEqual(await found(a, 'brief'), ['brief bread'])
    await stage.clock.advance(120_000)
    assert.deepEqual(await found(a, 'bread'), ['warm bread'])
    assert.equal((await indexRows(a.level)).length, 1)
  })

  it('finds a message that waited for what it follows once that is shown', async () => {
    const [a, b] = await stage.friends()
    for (const text of ['first', 'second']) await a.send(b, text)
    const [first, second] = await carried(a, isTo(b))
    assert.ok(first !== undefined && second !== undefined)
    await b.take(second.bytes, a)
    await rest(stage.clock)
    assert.deepEqual(await found(b, 'second'), [])
    await b.take(first.bytes, a)
    await rest(stage.clock)
    assert.deepEqual(await found(b, 'second'), ['second'])
  })

  it('leaves no word on the disk, in no encoding, not even in parts of the index', async () => {
    const [a, b] = await stage.friends()
    for (let i = 0; i < WORDS.length; i += 5) await a.send(b, WORDS.slice(i, i + 5).join(' '))
    await bring(stage.clock, a, b)
    for (const word of WORDS) assert.equal((await found(b, word)).length, 1, word)
    const disk = Buffer.concat((await rowsOf(b.level)).flat())
    assert.equal((await indexRows(b.level)).length, 10)
    const forms = (word: string): Buffer[] => {
      const [utf8, utf16] = [Buffer.from(word), Buffer.from(word, 'utf16le')]
      return [
        utf8,
        utf16,
        Buffer.from(utf16).swap16(),
        Buffer.from(word, 'latin1'),
        ...['hex', 'base64', 'base64url'].map((as) => Buffer.from(utf8.toString(as as 'hex'))),
      ]
    }
    const isThere = (word: string): boolean =>
      [word, word.toLowerCase(), word.toUpperCase(), word.normalize('NFKD')].flatMap(forms).some((form) => form.length > 3 && disk.includes(form))
    assert.deepEqual(WORDS.filter(isThere), [])
    assert.ok(disk.includes('schema'), 'what is there is found')
    assert.ok(!disk.includes('harbour'))
  })

  it('writes message and filter together or not at all', async () => {
    const level = memoryLevel()
    const disk = failingLevel(level)
    const [a, b] = [await stage.start('alice', { level }), await stage.start('bob')]
    await a.conversations.addContact(b.uri, undefined)
    disk.fail('ENOSPC')
    await assert.rejects(a.send(b, 'lost soup'))
    disk.heal()
    assert.deepEqual(await found(a, 'soup'), [])
    await a.send(b, 'kept soup')
    assert.deepEqual(await found(a, 'soup'), ['kept soup'])
  })

  it('indexes in the background what was written before there was an index, and goes on where it was stopped', async () => {
    const [a, b] = await stage.friends()
    for (let i = 0; i < 450; i++) await a.send(b, `soup number ${i}`)
    const { level } = a
    await a.stop()
    await level.open()
    await forget(level)
    const old = await stage.restart(a, { level })
    const first = await old.conversations.search('soup')
    assert.equal(first.isBuilding, true)
    await settle()
    await old.stop()
    await level.open()
    const partly = (await indexRows(level)).length
    assert.ok(partly >= 200 && partly < 450, `${partly} indexed`)
    const again = await stage.restart(old, { level })
    await stage.clock.advance(1_000)
    await rest(stage.clock)
    const { hits, isBuilding } = await again.conversations.search('soup', 1_000)
    assert.deepEqual([hits.length, isBuilding], [450, false])
    assert.equal((await indexRows(level)).length, 450)
    await again.send(b, 'soup at last')
    assert.deepEqual(await found(again, '"at last"'), ['soup at last'])
  })
})

/** As a program left it that knew no index. */
async function forget(level: Level): Promise<void> {
  const rows = await rowsOf(level)
  const isIndex = (key: Uint8Array): boolean => key[0] === 'q'.charCodeAt(0) || Buffer.from(key).toString() === 'ssearch'
  const gone = rows.filter(([key]) => isIndex(key)).map(([key]) => ({ type: 'del' as const, key }))
  await level.batch(gone, { sync: true, keyEncoding: 'view', valueEncoding: 'view' })
}
