/**
 * Sneakernet: A and B are never on one network; a directory stands for the stick.
 *
 * A writes 10,000 messages, `bundle export` cuts them into parts, B imports them and shows every one once and in
 * order; the return stick empties A's outbox. A damaged block loses its messages alone, and the next export heals
 * it. A stick that is full keeps its whole parts; a watched folder reads by itself.
 */
import assert from 'node:assert/strict'
import { cp, mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type NetLab, run } from '../netns/index.ts'
import { eventually, introduce, Person, withStreet } from './people.ts'

/** Fewer with an argument: `node test-net/checks/stick.ts 2000`. */
const MESSAGES = Number(process.argv[2] ?? 10_000)
/** Requests at once: what waits together shares a sync of the disk. */
const AT_ONCE = 250
const MORE = 300
const QPQ = join(import.meta.dirname, '../../scripts/qpq')
const BUNDLE_TIMEOUT_MS = 150_000
/** What `log` gives at most. */
const MAX_LOG = 10_000
/** One block holds about 35 messages, and the damage may lie on two. */
const MAX_LOST = 80
const TEXTS = Array.from({ length: MESSAGES }, (_, i) => `message ${i} of ${MESSAGES}`)

/** What stands on the desk: directories that stand for sticks, one of them small, and how long things took, in s. */
interface Desk {
  readonly lab: NetLab
  readonly root: string
  readonly stick: string
  readonly plug: string
  readonly small: string
  readonly times: Record<string, number>
}

await withStreet('stick', async ({ lab, root, lan1, lan2 }) => {
  const desk: Desk = { lab, stick: join(root, 'stick'), plug: join(root, 'plug'), small: join(root, 'small'), root, times: {} }
  for (const dir of [desk.stick, desk.plug, desk.small]) await mkdir(dir)
  await run('mount', '-t', 'tmpfs', '-o', 'size=200k', 'tmpfs', desk.small) // before the nodes: each sees the mounts there are when it starts
  try {
    const a = new Person('a', await lab.addNode('a'), root)
    const b = new Person('b', await lab.addNode('b'), root, ['--watch-folder', desk.plug])
    await a.space.join(lan1)
    await b.space.join(lan2)
    await Promise.all([a.up(), b.up()])
    await introduce(a, b) // their cards, on paper
    const parts = await backlog(a, b, desk)
    const lost = await tornStick(a, b, desk)
    await fullStick(a, desk)
    await Promise.all([a.down(), b.down()])
    const seconds = Object.entries(desk.times).map(([what, s]) => `${what} ${s.toFixed(1)} s`)
    console.log(`stick: ${MESSAGES} messages in ${parts} parts arrived once and in order, delivered by receipt (${seconds.join(', ')})`)
    console.log(`stick: a bad block cost ${lost} messages, and the next bundle brought them`)
  } finally {
    await run('umount', desk.small)
  }
})

/** A backlog crosses and its receipts come back. Says in how many parts. */
async function backlog(a: Person, b: Person, { stick, times }: Desk): Promise<number> {
  const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const started = performance.now()
    const result = await work()
    times[what] = (performance.now() - started) / 1_000
    return result
  }
  await timed('send', () => sendAll(a, TEXTS))
  const written = await timed('export', () => bundle(a, 'export', join(stick, 'post.qpqb'), '--for', 'b', '--max-bytes', '400K'))
  const parts = (await readdir(stick)).sort()
  assert.ok(parts.length >= 3, parts.join())
  for (const name of parts) assert.ok((await stat(join(stick, name))).size <= 400_000)
  assert.deepEqual(
    written['files'],
    parts.map((name) => join(stick, name)),
  )
  assert.ok(
    (await a.api.outbox()).every(({ state }) => state === 'queued'),
    'nobody has confirmed anything',
  )
  const brought = await timed('import', () => bundle(b, 'import', stick))
  assert.equal(brought['badBlocks'], 0)
  assert.ok(Number(brought['accepted']) >= MESSAGES, JSON.stringify(brought))
  await timed('shown', () => assertArrived(b, a, TEXTS))
  const announced = b.node.process.lines.flatMap(textIn)
  assert.deepEqual(announced, TEXTS, 'announced in order')
  const again = await bundle(b, 'import', join(stick, parts[0] ?? ''))
  assert.equal(again['accepted'], 0, 'a second time changes nothing')
  await timed('back', async () => {
    await bundle(b, 'export', join(stick, 'back.qpqb'))
    await bundle(a, 'import', join(stick, 'back.qpqb'))
    await assertDelivered(a, b, MESSAGES)
  })
  return parts.length
}

