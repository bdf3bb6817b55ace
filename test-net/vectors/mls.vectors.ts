/**
 * The vectors of the MLS working group (mlswg/mls-implementations, test-vectors), all families that are in
 * `$QPQ_VECTORS/mls`. They only test receiving; what they cannot see is in mesh/mls/*.spec.ts.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { FAMILIES } from './families.ts'
import { vectorCrypto } from './suites.ts'

const folder = process.env['QPQ_VECTORS']

describe('MLS vectors', function () {
  this.timeout(600_000)
  if (folder === undefined || folder === '') {
    it('are skipped: QPQ_VECTORS does not name the folder that has them')
    return
  }
  for (const [name, run] of Object.entries(FAMILIES)) {
    const file = join(folder, 'mls', `${name}.json`)
    if (!existsSync(file)) {
      it(`${name}: skipped, there is no ${file}`)
      continue
    }
    const vectors: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (!Array.isArray(vectors)) throw new Error(`${file} is no list of vectors`)
    it(`${name}: all ${vectors.length} of suites ${suitesOf(vectors)}`, async () => {
      const crypto = await vectorCrypto()
      for (const [index, vector] of vectors.entries()) {
        try {
          await run(crypto, vector as never)
        } catch (cause) {
          throw new Error(`vector ${index} of ${name}`, { cause })
        }
      }
    })
  }
})

function suitesOf(vectors: ReadonlyArray<{ cipher_suite?: number }>): string {
  const suites = new Set(vectors.flatMap(({ cipher_suite: suite }) => (suite === undefined ? [] : [suite])))
  return suites.size === 0 ? 'none in particular' : [...suites].join(', ')
}
