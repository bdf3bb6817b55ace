import assert from 'node:assert/strict'
import { Sink } from '#cli/output'
import { MAX_TEXT_BYTES } from '#mesh/conversations'
import { isMeshError } from '#mesh/errors'
import type { OutboxInfo } from '#node/control'
import { fakeApi } from '../../node/control/fake-api.ts'
import { COMMANDS, findCommand, IN_PLACE, parseInput, printHelp } from './index.ts'
import { assertAddresses } from './up-addresses.ts'

const usage = (pattern: RegExp) => (error: unknown) => isMeshError(error, 'CLI_USAGE') && pattern.test(`${error.message} — ${error.hint}`)

async function run(typed: string, api = fakeApi(), confirm?: (question: string) => Promise<boolean>): Promise<string> {
  let text = ''
  const { command, rest } = findCommand(typed.split(' '))
  const input = parseInput(command, rest)
  const out = new Sink({ write: (part: string) => (text += part) })
  const context = { api, out, json: input.isSet('json'), signal: new AbortController().signal, isInPlace: false, readText: async () => 'piped\n' }
  await command.run?.({ ...context, ...(confirm === undefined ? {} : { confirm }) }, input)
  return text
}

const until = new Date(Date.now() + 3_600_000).toISOString()
const CHAIN: OutboxInfo['custody'] = [
  { device: '12D3KooWaaaaaaaa', until, hops: 1 },
  { device: '12D3KooWcccccccc', until, hops: 1 },
  { device: '12D3KooWbbbbbbbb', until, from: '12D3KooWaaaaaaaa', hops: 2 },
]

describe('the command table', () => {
  it('suggests the nearest command and the nearest flag', () => {
    assert.throws(() => findCommand(['statsu']), usage(/did you mean `qpq status`/))
    assert.throws(() => findCommand(['contact', 'lst']), usage(/did you mean `qpq contact list`/))
    assert.throws(() => findCommand(['contact']), usage(/contact add/))
    assert.throws(() => parseInput(findCommand(['log']).command, ['bob', '--limt', '3']), usage(/did you mean --limit/))
  })

  it('says what is missing, what is too much and what is no number', () => {
    const { command } = findCommand(['log'])
    assert.throws(() => parseInput(command, []), usage(/TO is missing.*usage: qpq log TO/))
    assert.throws(() => parseInput(command, ['bob', 'carol']), usage(/"carol" is one word too many/))
    assert.throws(() => parseInput(command, ['bob', '--limit']), usage(/--limit needs N/))
    assert.throws(() => parseInput(command, ['bob', '--limit', 'x']).number('limit', 1, 10), usage(/whole number/))
    assert.throws(() => parseInput(command, ['bob', '--json=1']), usage(/takes no value/))
  })

  it('refuses addresses that no node can have, from flags and from configuration', async () => {
    const none = { peers: undefined, listen: undefined }
    await assertAddresses({}, none)
    const good = ['/ip4/10.0.0.1/tcp/1', '/ip6zone/eth0/ip6/fe80::1/tcp/7717', '/ip4/10.0.0.1/udp/1/quic-v1', `/dns4/x/tcp/1/p2p/12D3KooW${'a'.repeat(44)}`]
    await assertAddresses({ peers: good, listen: ['/ip4/0.0.0.0/tcp/0'] }, { peers: good, listen: undefined })
    for (const address of ['10.0.0.1:1', 'foo', '', '/ip4/10.0.0.1', '/ip4/10.0.0.300/tcp/1', '/ip4/10.0.0.1/tcp/1/p2p/foo', '/ip4/1.1.1.1/tcp/99999']) {
      await assert.rejects(assertAddresses({}, { ...none, peers: [...good, address] }), usage(/--peer cannot be/), address)
      await assert.rejects(assertAddresses({ listen: [address] }, none), (error) => isMeshError(error, 'NODE_CONFIG_INVALID') && error.hint !== undefined)
    }
    await assert.rejects(assertAddresses({}, { ...none, listen: ['10.0.0.1:1'] }), usage(/did you mean \/ip4\/10.0.0.1\/tcp\/1\?/))
  })

  it('explains every command, and names each once', () => {
    assert.equal(new Set(COMMANDS.map((command) => command.name)).size, COMMANDS.length)
    assert.equal(new Set(IN_PLACE.map((command) => command.inPlace)).size, IN_PLACE.length)
    for (const command of COMMANDS) {
      let text = ''
      printHelp(new Sink({ write: (part: string) => (text += part) }), command.name)
      assert.match(text, new RegExp(`qpq ${command.name}`))
    }
  })
})

