import assert from 'node:assert/strict'
import { Sink } from '#cli/output'
import { MeshError } from '#mesh/errors'
import { fakeApi } from '../../node/control/fake-api.ts'
import { Place } from './place.ts'
import { splitWords } from './words.ts'

function aPlace() {
  const api = fakeApi()
  api.contacts = [{ person: 'qpq1bob', petname: 'bob', claimedName: 'robert', verified: false, state: 'contact' }]
  const screen: string[] = []
  const place = new Place({ api, out: new Sink({ write: (text: string) => screen.push(text) }) })
  const signal = new AbortController().signal
  return { api, place, screen, type: (line: string) => place.take(line, signal) }
}

describe('the prompt', () => {
  it('sends nothing when nobody is addressed, even after somebody wrote', async () => {
    const { api, place, screen, type } = aPlace()
    place.show({
      event: 'message',
      id: 'i',
      conversation: 'qpq1bob',
      from: 'qpq1bob',
      fromPetname: 'bob',
      direction: 'in',
      text: 'hi',
      at: '2026-01-01T00:00:00Z',
      parents: [],
    })
    await type('the secret')
    assert.deepEqual(api.sent, [])
    assert.match(screen.at(-1) ?? '', /nobody is addressed/)
  })

  it('sends plain lines to whom the prompt names', async () => {
    const { api, place, type } = aPlace()
    await type('/to bob')
    assert.equal(place.prompt, 'to bob> ')
    await type("it's  me")
    await type('//slash')
    assert.deepEqual(api.sent, [
      { to: 'qpq1bob', text: "it's  me" },
      { to: 'qpq1bob', text: '/slash' },
    ])
    await type('/to')
    assert.equal(place.prompt, '> ')
  })

  it('keeps the addressee when a new one is unknown, and suggests', async () => {
    const { place, screen, type } = aPlace()
    await type('/to bob')
    await type('/to bobb')
    assert.equal(place.prompt, 'to bob> ')
    assert.match(screen.at(-1) ?? '', /did you mean bob/)
  })

  it('runs commands of the table and shows what went wrong', async () => {
    const { screen, type } = aPlace()
    assert.equal(await type('/add qpq://c/x bob'), 'stay')
    assert.match(screen.at(-1) ?? '', /added bob/)
    await type('/statsu')
    assert.match(screen.at(-1) ?? '', /did you mean \/status/)
    await type('/block eve')
    assert.match(screen.at(-1) ?? '', /there is no contact "eve".*MESH_CONTACT_UNKNOWN/)
    await type('/help')
    assert.match(screen.join(''), /\/verify \[?WHO/i)
    assert.equal(await type('/quit'), 'leave')
  })

  it('takes commands of two words', async () => {
    const { screen, type } = aPlace()
    await type('/bundle import /m/a.qpqb "/m/b c.qpqb"')
    assert.match(screen.join(''), /2 envelopes taken in/)
    await type('/bundle exprot /m/a.qpqb')
    assert.match(screen.at(-1) ?? '', /did you mean \/bundle export\?/)
  })

  it('takes the messages of whom one talks to', async () => {
    const { api, screen, type } = aPlace()
    const asked: unknown[] = []
    api.reply = async (params) => {
      asked.push(params)
      return { id: 'reply', conversation: 'qpq1bob', state: 'queued' }
    }
    api.react = async (params) => {
      asked.push(params)
      return { id: 'react', message: 'm', state: 'queued' }
    }
    await type('/reply last no')
    await type('/to bob')
    await type('/reply last on my way')
    await type('/react ABCDE 👍 --undo')
    await type('/reply ABCDE there --in carol')
    assert.deepEqual(asked, [
      { message: 'last', text: 'no' },
      { message: 'last', text: 'on my way', in: 'qpq1bob' },
      { message: 'ABCDE', emoji: '👍', undo: true, in: 'qpq1bob' },
      { message: 'ABCDE', text: 'there', in: 'carol' },
    ])
    await type('/delete last')
    assert.match(screen.at(-1) ?? '', /the other side is told/)
  })

  it('says with flags what a plain line cannot', async () => {
    const { api, type } = aPlace()
    await type('/say hello')
    await type('/to bob')
    await type('/say --thread ABCDE pea soup')
    await type('/say burn this --once')
    assert.deepEqual(api.sent, [
      { to: 'qpq1bob', text: 'pea soup', thread: 'ABCDE' },
      { to: 'qpq1bob', text: 'burn this', once: true },
    ])
  })

  it('has every command about messages in place, for whom one talks to', async () => {
    const { screen, type } = aPlace()
    await type('/to bob')
    for (const line of [
      '/log',
      '/reply last x',
      '/react last 👍',
      '/edit last x',
      '/delete last',
      '/read last',
      '/thread last',
      '/threads',
      '/set --typing on',
      '/settings',
    ]) {
      screen.length = 0
      await type(line)
      assert.doesNotMatch(screen.join(''), /CLI_USAGE|NODE_PARAMS|MESH_/, line)
    }
  })

  it('sets the conversation that one is in, and says how it is set', async () => {
    const { screen, type } = aPlace()
    await type('/to bob')
    await type('/set --ttl 1d --read-receipts on')
    assert.match(screen.join(''), /bob is told what you have read\n.*\nmessages disappear 24 h after/)
    await type('/set --ttl 3')
    assert.match(screen.at(-1) ?? '', /no time that messages can last/)
    await type('/set')
    assert.match(screen.at(-1) ?? '', /nothing was said.*`\/settings`/)
    await type('/set --ttl off')
    await type('/settings')
    assert.equal(screen.at(-1), 'messages stay\n')
  })

  it('tells whom one talks to that something is typed, and nobody what commands are', async () => {
    const { api, place, type } = aPlace()
    const told: unknown[] = []
    api.typing = async (params) => {
      told.push(params)
      return { told: true }
    }
    await place.typing('hello')
    await type('/to bob')
    await place.typing('/quit')
    await place.typing('hel')
    await place.typing('')
    await place.typing('')
    assert.deepEqual(told, [
      { to: 'qpq1bob', on: true },
      { to: 'qpq1bob', on: false },
    ])
  })

  it('gives advice in commands that can be typed here', async () => {
    const { api, screen, type } = aPlace()
    api.send = async () => {
      throw new MeshError('MESH_CONTACT_BLOCKED', 'this person is blocked', { hint: 'Take that back first: `qpq contact block NAME --undo`.' })
    }
    await type('/to bob')
    await type('hi')
    assert.equal(screen.at(-1), 'this person is blocked — take that back first: `/block NAME --undo` (MESH_CONTACT_BLOCKED)\n')
  })

  it('asks about a request in the words of the prompt', () => {
    const { place, screen } = aPlace()
    place.show({ event: 'request', person: 'qpq1eve', claimedName: 'bob\u001b[2J' })
    assert.match(screen.join(''), /calling itself "bob\[2J".*\n.*\/add qpq1eve NAME/)
  })
})

describe('splitWords', () => {
  it('keeps quoted words together and apostrophes as letters', () => {
    assert.deepEqual(splitWords(`add x "a b" 'c d' it's "open`), ['add', 'x', 'a b', 'c d', "it's", '"open'])
  })
})