/** A sector of the stick is bad, and B reads it by itself. Says how many messages that cost. */
async function tornStick(a: Person, b: Person, { root, stick, plug }: Desk): Promise<number> {
  const more = Array.from({ length: MORE }, (_, i) => `more ${i}`)
  await sendAll(a, more)
  const torn = join(root, 'torn.qpqb')
  await bundle(a, 'export', torn)
  await overwrite(torn, (await stat(torn)).size - 60_000, 4_096) // receipts come first, and B has those
  await mkdir(join(plug, 'STICK'))
  await cp(torn, join(plug, 'STICK', 'torn.qpqb'))
  const seen = await eventually('B has read the stick', async () => {
    const folder = (await b.api.status()).sneakernet[plug]
    return folder !== undefined && folder.files > 0 ? folder : undefined
  })
  assert.ok(seen.badBlocks >= 1 && seen.badBlocks <= 2, `${seen.badBlocks} bad blocks`)
  assert.ok((await b.api.doctor()).findings.some(({ code }) => code === 'bundle-unreadable'))
  const bringBack = async (name: string) => {
    await bundle(b, 'export', join(stick, name))
    await bundle(a, 'import', join(stick, name))
  }
  // What was read is acknowledged within moments; the rest still waits.
  const lost = await eventually('A knows what arrived', async () => {
    await rm(join(stick, 'back2.qpqb'), { force: true })
    await bringBack('back2.qpqb')
    const { length } = await a.api.outbox()
    return length <= MAX_LOST ? length : undefined
  })
  assert.ok(lost > 0, 'something was lost')
  await bundle(a, 'export', join(plug, 'healed.qpqb'))
  await assertArrived(b, a, [...TEXTS, ...more])
  await bringBack('back3.qpqb')
  await eventually('A waits for nothing', async () => ((await a.api.outbox()).length === 0 ? true : undefined))
  return lost
}

/** A stick of 200 kB: whole parts stay, the one that found no room is gone, and the words say so. */
async function fullStick(a: Person, { small }: Desk): Promise<void> {
  await sendAll(
    a,
    Array.from({ length: 600 }, (_, i) => `late ${i}`),
  )
  const said = await bundle(a, 'export', join(small, 'x.qpqb'), '--max-bytes', '64K').then(
    () => assert.fail('more fits onto the stick than there is room'),
    (error: unknown) => String(error),
  )
  assert.match(said, /NODE_DISK_FULL/)
  const left = await readdir(small)
  assert.ok(left.length >= 2 && left.every((name) => /^x\.00\d\.qpqb$/.test(name)), left.join())
  assert.equal(/(\d+) whole parts stay/.exec(said)?.[1], String(left.length), said)
  await assert.rejects(bundle(a, 'export', join(small, 'y.qpqb')), /NODE_DISK_FULL/)
  assert.deepEqual(await readdir(small), left)
}

/** `qpq bundle …`, as a person types it; on a busy machine a backlog takes longer than other commands may. */
async function bundle(person: Person, ...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await person.space.exec(['sh', QPQ, 'bundle', ...args, '--json', '--data', person.data], { timeoutMs: BUNDLE_TIMEOUT_MS })
  if (code !== 0) throw new Error(`qpq bundle ${args.join(' ')} ended with ${code}: ${stderr}`)
  return JSON.parse(stdout) as Record<string, unknown>
}

async function sendAll(from: Person, texts: readonly string[]): Promise<void> {
  for (let at = 0; at < texts.length; at += AT_ONCE) {
    await Promise.all(texts.slice(at, at + AT_ONCE).map((text) => from.api.send({ to: 'b', text })))
  }
}

/** Everything is in the log and was announced, once each, and the log is in the order of writing; it gives the last 10,000. */
async function assertArrived(at: Person, from: Person, all: readonly string[]): Promise<void> {
  const newest = all.slice(-MAX_LOG)
  // Counted first: to read ten thousand messages ten times a second would keep the node from taking them.
  await eventually(
    `everything is taken in at ${at.name}`,
    async () => ((await at.api.status()).counters['inbox.read'] ?? 0) >= all.length || undefined,
    BUNDLE_TIMEOUT_MS,
  )
  const log = await eventually(`everything is shown at ${at.name}`, async () => {
    const messages = (await at.log(from)).filter(({ direction }) => direction === 'in')
    return messages.length >= newest.length && messages[0]?.text === newest[0] ? messages : undefined
  })
  assert.deepEqual(
    log.map(({ text }) => text),
    newest,
  )
  const announced = await eventually(`every message is announced at ${at.name}`, async () => {
    const texts = at.node.process.lines.flatMap(textIn)
    return texts.length >= all.length ? texts : undefined
  })
  assert.deepEqual(announced.toSorted(), all.toSorted())
}

function textIn(line: string): string[] {
  if (!line.startsWith('{"event":"message"')) return []
  const event = JSON.parse(line) as { direction: string; text: string }
  return event.direction === 'in' ? [event.text] : []
}

async function assertDelivered(from: Person, to: Person, count: number): Promise<void> {
  await eventually('everything is delivered', async () => {
    if ((await from.api.outbox()).length > 0) return undefined
    const log = (await from.log(to)).filter(({ direction }) => direction === 'out')
    return log.length === count && log.every(({ state }) => state === 'delivered') ? true : undefined
  })
}

async function overwrite(file: string, at: number, bytes: number): Promise<void> {
  await using handle = await open(file, 'r+')
  await handle.write(new Uint8Array(bytes).fill(0x5a), 0, bytes, at)
}
