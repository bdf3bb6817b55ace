/**
 * Two LANs that share nothing but three nodes with an interface in both; in each LAN somebody who writes to somebody
 * in the other one, half of the messages each way. How often does a message cross, and does it arrive once?
 *
 *   node test-net/checks/bridge-storm.ts [messages]     1,000 unless said otherwise
 *
 * Counted is what arrives, by a tap in every node (tap.ts), not what senders say. A *bridge link* is a link from one of
 * the three to a node that is only in the LAN where the message was not written: 3 bridges × 2 nodes for each direction.
 * A *copy* is one arrival of the message's envelope over it, wanted or not. Two figures, each as copies by messages:
 *
 * - per bridge link: of the worst link; above 1 is the same message twice over one link;
 * - per node: of the node that got most, over all its bridge links; 3 would be every bridge giving it the same.
 *
 * Then 50 messages that must not cross, to somebody in the other LAN: everybody in theirs carries them, the bridges too,
 * and none is ever sent to a node that is only in the other one.
 */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { eventually, introduce, Person, withStreet } from './people.ts'

const MESSAGES = Number(process.argv[2] ?? '1000')
const LIMIT = 1.2
const BRIDGES = 3
const CONFINED = 50
const CONFIG = 'meshes:\n  one: [eth0]\n  two: [wlan0]\n'
/** Requests to a node that may wait at once. */
const AT_ONCE = 16

await withStreet('bridge-storm', async ({ lab, lan1, lan2, root }) => {
  const config = join(root, 'bridge.yaml')
  await writeFile(config, CONFIG)
  const person = async (name: string, args: readonly string[] = []): Promise<Person> => {
    const env = { NODE_OPTIONS: `--import ${pathToFileURL(join(import.meta.dirname, 'tap.ts')).href}`, QPQ_TAP: join(root, `${name}.tap`) }
    return new Person(name, await lab.addNode(name), root, args, env)
  }
  const [sender1, receiver1, sender2, receiver2] = [await person('s1'), await person('r1'), await person('s2'), await person('r2')]
  const bridges: Person[] = []
  for (let i = 1; i <= BRIDGES; i++) bridges.push(await person(`b${i}`, ['--config', config]))
  for (const one of [sender1, receiver1]) await one.space.join(lan1)
  for (const two of [sender2, receiver2]) await two.space.join(lan2)
  for (const bridge of bridges) {
    await bridge.space.join(lan1, { interface: 'eth0' })
    await bridge.space.join(lan2, { interface: 'wlan0' })
  }
  const all = [sender1, receiver1, sender2, receiver2, ...bridges]
  await Promise.all(all.map((one) => one.up()))
  await introduce(sender1, receiver2)
  await introduce(sender2, receiver1)
  await introduce(sender1, sender2)
  await eventually('everybody is linked to everybody within reach', async () => {
    const counts = await Promise.all(all.map(async (one) => new Set((await one.api.peers()).map(({ device }) => device)).size))
    return counts.every((count, i) => count === (i < 4 ? BRIDGES + 1 : BRIDGES + 3)) ? true : undefined
  })

  for (const bridge of bridges) {
    const meshes = (await bridge.api.peers()).map(({ mesh }) => mesh)
    assert.ok(meshes.filter((mesh) => mesh === 'one').length >= 2 && meshes.filter((mesh) => mesh === 'two').length >= 2, `${bridge.name}: ${meshes.join()}`)
  }

  const started = performance.now()
  const half = Math.ceil(MESSAGES / 2)
  const [east, west] = await Promise.all([sendAll(sender1, receiver2, half), sendAll(sender2, receiver1, half)])
  await arrived(sender1, receiver2, half)
  await arrived(sender2, receiver1, half)
  const seconds = (performance.now() - started) / 1_000

  const devices = new Map(all.map((one) => [one.node.ready.device, one]))
  const crossings = [
    ...(await Promise.all([sender2, receiver2].map((node) => copiesAt(node, root, east, devices, bridges)))),
    ...(await Promise.all([sender1, receiver1].map((node) => copiesAt(node, root, west, devices, bridges)))),
  ]
  const links = crossings.flatMap(({ node, byLink }) => [...byLink].map(([from, copies]) => ({ link: `${from}→${node}`, perMessage: copies / half })))
  const nodes = crossings.map(({ node, byLink }) => ({ node, perMessage: [...byLink.values()].reduce((sum, copies) => sum + copies, 0) / half }))
  for (const bridge of bridges) {
    const seen = await taps(bridge, root)
    const copies = seen.filter(({ id }) => east.has(id) || west.has(id)).length
    console.log(`  ${bridge.name} got ${(copies / (2 * half)).toFixed(2)} copies of a message`)
  }
  for (const { link, perMessage } of links) console.log(`  ${link}: ${perMessage.toFixed(2)} copies of a message`)
  const worstLink = Math.max(...links.map(({ perMessage }) => perMessage))
  const worstNode = Math.max(...nodes.map(({ perMessage }) => perMessage))
  console.log(`  per node: ${nodes.map(({ node, perMessage }) => `${node} ${perMessage.toFixed(2)}`).join(', ')}`)
  assert.ok(worstLink <= LIMIT, `${worstLink} copies of a message over one bridge link`)
  assert.ok(worstNode <= LIMIT, `${worstNode} copies of a message over all bridge links of one node`)

  await confined(sender1, sender2, [receiver1, ...bridges])
  const elsewhere = await Promise.all([sender2, receiver2].map((node) => taps(node, root)))
  const outbox = await sender1.api.outbox()
  const strayed = elsewhere.flat().filter(({ id }) => outbox.some((waiting) => waiting.id === id)).length
  assert.equal(outbox.length, CONFINED)
  assert.equal(strayed, 0, 'what must not cross was never sent to anybody in the other LAN')

  await Promise.all(all.map((one) => one.down()))
  console.log(
    `bridge-storm: ${2 * half} messages over ${BRIDGES} bridges in ${seconds.toFixed(1)} s, each shown once; copies of a message per bridge link at most ${worstLink.toFixed(2)}, per node at most ${worstNode.toFixed(2)}; ${CONFINED} that must not cross did not`,
  )
})

