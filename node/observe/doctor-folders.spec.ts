import assert from 'node:assert/strict'
import { folderFindings } from './doctor-folders.ts'

const fine = { state: 'watching', crowded: false, files: 2, envelopes: 9, badBlocks: 0, refused: 0, errors: 0 } as const

describe('what the doctor says about watched folders', () => {
  it('is nothing where none is watched, and a word where all is well', () => {
    assert.deepEqual(folderFindings({}), [])
    assert.deepEqual(
      folderFindings({ '/media': fine }).map(({ level, code, subject }) => [level, code, subject]),
      [['ok', 'ok', '/media']],
    )
  })

  it('tells a stick that is not there from a folder that cannot be read, and names what was wrong', () => {
    const said = (info: Partial<Parameters<typeof folderFindings>[0][string]>) => folderFindings({ '/m': { ...fine, ...info } })
    assert.deepEqual(
      said({ state: 'missing' }).map(({ level, code }) => `${level} ${code}`),
      ['note watch-folder-missing'],
    )
    const [unreadable, ...more] = said({ state: 'unreadable', errors: 1, lastError: 'the node may not read /m' })
    assert.match(`${unreadable?.level} ${unreadable?.code} ${unreadable?.message}`, /^warning watch-folder-unreadable .*may not read/)
    assert.deepEqual(more, [])
    assert.deepEqual(
      said({ crowded: true, errors: 3, refused: 1, badBlocks: 2, lastError: 'x.qpqb: is torn' }).map(({ level, code }) => `${level} ${code}`),
      ['warning watch-folder-crowded', 'warning bundle-unreadable'],
    )
    assert.match(said({ errors: 3, lastError: 'x.qpqb: is torn' })[0]?.message ?? '', /3 bundles with errors.*x\.qpqb: is torn/)
  })
})
