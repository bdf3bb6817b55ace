/**
 * W1: 10,000 messages from A to B, who is away, over one carrier C, with real processes in namespaces.
 *
 * *Store*: from the first `send` on A (64 at a time) until A holds C's signatures for all of them; everything is
 * sealed, signed, checked and on both disks by then. *Drain*: A is off, B starts; from B's first message to its last
 * among the lines of `up --json`, each decrypted, in order, on its disk, and receipted. *First message*: from B's
 * `ready`. Bytes are those of C's interface to the other side, with everything around them.
 *
 * Baselines: mosquitto (Debian) with QoS 1, a persistent session for B, its clients, plain text, no signatures: an upper
 * bar; NNCP (Debian), see `nncp.ts`. Each is left out with a word when it is not installed.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually, introduce, Person, withStreet } from '../checks/people.ts'
import { type BenchOptions, figuresOf, type Report } from './figure.ts'
import { NNCP_MESSAGES, nncp } from './nncp.ts'
import { cpuMsOf, memoryMbOf, wireBytesOf } from './proc.ts'
import { note } from './programs.ts'

const MESSAGES = 10_000
const AT_A_TIME = 64
/** Characters of a text. Around it come 900 bytes of who wrote it, padding, envelope. */
const TEXT_CHARACTERS = 300
const RUNS = 3
const PATIENCE_MS = 180_000

type Figures = Record<string, number>

/** Runs the bench. */
export async function w1(report: Report, { runs = RUNS }: BenchOptions): Promise<void> {
  const ours: Figures[] = []
  for (let i = 0; i < runs; i++) ours.push(await once())
  note('W1: hypercore is no dependency of this project; its baseline is left out')
  const others = {
    'mosquitto, QoS 1': await mosquitto(),
    [`NNCP, ${NNCP_MESSAGES} messages, times × ${MESSAGES / NNCP_MESSAGES}`]: await nncp(MESSAGES, textNo),
  }
  for (const name of Object.keys(ours[0] ?? {})) {
    const [metric, unit = ''] = [name.slice(0, name.lastIndexOf(', ')), name.split(', ').at(-1)]
    const baselines = Object.fromEntries(Object.entries(others).map(([other, figures]) => [other, figures?.[name] === undefined ? [] : [figures[name]]]))
    const values = ours.map((figures) => figures[name] ?? Number.NaN)
    for (const figure of figuresOf({ bench: 'W1', metric, unit, values, baselines })) report(figure)
  }
}

async function once(): Promise<Figures> {
  const figures: Figures = {}
  await withStreet('w1', async ({ lab, lan1, lan2, root }) => {
    const [a, b, c] = [
      new Person('a', await lab.addNode('a'), root),
      new Person('b', await lab.addNode('b'), root),
      new Person('c', await lab.addNode('c'), root),
    ]
    await a.space.join(lan1)
    await b.space.join(lan1)
    await c.space.join(lan1, { interface: 'eth0' })
    await c.space.join(lan2, { interface: 'eth1' })
    await Promise.all([a.up(), b.up()])
    await introduce(a, b)
    await a.api.send({ to: 'b', text: 'the first carries the card' })
    await eventually('the first message is delivered', async () => ((await a.api.outbox()).length === 0 ? true : undefined))
    await b.down()
    await b.space.leave()
    await b.space.join(lan2)
    await c.up()
    await eventually('A and C are linked', async () => ((await a.api.peers()).length > 0 ? true : undefined))

    const before = { rx: (await wireBytesOf(c.space, 'eth0')).rx, cpuMs: await cpuMsOf(c.node.process.pid) }
    const began = performance.now()
    await sendAll(a)
    figures['accepted by A, s'] = (performance.now() - began) / 1_000
    await eventually('C has signed for all', async () => ((await a.api.status()).outbox.carried >= MESSAGES ? true : undefined), PATIENCE_MS)
    figures['store, s'] = (performance.now() - began) / 1_000
    figures['bytes for each message, A to C, B'] = ((await wireBytesOf(c.space, 'eth0')).rx - before.rx) / MESSAGES
    figures['CPU of C while storing, s'] = ((await cpuMsOf(c.node.process.pid)) - before.cpuMs) / 1_000
    await a.down()

    const { tx } = await wireBytesOf(c.space, 'eth1')
    await b.up()
    const readyMs = b.node.readyAtMs
    const first = await shownAt(b, 1)
    const last = await shownAt(b, MESSAGES)
    figures['first message after ready, ms'] = first - readyMs
    figures['drain, s'] = (last - first) / 1_000
    figures['bytes for each message, C to B, B'] = ((await wireBytesOf(c.space, 'eth1')).tx - tx) / MESSAGES
    figures['peak RSS of B, MB'] = await memoryMbOf(b.node.process.pid, 'VmHWM')
    figures['peak RSS of C, MB'] = await memoryMbOf(c.node.process.pid, 'VmHWM')
    await Promise.all([b.down(), c.down()])
    const shown = b.shown.filter((text) => text.startsWith('message '))
    figures['lost, messages'] = MESSAGES - new Set(shown).size
    figures['shown twice, messages'] = shown.length - new Set(shown).size
  })
  return figures
}

