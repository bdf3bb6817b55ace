/**
 * Whatever is wrong gets its code, one sentence, an advice and the right exit code, for people and for
 * scripts, and nothing that was there before is lost.
 *
 * Real commands against real nodes in namespaces: wrong words and files, wrong and full directories,
 * nodes that are dead or hang, unknown people, revoked devices, expired certificates.
 */
import assert from 'node:assert/strict'
import type { NodeSpace } from '../netns/index.ts'
import { checkDirectories, checkFullDisk, checkOccupied, checkSilentNodes } from './bad-directories.ts'
import { checkEscapes, checkExpired, checkPeople, checkRevoked } from './bad-people.ts'
import { checkTyping } from './bad-typing.ts'
import { eventually, introduce, Person, withStreet } from './people.ts'
import { seen } from './refusals.ts'

const started = performance.now()

async function checkOwnDirectories(space: NodeSpace, root: string, card: string): Promise<void> {
  await checkDirectories(space, root)
  await checkFullDisk(space, root, card)
}

await withStreet('bad', async ({ lab, lan1, root }) => {
  const a = new Person('alice', await lab.addNode('a'), root)
  const b = new Person('bob', await lab.addNode('b'), root)
  const twin = new Person('twin', await lab.addNode('t'), root)
  for (const { space } of [a, b, twin]) await space.join(lan1)
  await Promise.all([a.up(), b.up()])
  await introduce(a, b)
  await a.api.send({ to: 'bob', text: 'before all this' })
  await eventually('the first message arrives', async () => ((await b.log(a)).length === 1 ? true : undefined))
  const before = await a.api.id()

  const { card } = await b.api.contactCard({})
  // Side by side, each in a namespace of its own; those who use one node follow each other.
  const aside = [checkTyping(await lab.addNode('typing'), root), checkOwnDirectories(await lab.addNode('alone'), root, card)]
  await checkPeople(a, b)
  await checkOccupied(a, root)
  await checkSilentNodes(a, root)
  await checkEscapes(a, b)
  await Promise.all(aside)
  const contacts = await a.api.contactList()
  assert.deepEqual(contacts.map(({ petname, state }) => `${petname} ${state}`).sort(), ['bob contact', 'bobby contact'])
  assert.deepEqual([(await a.api.id()).person, (await a.api.id()).device], [before.person, before.device])
  assert.equal((await a.log(b))[0]?.text, 'before all this')
  await checkExpired(a, b)
  await checkRevoked(a, b, twin)
  await Promise.all([a.down(), b.down()])
})
console.log(
  `bad input: ${seen.refusals} refusals, each with its code, a sentence, an advice and its exit code, in ${Math.round((performance.now() - started) / 1_000)} s; nothing was lost`,
)
