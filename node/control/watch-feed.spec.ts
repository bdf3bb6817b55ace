import assert from 'node:assert/strict'
import type { WatchEvent } from './api.ts'
import { WatchFeed, WatchQueue } from './watch-feed.ts'

const event = (device: string): WatchEvent => ({ event: 'peer', device, up: true, address: '' })

describe('WatchQueue', () => {
  it('puts the loss where the gap is', async () => {
    const queue = new WatchQueue({ maxEvents: 4 })
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) queue.push(event(name))
    queue.end()
    const seen: string[] = []
    for await (const one of queue) seen.push(one.event === 'lost' ? `lost ${one.count}` : one.event === 'peer' ? one.device : '')
    assert.deepEqual(seen, ['a', 'b', 'c', 'd', 'lost 2'])
  })

  it('goes on after a loss when there is room again', async () => {
    const queue = new WatchQueue({ maxEvents: 4 })
    for (const name of ['a', 'b', 'c', 'd', 'e']) queue.push(event(name))
    const reader = queue[Symbol.asyncIterator]()
    const seen: string[] = []
    const read = async () => {
      const { value } = await reader.next()
      if (value !== undefined) seen.push(value.event === 'peer' ? value.device : value.event)
    }
    await read()
    await read()
    await read()
    queue.push(event('f'))
    queue.end()
    for (let i = 0; i < 3; i++) await read()
    assert.deepEqual(seen, ['a', 'b', 'c', 'd', 'lost', 'f'])
  })
})

describe('WatchFeed', () => {
  it('gives each reader everything from when he came until he leaves', async () => {
    const feed = new WatchFeed()
    const ended = new AbortController()
    feed.publish(event('before'))
    const stream = feed.watch(ended.signal)
    feed.publish(event('during'))
    ended.abort()
    feed.publish(event('after'))
    const seen: WatchEvent[] = []
    for await (const one of stream) seen.push(one)
    assert.deepEqual(seen, [event('during')])
  })

  it('gives a reader who comes late what was kept for him, bounded as for everybody', async () => {
    const feed = new WatchFeed()
    const kept = feed.keep()
    for (let i = 0; i < 1_500; i++) feed.publish(event(String(i)))
    const ended = new AbortController()
    const stream = feed.watch(ended.signal, kept)
    ended.abort()
    const seen: WatchEvent[] = []
    for await (const one of stream) seen.push(one)
    assert.deepEqual([seen[0], seen.length, seen.at(-1)], [event('0'), 1_001, { event: 'lost', count: 500 }])
  })
})
