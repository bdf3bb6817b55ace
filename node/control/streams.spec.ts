/** Long work over the control socket: it streams, ends, fails and is cancelled. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMeshError, MeshError } from '#mesh/errors'
import { silentLog } from '#mesh/ports'
import type { BundleImported, BundleStep, NodeApi } from './api.ts'
import { ControlClient } from './client.ts'
import { fakeApi } from './fake-api.ts'
import { ControlServer } from './server.ts'

const forever = () => new AbortController().signal

describe('long work over the control socket', () => {
  let dir = ''
  let server: ControlServer
  let client: ControlClient

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'control-'))
  })
  afterEach(async () => {
    await client.close()
    await server.stop()
    await rm(dir, { recursive: true })
  })
  async function begin(over: Partial<NodeApi> = {}): Promise<void> {
    server = new ControlServer({ api: fakeApi(over), log: silentLog }, { dataDir: dir, http: { port: 'off', isPortGiven: true } })
    await server.start()
    client = await ControlClient.connect(dir, { timeoutMs: 2_000 })
  }
  async function all<T>(steps: AsyncIterable<T>): Promise<T[]> {
    const seen: T[] = []
    for await (const step of steps) seen.push(step)
    return seen
  }

  it('streams its steps and ends by itself, and other calls go on', async () => {
    await begin()
    const [steps, { name }] = await Promise.all([all(client.bundleExport({ file: '/m/a.qpqb' }, forever())), client.id()])
    assert.deepEqual(
      steps.map(({ event }) => event),
      ['progress', 'done'],
    )
    assert.equal(name, 'alice')
    assert.equal((await all(client.bundleImport({ files: ['/a', '/b'] }, forever()))).length, 2)
  })

  it('brings over the error with which it ended, after the steps before it', async () => {
    await begin({
      async *bundleExport() {
        yield { event: 'progress', done: 1, total: 2, envelopes: 1 }
        throw new MeshError('NODE_DISK_FULL', 'there is no room left', { hint: 'one part is whole', detail: { wholeParts: 1 } })
      },
    })
    const seen: string[] = []
    await assert.rejects(
      async () => {
        for await (const { event } of client.bundleExport({ file: '/m/a.qpqb' }, forever())) seen.push(event)
      },
      (error) => isMeshError(error, 'NODE_DISK_FULL') && error.hint === 'one part is whole' && error.detail['wholeParts'] === 1,
    )
    assert.deepEqual(seen, ['progress'])
  })

  it('refuses parameters of the wrong shape before it begins', async () => {
    await begin()
    const invalid = (error: unknown) => isMeshError(error, 'NODE_PARAMS_INVALID')
    await assert.rejects(all(client.bundleExport({ file: 'relative.qpqb' }, forever())), invalid)
    await assert.rejects(all(client.bundleExport({ file: '/a\0b' }, forever())), invalid)
    await assert.rejects(all(client.bundleExport({ file: '/a', maxBytes: 10 }, forever())), invalid)
    await assert.rejects(all(client.bundleImport({ files: [] }, forever())), invalid)
  })

  for (const how of ['the reader leaves', 'the connection ends'] as const) {
    it(`is cancelled when ${how}`, async () => {
      const { promise: cancelled, resolve: cancel } = Promise.withResolvers<void>()
      await begin({
        async *bundleImport(_params, signal): AsyncGenerator<BundleStep<BundleImported>> {
          signal.addEventListener('abort', () => cancel(), { once: true })
          yield { event: 'progress', done: 1, total: 2, envelopes: 1 }
          await cancelled
        },
      })
      const leaving = new AbortController()
      for await (const step of client.bundleImport({ files: ['/a'] }, leaving.signal)) {
        assert.equal(step.event, 'progress')
        if (how === 'the reader leaves') leaving.abort()
        else break
      }
      if (how === 'the connection ends') await client.close()
      await cancelled
    })
  }

  it('tells the reader when the node ends meanwhile', async () => {
    await begin({
      async *bundleImport(_params, signal): AsyncGenerator<BundleStep<BundleImported>> {
        yield { event: 'progress', done: 1, total: 2, envelopes: 1 }
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      },
    })
    await assert.rejects(
      async () => {
        for await (const _step of client.bundleImport({ files: ['/a'] }, forever())) await server.stop()
      },
      (error) => isMeshError(error, 'NODE_NOT_RUNNING'),
    )
  })
})
