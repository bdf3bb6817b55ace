/**
 * NNCP (Debian) in the place of our nodes in W1: A writes 1,000 files of the same texts to B by way of C, in the same
 * namespaces over the same LANs.
 *
 * *Store*: from the first `nncp-file` (each a process, two at a time) until C has received all packets, checked their
 * hashes and tossed them, which opens the outer of their two envelopes. *Drain*: from B's `nncp-call` until every file
 * is in B's folder. Times grow with the number of messages, so those of W1's 10,000 are taken as ten times as long.
 */
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eventually, withStreet } from '../checks/people.ts'
import type { NodeSpace } from '../netns/index.ts'
import { wireBytesOf } from './proc.ts'
import { note } from './programs.ts'

/** Messages that are really sent. */
export const NNCP_MESSAGES = 1_000
const PORT = 5_400
const COMMAND_MS = 120_000
const ADDRESS_OF_C = { lan1: '169.254.1.3', lan2: '169.254.2.3' }
/** Seconds without packets after which a call ends by itself. */
const CALL_IDLE_S = 30
/** What `nncp-cfgnew` prints about oneself: what others get to know, and what they do not. */
const PUBLIC_KEYS = ['id', 'exchpub', 'signpub', 'noisepub']
const PRIVATE_KEYS = ['exchprv', 'signprv', 'noiseprv']

type Keys = Readonly<Record<string, string>>

/** One of the three, with its spool and its configuration. */
interface Party {
  readonly space: NodeSpace
  readonly dir: string
  readonly keys: Keys
}

/** Some of W1's figures by their names, times as for `total` messages; undefined, with a note, when NNCP is not installed. */
export async function nncp(total: number, textNo: (i: number) => string): Promise<Record<string, number> | undefined> {
  const figures: Record<string, number> = {}
  let isThere = true
  await withStreet('nncp', async ({ lab, lan1, lan2, root }) => {
    const [a, b, c] = [await lab.addNode('a'), await lab.addNode('b'), await lab.addNode('c')]
    if ((await a.exec(['nncp-cfgnew', '-nocomments'])).code !== 0) {
      note('W1: NNCP is not installed; its baseline is left out (apt-get install nncp)')
      isThere = false
      return
    }
    await a.join(lan1, { ipv4: '169.254.1.1/24' })
    await c.join(lan1, { ipv4: `${ADDRESS_OF_C.lan1}/24` })
    await c.join(lan2, { interface: 'eth1', ipv4: `${ADDRESS_OF_C.lan2}/24` })
    await b.join(lan2, { ipv4: '169.254.2.2/24' })
    const parties = { a: await party(a, root, 'a'), b: await party(b, root, 'b'), c: await party(c, root, 'c') }
    await introduce(parties)
    const texts = join(root, 'texts')
    await mkdir(texts)
    for (let i = 0; i < NNCP_MESSAGES; i++) await writeFile(join(texts, String(i)), textNo(i))
    c.start(['nncp-daemon', '-cfg', configOf(parties.c), '-bind', `0.0.0.0:${PORT}`, '-quiet', '-noprogress'])
    const scale = total / NNCP_MESSAGES
    const stored = await store(parties, texts)
    const drained = await drain(parties)
    figures['store, s'] = (stored.ms * scale) / 1_000
    figures['drain, s'] = (drained.ms * scale) / 1_000
    figures['bytes for each message, A to C, B'] = stored.bytes / NNCP_MESSAGES
    figures['bytes for each message, C to B, B'] = drained.bytes / NNCP_MESSAGES
    figures['lost, messages'] = NNCP_MESSAGES - drained.files
  })
  return isThere ? figures : undefined
}

