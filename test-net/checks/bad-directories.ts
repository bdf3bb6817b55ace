/** Data directories that are wrong, damaged, locked or full; the identity in them stays as it is. */
import assert from 'node:assert/strict'
import { chmod, chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type NodeSpace, QpqNode, run } from '../netns/index.ts'
import type { Person } from './people.ts'
import { assertRefused, qpq, type Refusal } from './refusals.ts'

const tooOpen = (says: RegExp): Refusal => ({ exit: 5, code: 'NODE_KEYSTORE_TOO_OPEN', says })
const unreadable = (says: RegExp): Refusal => ({ exit: 5, code: 'NODE_DATA_UNREADABLE', says })
const damaged = (says: RegExp): Refusal => ({ exit: 5, code: 'NODE_KEYSTORE_DAMAGED', says })
const FULL: Refusal = { exit: 5, code: 'MESH_STORE_FULL', says: /the disk is full — free some space/ }
/** Room for a store with little in it and for what opening it again needs (8 MiB, see `node/storage`); MiB. */
const SMALL_DISK_MIB = 24
/** Files end in the middle of a page, which even a full disk lets them fill. */
const LARGER_THAN_A_PAGE = 'meanwhile '.repeat(1_000)

/** Directories and key files. */
export async function checkDirectories(space: NodeSpace, root: string): Promise<void> {
  const data = join(root, 'keys')
  const keystore = join(data, 'keystore.json')
  const passphrase = join(root, 'passphrase')
  const wrong = join(root, 'wrong-passphrase')
  await writeFile(passphrase, 'correct horse\n')
  await writeFile(wrong, 'wrong horse\n')
  await writeFile(join(root, 'empty'), '')
  const up = (...args: string[]): string[] => ['up', '--data', data, '--passphrase-file', passphrase, ...args]
  await assertRefused(space, ['up', '--data', data, '--passphrase-file', join(root, 'empty')], {
    exit: 5,
    code: 'NODE_PASSPHRASE_NEEDED',
    says: /cannot be empty/,
  })
  const node = await QpqNode.start(space, { data, name: 'keys', args: ['--passphrase-file', passphrase] })
  await node.stop()
  const whole = await readFile(keystore, 'utf8')

  await assertRefused(space, ['up', '--data', data], { exit: 5, code: 'NODE_PASSPHRASE_NEEDED', says: /--passphrase-file/ })
  await assertRefused(space, ['up', '--data', data, '--passphrase-file', wrong], { exit: 5, code: 'NODE_PASSPHRASE_WRONG', says: /24 words/ })
  await assertRefused(space, up('--restore'), { exit: 2, code: 'CLI_USAGE', says: /there is an identity/ })
  await chmod(data, 0o755)
  await assertRefused(space, up(), tooOpen(/chmod 700/))
  await chmod(data, 0o700)
  await chmod(keystore, 0o644)
  await assertRefused(space, up(), tooOpen(/chmod 600/))
  await chmod(keystore, 0o600)
  await chown(keystore, 65_534, 65_534)
  await assertRefused(space, up(), tooOpen(/another user/))
  await chown(keystore, 0, 0)
  for (const [text, says] of [['{', /damaged.*24 words/] as const, [whole.replace('"version": 1', '"version": 2'), /newer version/] as const]) {
    await writeFile(keystore, text)
    await assertRefused(space, up(), damaged(says))
    assert.equal(await readFile(keystore, 'utf8'), text, 'a damaged key file is not touched')
  }
  await writeFile(keystore, whole)
  await assertRefused(space, ['up', '--data', passphrase], unreadable(/is not a directory/))
  await assertRefused(space, ['up', '--data', '/proc/qpq'], unreadable(/cannot be made/))

  await run('mount', '--bind', data, data)
  try {
    await run('mount', '-o', 'remount,ro,bind', data)
    await assertRefused(space, up(), unreadable(/cannot be written.*read-only/))
  } finally {
    await run('umount', data)
  }
  const again = await QpqNode.start(space, { data, args: ['--passphrase-file', passphrase] })
  assert.equal(again.ready.person, node.ready.person, 'after all that it is the same person')
  await again.stop()
}

