import assert from 'node:assert/strict'
import { KeyCache, secretName } from './key-cache.ts'

describe('the key cache', () => {
  it('makes a key once and lets go of the one that was not used for longest', () => {
    const cache = new KeyCache<string>(2)
    const made: string[] = []
    const get = (name: string): string =>
      cache.get(name, () => {
        made.push(name)
        return name
      })
    for (const name of ['a', 'b', 'a', 'c', 'a', 'b']) assert.equal(get(name), name)
    assert.deepEqual(made, ['a', 'b', 'c', 'b'])
    assert.equal(cache.size, 2)
  })

  it('keeps nothing when making fails', () => {
    const cache = new KeyCache<string>(2)
    assert.throws(() =>
      cache.get('a', () => {
        throw new Error('no key')
      }),
    )
    assert.equal(cache.size, 0)
  })

  it('names a secret so that its bytes stay out of strings', () => {
    const secret = new Uint8Array(32).fill(65)
    assert.ok(!secretName(secret).includes('AAAA'))
    assert.equal(secretName(secret), secretName(secret.slice()))
  })
})
