import assert from 'node:assert/strict'
import { Sink } from '#cli/output'
import type { NodeApi, SearchAnswer } from '#node/control'
import { fakeApi } from '../../node/control/fake-api.ts'
import type { CommandContext } from './command.ts'
import { parseInput } from './parse-input.ts'
import { findCommand } from './table.ts'

type Found = SearchAnswer['messages'][number]

const AT = '2026-03-01T12:00:00.000Z'

function aHit(text: string, ...hits: [number, number][]): Found {
  return { id: 'i1', conversation: 'qpq1bob', from: 'qpq1bob', fromPetname: 'bob', direction: 'in', at: AT, text, hits }
}

/** What is printed for an answer, and what was asked. */
async function run(answer: SearchAnswer, typed: readonly string[], json = false): Promise<{ lines: string[]; asked: unknown[] }> {
  const asked: unknown[] = []
  const written: string[] = []
  const search: NodeApi['search'] = async (params) => {
    asked.push(params)
    return answer
  }
  const api = fakeApi({ search })
  api.contacts = [{ person: 'qpq1bob', petname: 'bob', claimedName: 'robert', verified: false, state: 'contact' }]
  const { command, rest } = findCommand(typed)
  const out = new Sink({ write: (text) => written.push(text) }, { colour: true })
  const context: CommandContext = { api, out, json, signal: new AbortController().signal, isInPlace: false, readText: async () => '' }
  await command.run?.(context, parseInput(command, rest))
  return { lines: written.join('').replaceAll('\u001b', '^').split('\n').slice(0, -1), asked }
}

describe('qpq search', () => {
  it('asks for what was typed, and marks the hits', async () => {
    const { lines, asked } = await run({ messages: [aHit('the soup is ready', [4, 8])] }, ['search', '"the soup"', 'in:bob', '--limit', '3'])
    assert.deepEqual(asked, [{ query: '"the soup" in:bob', limit: 3 }])
    assert.equal(lines.length, 1)
    assert.match(lines[0] ?? '', /bob: .*the \^\[7msoup\^\[0m is ready$/)
  })

  it('shows of a long text the lines with hits, cut around the first', async () => {
    const text = `nothing here\n${'x'.repeat(100)} soup ${'y'.repeat(200)}\nnor here`
    const at = text.indexOf('soup')
    const { lines } = await run({ messages: [aHit(text, [at, at + 4])] }, ['search', 'soup'])
    assert.equal(lines.length, 1)
    assert.match(lines[0] ?? '', /…x{39} \^\[7msoup\^\[0m y+…$/)
  })

  it('says when nothing was found, and when that may not be all', async () => {
    const incomplete = { code: 'MESH_SEARCH_TOO_WIDE', message: 'this fits so much', hint: 'Use more words' } as const
    const { lines } = await run({ messages: [], incomplete }, ['search', 'ab*'])
    assert.deepEqual(
      lines.map((line) => line.replaceAll(/\^\[\d*m/g, '')),
      ['no message has all of that', 'this fits so much: Use more words'],
    )
  })

  it('gives scripts one message a line, and a line of its own when that may not be all', async () => {
    const incomplete = { code: 'limit', message: 'there are older ones', hint: '--limit N' } as const
    const { lines } = await run({ messages: [aHit('soup', [0, 4])], incomplete }, ['search', 'soup'], true)
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      [aHit('soup', [0, 4]), { event: 'incomplete', ...incomplete }],
    )
  })
})
