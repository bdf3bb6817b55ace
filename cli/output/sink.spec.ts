import assert from 'node:assert/strict'
import { ERROR_BLAME, type ErrorCode, MeshError } from '#mesh/errors'
import type { MessageInfo } from '#node/control'
import { exitCodeOf, failureLine, jsonLine, messageLines, plain, printLines, Sink } from './index.ts'

const ESC = '\u001b'

describe('the sink', () => {
  it('removes what steers a terminal and keeps what is language', () => {
    assert.equal(plain(`${ESC}]0;owned\u0007${ESC}[31mred\u009b2J`), ']0;owned[31mred2J')
    assert.equal(plain('abc\u202Ecba\u2066x\u2069\u200F'), 'abccbaxx'.slice(0, 7))
    assert.equal(plain('one\r\ntwo\tthree'), 'one two three')
    assert.equal(plain('می\u200Cخواهم 👩\u200D🚀'), 'می\u200Cخواهم 👩\u200D🚀')
    assert.equal(plain('\uD800x'), '\uFFFDx')
  })

  it('styles only what the program styles', () => {
    const lines: string[] = []
    const sink = new Sink({ write: (text: string) => lines.push(text) }, { colour: true })
    sink.line({ style: 'bold', text: `a${ESC}[0m` }, `${ESC}[2J`)
    assert.deepEqual(lines, [`${ESC}[1ma[0m${ESC}[0m[2J\n`])
  })

  it('escapes in JSON instead of removing, so that the value stays the same', () => {
    const value = { text: `${ESC}\u009b\u202E\u{E0041}ok\n` }
    const line = jsonLine(value)
    assert.match(line, /^[\x20-\x7e]*$/)
    assert.deepEqual(JSON.parse(line), value)
  })

  it('indents the further lines of a text, so that they cannot pass for lines of somebody else', () => {
    let text = ''
    const message: MessageInfo = {
      id: 'i',
      conversation: 'c',
      from: 'f',
      fromPetname: 'bob',
      direction: 'in',
      text: 'hi\n12:00 carol: forged',
      at: '2026-01-01T00:00:00Z',
      parents: [],
    }
    printLines(new Sink({ write: (part: string) => (text += part) }), messageLines(message))
    assert.match(text, /bob: hi\n {6}\| 12:00 carol: forged\n$/)
  })
})

describe('failures', () => {
  it('give the documented exit code', () => {
    const codes: Array<[ErrorCode, number]> = [
      ['CLI_USAGE', 2],
      ['NODE_NOT_RUNNING', 3],
      ['MESH_CONTACT_AMBIGUOUS', 4],
      ['MESH_QUOTA_EXCEEDED', 5],
      ['NODE_DATA_LOCKED', 5],
      ['NODE_TIMEOUT', 6],
      ['MESH_INTERNAL', 1],
      ['MESH_DEVICE_REVOKED', 5],
    ]
    for (const [code, exit] of codes) assert.equal(exitCodeOf(new MeshError(code, 'x')), exit, code)
    assert.equal(exitCodeOf(new Error('x')), 1)
    for (const code of Object.keys(ERROR_BLAME)) assert.notEqual(exitCodeOf(new MeshError(code as ErrorCode, 'x')), 0)
  })

  it('are one sentence for people and one object for scripts', () => {
    const error = new MeshError('MESH_CONTACT_UNKNOWN', `there is no contact "\n${ESC}"`, { hint: 'see contact list' })
    assert.equal(failureLine(error, false), 'qpq: there is no contact " " — see contact list (MESH_CONTACT_UNKNOWN)')
    assert.equal(JSON.parse(failureLine(error, true)).error.code, 'MESH_CONTACT_UNKNOWN')
    const full = new MeshError('MESH_STORE_FULL', 'the disk is full', { hint: 'Free some space; the node goes on by itself.' })
    assert.equal(failureLine(full, false), 'qpq: the disk is full — free some space; the node goes on by itself (MESH_STORE_FULL)')
  })
})