/** Writes `count` messages; returns their ids. */
async function sendAll(from: Person, to: Person, count: number): Promise<Set<string>> {
  const ids = new Set<string>()
  for (let sent = 0; sent < count; sent += AT_ONCE) {
    const texts = Array.from({ length: Math.min(AT_ONCE, count - sent) }, (_, i) => `${from.name} ${sent + i}`)
    for (const { id } of await Promise.all(texts.map((text) => from.api.send({ to: to.name, text })))) ids.add(id)
  }
  return ids
}

/** Writes messages that must not cross, and waits until everybody in reach carries them and what was written later has crossed. */
async function confined(from: Person, to: Person, carriers: readonly Person[]): Promise<void> {
  for (let i = 0; i < CONFINED; i++) await from.api.send({ to: to.name, text: `here only ${i}`, bridge: false })
  await eventually('everybody in reach carries what must not cross', async () => {
    const waiting = await from.api.outbox()
    return waiting.length === CONFINED && waiting.every(({ bridge, custody }) => bridge === false && custody.length >= carriers.length) ? true : undefined
  })
  await to.api.send({ to: from.name, text: 'anything new?' })
  await from.api.send({ to: to.name, text: 'not that I know', bridge: true })
  await eventually('what may cross does', async () => {
    const [heard, answered] = [await from.log(to), await to.log(from)]
    return heard.some(({ text }) => text === 'anything new?') && answered.some(({ text }) => text === 'not that I know') ? true : undefined
  })
}

/** Waits until the reader has every message once and the writer knows it. */
async function arrived(writer: Person, reader: Person, count: number): Promise<void> {
  const received = await eventually(`everything of ${writer.name} arrives`, async () => {
    const log = (await reader.log(writer)).filter(({ direction }) => direction === 'in')
    return log.length >= count ? log : undefined
  })
  assert.equal(received.length, count)
  assert.equal(new Set(received.map(({ text }) => text)).size, count, 'each once')
  await eventually(`${writer.name} knows it`, async () => ((await writer.api.outbox()).length === 0 ? true : undefined))
}

async function taps({ name }: Person, root: string): Promise<Array<{ id: string; device: string; address: string }>> {
  const text = await readFile(join(root, `${name}.tap`), 'utf8')
  return text.split('\n').flatMap((line) => {
    const [id, device, address] = line.split(' ')
    return id === undefined || device === undefined || address === undefined ? [] : [{ id, device, address }]
  })
}

/** How many copies of `ids` came to a node over each of its bridge links. */
async function copiesAt(
  node: Person,
  root: string,
  ids: ReadonlySet<string>,
  devices: ReadonlyMap<string, Person>,
  bridges: readonly Person[],
): Promise<{ node: string; byLink: Map<string, number> }> {
  const byLink = new Map<string, number>()
  for (const { id, device } of await taps(node, root)) {
    const from = devices.get(device)
    if (from !== undefined && ids.has(id) && bridges.includes(from)) byLink.set(from.name, (byLink.get(from.name) ?? 0) + 1)
  }
  return { node: node.name, byLink }
}