/** A second node, and ports that are taken. */
export async function checkOccupied(a: Person, root: string): Promise<void> {
  const { space, data } = a
  await assertRefused(space, ['up', '--data', data], { exit: 5, code: 'NODE_DATA_LOCKED', says: /another node \(pid \d+\).*--data/ })
  const other = join(root, 'second')
  const port = { exit: 5, code: 'NODE_PORT_IN_USE' } as const
  await assertRefused(space, ['up', '--data', other, '--port', '7717'], { ...port, says: /7717.*--port/ })
  await assertRefused(space, ['up', '--data', other, '--listen', '/ip4/203.0.113.1/tcp/7717'], { ...port, says: /not one of this machine/ })
  const holder = a.space.start([process.execPath, '-e', HOLD_7718])
  try {
    await holder.waitFor('the port is held', (line) => line === 'held' || undefined, { timeoutMs: 10_000 })
    await assertRefused(space, ['up', '--data', other, '--control-port', '7718'], { ...port, says: /7718.*--control-port/ })
  } finally {
    await holder.stop()
  }
  const words = JSON.parse(await firstLine(space, ['up', '--data', join(root, 'third'), '--port', '7717', '--show-words', '--json'])) as {
    event: string
    words: string
  }
  assert.equal(words.words.split(' ').length, 24, 'the words of an identity whose first start failed are shown')
}

/** A program that has the control port. */
const HOLD_7718 = `require('node:net').createServer().listen(7718, '127.0.0.1', () => console.log('held'))`

/** A node that was killed, one that hangs, and one that is late. */
export async function checkSilentNodes(a: Person, root: string): Promise<void> {
  const { space, data } = a
  const running = a.node.process
  running.kill('SIGSTOP')
  try {
    await assertRefused(space, ['status', '--data', data, '--timeout', '0.5'], { exit: 6, code: 'NODE_TIMEOUT', says: /within 0\.5 s.*--timeout/ })
  } finally {
    running.kill('SIGCONT')
  }
  await assertRefused(space, ['watch', '--data', data, '--timeout', '0.3'], { exit: 6, code: 'NODE_TIMEOUT', says: /watched for 0\.3 s/ })
  const late = join(root, 'late')
  await assertRefused(space, ['up', '--data', late, '--timeout', '0.01'], { exit: 6, code: 'NODE_TIMEOUT', says: /not ready within/ })
  await a.kill()
  await assertRefused(space, ['status', '--data', data], { exit: 3, code: 'NODE_NOT_RUNNING', says: /qpq up/ })
  await a.up()
  await a.api.status()
}

/** The disk fills up while a node runs on it. */
export async function checkFullDisk(space: NodeSpace, root: string, bobsCard: string): Promise<void> {
  const disk = join(root, 'disk')
  await mkdir(disk)
  await run('mount', '-t', 'tmpfs', '-o', `size=${SMALL_DISK_MIB}m,mode=700`, 'tmpfs', disk)
  const data = join(disk, 'data')
  let node: QpqNode | undefined
  try {
    node = await QpqNode.start(space, { data, name: 'full' })
    await node.run('contact', 'add', bobsCard, '--as', 'bob')
    await node.run('send', 'bob', 'before')
    await fill(join(disk, 'filling'))
    await assertRefused(space, ['send', 'bob', LARGER_THAN_A_PAGE, '--data', data], FULL)
    await assertRefused(space, ['contact', 'verify', 'bob', '--confirm', '--data', data], FULL)
    assert.deepEqual(textsIn(await node.run('log', 'bob')), ['before'], 'what was there can be read')
    const [report] = await node.run('doctor')
    assert.match(JSON.stringify(report), /"code":"store-full"[^}]*disk of the data directory is full/)
    await assertRefused(space, ['up', '--data', join(disk, 'other')], { exit: 5, code: 'NODE_DATA_UNREADABLE', says: /full/ })
    await rm(join(disk, 'filling'))
    await node.run('send', 'bob', 'after')
    assert.deepEqual(textsIn(await node.run('log', 'bob')), ['before', 'after'], 'what was refused is not there, what follows is')
    await fill(join(disk, 'filling'))
    await assertRefused(space, ['send', 'bob', LARGER_THAN_A_PAGE, '--data', data], FULL)
    await node.kill()
    await assertRefused(space, ['up', '--data', data], { exit: 5, code: 'NODE_DATA_UNREADABLE', says: /full/ })
    await rm(join(disk, 'filling'))
    node = await QpqNode.start(space, { data })
    assert.deepEqual(textsIn(await node.run('log', 'bob')), ['before', 'after'], 'a plug pulled on a full disk loses nothing')
  } finally {
    await node?.stop()
    await run('umount', disk)
  }
}

/** Writes until nothing more fits. */
async function fill(path: string): Promise<void> {
  const chunk = new Uint8Array(65_536).fill(1)
  for (const bytes of [chunk, chunk.subarray(0, 4_096), chunk.subarray(0, 1)]) {
    try {
      for (;;) await writeFile(path, bytes, { flag: 'a' })
    } catch (error) {
      assert.ok(error instanceof Error && 'code' in error && error.code === 'ENOSPC', String(error))
    }
  }
}

function textsIn(log: ReadonlyArray<Record<string, unknown>>): unknown[] {
  return log.map(({ text }) => text)
}

async function firstLine(space: NodeSpace, args: readonly string[]): Promise<string> {
  return (await qpq(space, args)).stdout.split('\n')[0] ?? ''
}
