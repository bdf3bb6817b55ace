import assert from 'node:assert/strict'
import type { EnvelopeId } from '#mesh/ids'
import { type MeshPerson, meetPeople } from '../testing/mesh-people.ts'
import { Stage, textsOf } from '../testing/stage.ts'
import { linkMentions, mentionsIn } from './mentions.ts'

describe('threads and mentions', () => {
  let stage: Stage
  let a: MeshPerson
  let b: MeshPerson

  beforeEach(async () => {
    stage = new Stage()
    ;[a, b] = await stage.friends()
  })

  afterEach(() => stage.stop())

  const say = async (by: MeshPerson, to: MeshPerson, text: string, options: { thread?: EnvelopeId; replyTo?: EnvelopeId } = {}): Promise<EnvelopeId> => {
    const { id } = await by.conversations.send(by.contacts.find(to.keys.person), text, options)
    await meetPeople(stage.clock, a, b)
    return id
  }

  it('hold together what was said about one thing, the same on both sides', async () => {
    const soup = await say(a, b, 'soup?')
    const walk = await say(b, a, 'a walk?')
    const which = await say(b, a, 'which one?', { thread: soup })
    await say(a, b, 'later', { thread: walk })
    await say(a, b, 'pea', { replyTo: which })
    for (const [of, whom] of [
      [a, b],
      [b, a],
    ] as const) {
      for (const id of [soup, which]) assert.deepEqual(textsOf(await of.conversations.thread(whom.keys.person, id)), ['soup?', 'which one?', 'pea'])
      const threads = await of.conversations.threads(whom.keys.person)
      assert.deepEqual(
        threads.map(({ thread, first, count }) => [thread, first?.text, count]),
        [
          [walk, 'a walk?', 2],
          [soup, 'soup?', 3],
        ],
      )
    }
    assert.equal((await a.log(b)).length, 5)
  })

  it('name the person whom the writer calls so, and not who is called alike', async () => {
    await say(a, b, 'ask @bob, not @bobby nor me@bob or `@bob`')
    const [message] = await b.log(a)
    assert.deepEqual(message?.mentions, [b.keys.person])
    assert.equal(message?.text, `ask [@bob](qpq://p/${b.keys.person}), not @bobby nor me@bob or \`@bob\``)
  })

  it('take the longest name, and none of somebody who is blocked', () => {
    const person = (name: string, state = 'contact') => ({ petname: name, person: `qpq1${name.replaceAll(' ', '')}`, state })
    const contacts = { list: () => [person('anna'), person('anna maria'), person('eve', 'blocked')] } as unknown as Parameters<typeof linkMentions>[1]
    assert.equal(linkMentions('@anna maria! @anna. @eve', contacts), '[@anna maria](qpq://p/qpq1annamaria)! [@anna](qpq://p/qpq1anna). @eve')
    const within = { list: () => [person('anna'), person('bob (@anna)')] } as unknown as Parameters<typeof linkMentions>[1]
    assert.equal(linkMentions('@bob (@anna) and @anna', within), '[@bob (@anna)](qpq://p/qpq1bob(@anna)) and [@anna](qpq://p/qpq1anna)')
    assert.equal(linkMentions('@'.repeat(30_000), contacts), '@'.repeat(30_000))
    assert.deepEqual(mentionsIn('[@x](qpq://p/qpq1nobody) [x](https://y)'), [])
  })
})