async function sendAll(a: Person): Promise<void> {
  let next = 0
  const write = async (): Promise<void> => {
    while (next < MESSAGES) await a.api.send({ to: 'b', text: textNo(next++) })
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, write))
}

function textNo(i: number): string {
  return `message ${i} `.padEnd(TEXT_CHARACTERS, 'x')
}

/** When that many messages stood among the lines of B, by `performance.now`. */
async function shownAt(b: Person, count: number): Promise<number> {
  const deadline = performance.now() + PATIENCE_MS
  let [seen, at] = [0, 0]
  while (performance.now() < deadline) {
    const { lines } = b.node.process
    for (; at < lines.length; at++) if (lines[at]?.includes('"event":"message"') === true) seen++
    if (seen >= count) return performance.now()
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  throw new Error(`B has shown ${seen} messages and not ${count}`)
}

/** The same with a broker in the place of C, its clients in the place of A and B; `undefined` when it is not installed. */
async function mosquitto(): Promise<Figures | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'qpq-w1-'))
  const port = 20_000 + Math.floor(Math.random() * 20_000)
  await writeFile(
    join(folder, 'conf'),
    `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location ${folder}/\nautosave_on_changes true\nautosave_interval 1000\nmax_queued_messages 0\nuser root\n`,
  )
  await writeFile(join(folder, 'texts'), Array.from({ length: MESSAGES }, (_, i) => textNo(i)).join('\n'))
  const broker = spawn('mosquitto', ['-c', join(folder, 'conf')], { stdio: 'ignore' })
  const isThere = await new Promise<boolean>((resolve) => {
    broker.once('error', () => resolve(false))
    broker.once('spawn', () => resolve(true))
  })
  if (!isThere) {
    note('W1: mosquitto is not installed; its baseline is left out (apt-get install mosquitto mosquitto-clients)')
    await rm(folder, { recursive: true })
    return undefined
  }
  try {
    await new Promise((resolve) => setTimeout(resolve, 500))
    const subscribe = `mosquitto_sub -p ${port} -i b -c -q 1 -t w1`
    await shell(`timeout 2 ${subscribe} -E`)
    const began = performance.now()
    await shell(`mosquitto_pub -p ${port} -q 1 -t w1 -l < ${join(folder, 'texts')}`)
    const stored = performance.now()
    await shell(`timeout 60 ${subscribe} -C ${MESSAGES} > /dev/null`)
    return { 'store, s': (stored - began) / 1_000, 'drain, s': (performance.now() - stored) / 1_000 }
  } finally {
    broker.kill('SIGTERM')
    await rm(folder, { recursive: true })
  }
}

function shell(line: string): Promise<void> {
  const child = spawn('sh', ['-c', line], { stdio: 'ignore' })
  return new Promise((resolve, reject) => child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`${line} ended with ${code}`)))))
}
