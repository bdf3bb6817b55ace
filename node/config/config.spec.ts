import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMeshError } from '#mesh/errors'
import { CONFIG_KEYS, configDirs, DEFAULT_CONFIG, dataPath, loadConfig, nearest, nodeOptions, readConfig } from './index.ts'

describe('configuration', () => {
  it('refuses an unknown key by name, with file, line and the nearest known one', async () => {
    await assert.rejects(readConfig('name: a\n\nprot: 1\n', '/x.yaml'), (error) => {
      assert.ok(isMeshError(error, 'NODE_CONFIG_INVALID'))
      assert.equal(error.message, '/x.yaml, line 3: unknown key "prot"')
      assert.equal(error.hint, 'did you mean "port"?')
      return true
    })
    await assert.rejects(readConfig('control:\n  prot: 1\n', '/x.yaml'), /line 2: unknown key "control.prot"/)
  })

  it('refuses values of the wrong kind, doubled keys and what is not YAML, with the line', async () => {
    for (const [text, fault] of [
      ['port: 70000', /line 1: "port" is a port/],
      ['peers: one', /line 1: "peers" is a list/],
      ['a:\n - [', /line \d/],
      ['name: a\nname: b', /line 2/],
      ['- 1', /keys and values/],
      ['profile: big', /one of router, pi, relay/],
      ['sneakernet: {watch: [media]}', /"sneakernet.watch" is a list of folders, each with its whole path/],
      ['sneakernet: {wach: []}', /unknown key "sneakernet.wach"/],
      ['meshes: [home]', /line 1: "meshes" is a map from names/],
      ['meshes: {Home: [eth0]}', /a-z, 0-9/],
      ['meshes: {home: eth0}', /lists of texts/],
      ['send: {bridge: maybe}', /"send.bridge" is true or false/],
      ['name:', /has no value/],
    ] as const) {
      await assert.rejects(readConfig(text, '/x.yaml'), (error) => isMeshError(error, 'NODE_CONFIG_INVALID') && fault.test(error.message), text)
    }
  })

  it('prints a default that reads back and names every key', async () => {
    assert.deepEqual(await readConfig(DEFAULT_CONFIG, 'default'), {
      listen: [],
      peers: [],
      profile: 'pi',
      control: {},
      discovery: { lan: true, dht: true },
      send: { bridge: true, readReceipts: false, typing: false },
      meshes: {},
      sneakernet: { watch: [] },
      log: {},
    })
    for (const key of Object.keys(CONFIG_KEYS)) assert.match(DEFAULT_CONFIG, new RegExp(`^(# )?${key}:`, 'm'))
  })

  it('reads files and fragments in order, the later ones winning key by key', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'config-'))
    await mkdir(join(dir, 'config.d'))
    await writeFile(join(dir, 'config.yaml'), 'name: a\nport: 1\ndiscovery: {lan: false}\n')
    await writeFile(join(dir, 'config.d/20.yaml'), 'port: 3\n')
    await writeFile(join(dir, 'config.d/10.yaml'), 'port: 2\ndiscovery: {dht: false}\n')
    assert.deepEqual(await loadConfig(undefined, [dir, join(dir, 'missing')]), { name: 'a', port: 3, discovery: { lan: false, dht: false } })
    await rm(dir, { recursive: true })
  })

  it('lays flags over files over defaults', () => {
    const options = nodeOptions('/d', { port: 1, name: 'file', peers: ['p1'] }, { port: 2, peers: ['p2'], discovery: false }, { level: 'warn', write() {} })
    assert.equal(options.port, 2)
    assert.equal(options.name, 'file')
    assert.deepEqual(options.peers, ['p1', 'p2'])
    assert.deepEqual(options.control, { port: 7718, isPortGiven: false })
    assert.deepEqual(options.discovery, { lan: false, dht: false })
    const { watchFolders } = nodeOptions('/d', { sneakernet: { watch: ['/media'] } }, { watchFolders: ['/mnt', '/media'] }, { level: 'warn', write() {} })
    assert.deepEqual(watchFolders, ['/media', '/mnt'])
  })
})

describe('paths', () => {
  it('takes the data directory from the flag, QPQ_DATA, XDG_DATA_HOME and the home directory, in this order', () => {
    const all = { QPQ_DATA: '/q', XDG_DATA_HOME: '/x', HOME: '/h' }
    assert.equal(dataPath('/flag', all), '/flag')
    assert.equal(dataPath(undefined, all), '/q')
    assert.equal(dataPath(undefined, { ...all, QPQ_DATA: '' }), '/x/quicproquo')
    assert.equal(dataPath(undefined, { HOME: '/h', XDG_DATA_HOME: 'relative' }), '/h/.local/share/quicproquo')
    assert.deepEqual(configDirs({ HOME: '/h' }), ['/etc/quicproquo', '/h/.config/quicproquo'])
  })
})

describe('nearest', () => {
  it('finds what a slip of the fingers meant, and nothing in what means something else', () => {
    assert.equal(nearest('statsu', ['status', 'send']), 'status')
    assert.equal(nearest('sned', ['status', 'send']), 'send')
    assert.equal(nearest('doc', ['doctor', 'down']), 'doctor')
    assert.equal(nearest('xyz', ['status', 'send']), undefined)
  })
})
