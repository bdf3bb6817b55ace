/**
 * Records every frame on the LAN while two people meet and talk, then searches the recording for what
 * they said, who they are and the words of their identities: nothing of it may be there, in any encoding
 * a careless program would use.
 */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eventually, introduce, Person, withStreet } from './people.ts'

const TEXTS = ['meet me at the harbour at nine', 'bring the yellow umbrella', 'ΠΡΟΣΟΧΗ the bridge is closed', 'understood, over and out']
const NAMES = ['marguerite-of-the-attic', 'balthazar-of-the-cellar']

await withStreet('capture', async ({ lab, lan1, root }) => {
  const [nameA = '', nameB = ''] = NAMES
  const a = new Person(nameA, await lab.addNode('a'), root, ['--show-words'])
  const b = new Person(nameB, await lab.addNode('b'), root, ['--show-words'])
  await a.space.join(lan1, { ipv4: '169.254.1.1/16' })
  await b.space.join(lan1, { ipv4: '169.254.1.2/16' })
  const file = join(root, 'lan.pcap')
  const recorder = await lab.addNode('recorder')
  await recorder.join(lan1, { ipv4: '169.254.1.9/16' })
  const tcpdump = recorder.start(['ip', 'netns', 'exec', lan1.namespace, 'tcpdump', '-i', 'br0', '-U', '--immediate-mode', '-s', '0', '-Z', 'root', '-w', file])
  await eventually('the recording starts', async () => (tcpdump.errors.some((line) => line.includes('listening on')) ? true : undefined))

  await Promise.all([a.up(), b.up()])
  await introduce(a, b)
  const [first = '', second = '', third = '', fourth = ''] = TEXTS
  for (const text of [first, second]) await a.api.send({ to: b.name, text })
  for (const text of [third, fourth]) await b.api.send({ to: a.name, text })
  for (const [reader, writer] of [
    [a, b],
    [b, a],
  ] as const) {
    await eventually('everything arrives and is acknowledged', async () => {
      const log = await reader.log(writer)
      return log.length >= TEXTS.length && log.every(({ direction, state }) => direction === 'in' || state === 'delivered') ? true : undefined
    })
  }
  const words = [a, b].flatMap((person) => person.node.process.lines.flatMap(wordsIn))
  assert.equal(words.length, 48, 'both nodes showed their words on request')
  await Promise.all([a.down(), b.down()])
  // The last packets leave the kernel's ring a moment later.
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  await tcpdump.stop()

  const recording = await readFile(file)
  assert.ok(recording.length > 20_000, `the recording has only ${recording.length} bytes`)
  assert.ok(recording.includes('_p2p'), 'the recording does hold what is public')
  const phrases = words.map((word, i) => `${word} ${words[i + 1] ?? ''}`).slice(0, -1)
  const secrets = [...TEXTS, ...TEXTS.flatMap((text) => text.split(' ').filter((word) => word.length > 7)), ...NAMES, ...phrases]
  const found = secrets.filter((secret) => encodingsOf(secret).some((bytes) => recording.includes(bytes)))
  assert.deepEqual(found, [])
  console.log(
    `capture: ${recording.length} bytes recorded, ${secrets.length} texts, names and words searched in ${encodingsOf('x').length} encodings, none found`,
  )
})

function encodingsOf(secret: string): Buffer[] {
  const utf8 = Buffer.from(secret, 'utf8')
  return [
    utf8,
    Buffer.from(secret, 'utf16le'),
    Buffer.from(utf8.toString('hex')),
    Buffer.from(utf8.toString('base64').replaceAll('=', '').slice(0, -1)),
    Buffer.from(secret.toUpperCase(), 'utf8'),
  ]
}

function wordsIn(line: string): string[] {
  if (!line.startsWith('{')) return []
  const event: unknown = JSON.parse(line)
  return typeof event === 'object' && event !== null && 'words' in event && typeof event.words === 'string' ? event.words.split(' ') : []
}
