import { MeshError } from '#mesh/errors'
import type { ContactInfo, NodeApi, WatchEvent } from './api.ts'
import type { ConversationInfo } from './messages.ts'
import { WatchFeed } from './watch-feed.ts'

/** A node that answers from memory, for specs of what stands in front of one. */
export interface FakeApi extends NodeApi {
  readonly feed: WatchFeed
  readonly sent: Parameters<NodeApi['send']>[0][]
  contacts: ContactInfo[]
  publish(event: WatchEvent): void
}

/** Test-only. `over` replaces single answers. */
export function fakeApi(over: Partial<NodeApi> = {}): FakeApi {
  const feed = new WatchFeed()
  const sent: Parameters<NodeApi['send']>[0][] = []
  let settings: ConversationInfo = { conversation: 'qpq1bob', petname: 'bob', readReceipts: false, typing: false, ttlS: 0 }
  const fake: FakeApi = {
    feed,
    sent,
    contacts: [],
    publish: (event) => feed.publish(event),
    status: async () => ({
      device: '12D3KooWfake',
      uptimeS: 5,
      peers: 0,
      store: { envelopes: 0, tombstones: 0, bytes: 0, limitBytes: 500_000_000, full: false },
      outbox: { queued: 0, carried: 0 },
      rssBytes: 1,
      transports: {},
      discovery: {},
      sneakernet: {},
      counters: {},
      crypto: 'fake',
    }),
    id: async () => ({ person: 'qpq1me', device: '12D3KooWfake', name: 'alice', card: 'qpq://c/abc' }),
    peers: async () => [],
    doctor: async () => ({ healthy: true, findings: [] }),
    privacy: async () => ({ settings: [], views: [] }),
    down: async () => ({}),
    contactAdd: async ({ as }) => ({ person: 'qpq1bob', claimedName: 'bob', verified: false, state: 'contact', ...(as === undefined ? {} : { petname: as }) }),
    contactList: async () => fake.contacts,
    contactCard: async () => ({ card: 'qpq://c/abc' }),
    contactVerify: async () => ({
      person: 'qpq1bob',
      safetyNumber: Array(12).fill('12345').join(' '),
      verified: false,
      code: 'qpq://v/abc',
      comparison: { state: 'none' },
    }),
    contactBlock: async ({ who }) => {
      throw new MeshError('MESH_CONTACT_UNKNOWN', `there is no contact "${who}"`, { hint: 'see contact list', detail: { candidates: 0 } })
    },
    deviceList: async () => [],
    deviceRevoke: async () => {
      throw new Error('a secret of the inside')
    },
    send: async (params) => {
      sent.push(params)
      return { id: `id${sent.length}`, conversation: 'qpq1bob', state: 'queued' }
    },
    reply: async () => ({ id: 'reply', conversation: 'qpq1bob', state: 'queued' }),
    edit: async ({ message }) => ({ id: 'edit', message, state: 'queued' }),
    delete: async ({ message }) => ({ id: 'delete', message, state: 'queued' }),
    react: async ({ message }) => ({ id: 'react', message, state: 'queued' }),
    thread: async () => [],
    threads: async () => [],
    read: async ({ message }) => ({
      id: message,
      conversation: 'qpq1bob',
      from: 'qpq1bob',
      direction: 'in',
      text: 'once',
      at: '2026-01-01T00:00:00Z',
      parents: [],
    }),
    typing: async () => ({ told: true }),
    conversationGet: async () => settings,
    conversationSet: async (params) => {
      settings = { ...settings, ...params }
      return settings
    },
    log: async () => [],
    search: async () => ({ messages: [] }),
    outbox: async () => [],
    outboxFlush: async () => ({ dialled: 0, reached: 0, peers: 0, waiting: 0 }),
    outboxClear: async () => ({ cleared: [], mayArrive: 0 }),
    async *bundleExport({ file }) {
      yield { event: 'progress', done: 1, total: 2, envelopes: 1 }
      yield { event: 'done', files: [file], envelopes: 2, bytes: 2, tooLarge: 0 }
    },
    async *bundleImport({ files }) {
      yield { event: 'progress', done: 1, total: 2, envelopes: 1 }
      const counts = { accepted: 2, ignored: 0, reasons: {}, rejected: {}, blocks: 3, badBlocks: 0, carried: 0, partsFollow: false, failed: [] }
      yield { event: 'done', ...counts, files: files.length }
    },
    watch: (signal) => feed.watch(signal),
    ...over,
  }
  return fake
}