async function party(space: NodeSpace, root: string, name: string): Promise<Party> {
  const { stdout } = await space.exec(['nncp-cfgnew', '-nocomments'])
  const keys = [...PUBLIC_KEYS, ...PRIVATE_KEYS].map((key) => [key, new RegExp(`${key}: (\\S+)`).exec(stdout)?.[1] ?? ''])
  const dir = join(root, name)
  await mkdir(join(dir, 'incoming'), { recursive: true })
  return { space, dir, keys: Object.fromEntries(keys) }
}

/** Writes the three configurations: A knows B by way of C, C knows both, B knows A and where C is. */
async function introduce({ a, b, c }: { a: Party; b: Party; c: Party }): Promise<void> {
  const as = ({ keys }: Party, more: object = {}): object => ({ ...Object.fromEntries(PUBLIC_KEYS.map((key) => [key, keys[key]])), ...more })
  const write = async (one: Party, neigh: object): Promise<void> => {
    const whole = { spool: one.dir, log: join(one.dir, 'log'), self: one.keys, neigh: { self: as(one), ...neigh } }
    await writeFile(configOf(one), JSON.stringify(whole))
  }
  await write(a, { b: as(b, { via: ['c'] }), c: as(c, { addrs: { lan: `${ADDRESS_OF_C.lan1}:${PORT}` } }) })
  await write(b, { a: as(a, { via: ['c'], incoming: join(b.dir, 'incoming') }), c: as(c, { addrs: { lan: `${ADDRESS_OF_C.lan2}:${PORT}` } }) })
  await write(c, { a: as(a), b: as(b) })
}

async function store({ a, c }: { a: Party; c: Party }, texts: string): Promise<{ ms: number; bytes: number }> {
  const { rx } = await wireBytesOf(c.space, 'eth0')
  const began = performance.now()
  await must(a, `ls ${texts} | xargs -P 2 -I TEXT nncp-file -cfg ${configOf(a)} -quiet -noprogress ${texts}/TEXT b:TEXT`)
  const call = a.space.start(['nncp-call', '-cfg', configOf(a), '-quiet', '-noprogress', '-onlinedeadline', String(CALL_IDLE_S), 'c'])
  const received = join(c.dir, a.keys['id'] ?? '', 'rx')
  await eventually('C has received all packets', async () => ((await packetsIn(received)) >= NNCP_MESSAGES ? true : undefined), COMMAND_MS)
  await must(c, `nncp-toss -cfg ${configOf(c)} -quiet -noprogress`)
  const ms = performance.now() - began
  await call.stop()
  return { ms, bytes: (await wireBytesOf(c.space, 'eth0')).rx - rx }
}

async function drain({ b, c }: { b: Party; c: Party }): Promise<{ ms: number; bytes: number; files: number }> {
  const { tx } = await wireBytesOf(c.space, 'eth1')
  const began = performance.now()
  const call = b.space.start(['nncp-call', '-cfg', configOf(b), '-quiet', '-noprogress', '-onlinedeadline', String(CALL_IDLE_S), 'c'])
  const received = join(b.dir, c.keys['id'] ?? '', 'rx')
  await eventually('B has received all packets', async () => ((await packetsIn(received)) >= NNCP_MESSAGES ? true : undefined), COMMAND_MS)
  await must(b, `nncp-toss -cfg ${configOf(b)} -quiet -noprogress`)
  const ms = performance.now() - began
  await call.stop()
  return { ms, bytes: (await wireBytesOf(c.space, 'eth1')).tx - tx, files: (await readdir(join(b.dir, 'incoming'))).length }
}

/** Packets that are whole and checked: others have names with a dot. */
async function packetsIn(folder: string): Promise<number> {
  return (await readdir(folder)).filter((name) => /^[A-Z2-7]{52}$/.test(name)).length
}

function configOf({ dir }: Party): string {
  return join(dir, 'config.json')
}

async function must({ space }: Party, line: string): Promise<void> {
  const { code, stderr } = await space.exec(['sh', '-c', line], { timeoutMs: COMMAND_MS })
  if (code !== 0) throw new Error(`${line} ended with ${code}: ${stderr.slice(-500)}`)
}