describe('commands', () => {
  it('send is silent when it went well, and answers with JSON when asked', async () => {
    const api = fakeApi()
    assert.equal(await run('send bob hello there', api), '')
    assert.equal(JSON.parse(await run('send --json bob -- --not a flag', api)).state, 'queued')
    assert.equal(await run('send bob -', api), '')
    assert.deepEqual(
      api.sent.map(({ text }) => text),
      ['hello there', '--not a flag', 'piped'],
    )
  })

  it('send takes a priority by the name that people use, and no other', async () => {
    const api = fakeApi()
    for (const said of ['critical', 'low', 'ephemeral']) await run(`send bob --priority ${said} soup`, api)
    await run('send bob soup', api)
    assert.deepEqual(
      api.sent.map(({ priority }) => priority),
      ['critical', 'bulk', 'ephemeral', undefined],
    )
    for (const said of ['urgent', 'constructor'])
      await assert.rejects(run(`send bob --priority ${said} soup`, api), usage(/no priority.*critical, normal, low/))
  })

  it('send says whether a message may cross a bridge only when somebody said it, and not both', async () => {
    const api = fakeApi()
    for (const said of ['', '--no-bridge ', '--bridge ']) await run(`send bob ${said}soup`, api)
    assert.deepEqual(
      api.sent.map(({ bridge }) => bridge),
      [undefined, false, true],
    )
    await assert.rejects(run('send bob --bridge --no-bridge soup', api), usage(/exclude each other/))
  })

  it('outbox is a table for people and objects for scripts', async () => {
    const row = { to: 'bob', attempts: 0, since: new Date(Date.now() - 3 * 60_000).toISOString(), custody: [] }
    const rows: OutboxInfo[] = [
      { ...row, id: 'a'.repeat(43), priority: 'critical', state: 'queued', nextAttemptAt: '2026-01-01T00:00:00Z' },
      { ...row, id: 'b'.repeat(43), priority: 'bulk', state: 'carried', custody: CHAIN },
    ]
    const api = fakeApi({ outbox: async () => rows })
    const [head, first, second, ...chain] = (await run('outbox', api)).trimEnd().split('\n')
    assert.match(head ?? '', /^to +age +priority +id +state$/)
    assert.match(first ?? '', /^bob +3 min +critical +…aaaaaaaa +waits here, given to nobody since the node started; next attempt 20/)
    assert.match(second ?? '', /^bob +3 min +low +…bbbbbbbb +3 carry it$/)
    assert.deepEqual(
      chain.map((line) => line.replace(/until .*/, '')),
      ['  carried by …aaaaaaaa ', '    handed on to …bbbbbbbb ', '  carried by …cccccccc '],
    )
    const lines = (await run('outbox --json', api)).trimEnd().split('\n')
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      rows,
    )
  })

  it('outbox counts who still has to carry a message, and says of hand-overs since when they are counted', async () => {
    const row: OutboxInfo = { id: 'a'.repeat(43), to: 'bob', priority: 'normal', state: 'carried', attempts: 2, since: until, custody: [] }
    const [first, ...others] = CHAIN
    assert.ok(first !== undefined)
    const gone = others.map((one) => ({ ...one, until: '2020-01-01T00:00:00Z' }))
    const rows: OutboxInfo[] = [
      { ...row, custody: [first, ...gone] },
      { ...row, state: 'queued', custody: gone },
    ]
    const text = await run('outbox', fakeApi({ outbox: async () => rows }))
    assert.match(text, / somebody carries it\n/)
    assert.match(text, /no longer promised: carried by …cccccccc until /)
    assert.match(text, / waits here, given out 2× since the node started, and nobody promises to carry it\n/)
  })

  it('outbox flush says what was tried', async () => {
    const asked: unknown[] = []
    const api = fakeApi({
      outboxFlush: async (params) => {
        asked.push(params)
        return { dialled: 3, reached: 1, peers: 1, waiting: 2 }
      },
    })
    assert.equal(await run('outbox flush bob', api), 'dialled 3, reached 1; 1 peer is connected, 2 messages wait\n')
    assert.deepEqual(JSON.parse(await run('outbox flush --json', api)), { dialled: 3, reached: 1, peers: 1, waiting: 2 })
    assert.deepEqual(asked, [{ to: 'bob' }, {}])
    assert.match(await run('outbox flush'), /^nobody to dial; 0 peers are connected, 0 messages wait/)
  })

  it('outbox clear asks first, takes no answer for a no, and says what may still arrive', async () => {
    const asked: unknown[] = []
    const api = fakeApi({
      outboxClear: async (params) => {
        asked.push(params)
        return { cleared: ['one', 'two', 'three'], mayArrive: 2 }
      },
    })
    await assert.rejects(
      run('outbox clear bob', api),
      usage(/take back 3 messages\? \(others may have 2 of the 3, and what they have may arrive\).*--yes does it/),
    )
    assert.deepEqual(asked, [{ which: 'bob', dryRun: true }])
    assert.equal(await run('outbox clear bob', api, async () => false), '')
    assert.equal(asked.length, 2)
    assert.match(
      await run('outbox clear bob', api, async () => true),
      /^took back 3 messages \(others may have 2 of the 3, and what they have may still arrive\)\n$/,
    )
    assert.deepEqual(asked.slice(-1), [{ which: 'bob' }])
    assert.deepEqual(JSON.parse(await run('outbox clear --yes --json', api)), { cleared: ['one', 'two', 'three'], mayArrive: 2 })
    assert.deepEqual(asked.slice(-1), [{}])
  })

  it('refuses a text that no message holds before it asks the node', async () => {
    const api = fakeApi()
    await assert.rejects(run(`send bob ${'x'.repeat(MAX_TEXT_BYTES + 1)}`, api), (error) => isMeshError(error, 'MESH_TEXT_INVALID'))
    await run(`send bob ${'x'.repeat(MAX_TEXT_BYTES)}`, api)
    assert.equal(api.sent.length, 1)
  })

  it('contact add takes a name in two ways and its JSON has a petname', async () => {
    assert.deepEqual(JSON.parse(await run('contact add qpq://c/x --as robert --json')), {
      person: 'qpq1bob',
      petname: 'robert',
      claimedName: 'bob',
      verified: false,
      state: 'contact',
    })
    assert.equal(JSON.parse(await run('contact add qpq://c/x robert --json')).petname, 'robert')
    await assert.rejects(run('contact add qpq://c/x robert --as rob'), usage(/two names/))
  })

  it('contact list shows contacts by name, then requests, then who is blocked', async () => {
    const api = fakeApi()
    api.contacts = (['blocked', 'request', 'contact'] as const).flatMap((state) =>
      ['zoe', 'Anna', 'bob'].map((claimedName) => ({ person: `qpq1${state}${claimedName}`, claimedName, verified: false, state })),
    )
    const names = (await run('contact list --json', api))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).person)
    assert.deepEqual(
      names,
      ['contact', 'request', 'blocked'].flatMap((state) => ['Anna', 'bob', 'zoe'].map((name) => `qpq1${state}${name}`)),
    )
  })

  it('contact card --qr draws a code a telephone can read, narrower than a terminal', async () => {
    const card = `qpq://c/${'a'.repeat(292)}`
    const lines = (await run('contact card --qr', fakeApi({ contactCard: async () => ({ card }) }))).trimEnd().split('\n')
    assert.equal(lines.pop(), card)
    assert.ok(lines.length > 20)
    for (const line of lines) assert.ok(line.length <= 80)
  })
})
