/** Words, flags, files and addresses that are wrong before any node is asked; nothing may come of them. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { NodeSpace } from '../netns/index.ts'
import { assertRefused, type Refusal } from './refusals.ts'

const usage = (says: RegExp): Refusal => ({ exit: 2, code: 'CLI_USAGE', says })
const words = (says: RegExp): Refusal => ({ exit: 2, code: 'MESH_WORDS_INVALID', says })
const config = (says: RegExp): Refusal => ({ exit: 2, code: 'NODE_CONFIG_INVALID', says })

/** Runs everything in a folder of its own below `root`. */
export async function checkTyping(space: NodeSpace, root: string): Promise<void> {
  const data = join(root, 'nobody')
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(root, name), text)
    return join(root, name)
  }
  const refuse = (args: readonly string[], refusal: Refusal): Promise<void> => assertRefused(space, [...args, '--data', data], refusal)

  await refuse(['statsu'], usage(/did you mean `qpq status`/))
  await refuse(['contact', 'lst'], usage(/did you mean `qpq contact list`/))
  await refuse(['contact'], usage(/qpq contact add/))
  await refuse(['send', 'bob'], usage(/TEXT is missing/))
  await refuse(['log', 'bob', '--limt', '3'], usage(/did you mean --limit/))
  await refuse(['status', '--timeout', 'soon'], usage(/takes seconds/))
  await refuse(['status', '\u001b]0;owned\u0007'], usage(/one word too many/))

  await refuse(['up', '--port', '70000'], usage(/0 to 65535/))
  await refuse(['up', '--profile', 'routr'], usage(/did you mean router/))
  await refuse(['up', '--name', ''], usage(/NAME/))
  await refuse(['up', '--peer', '192.168.1.9:7717'], usage(/did you mean \/ip4\/192\.168\.1\.9\/tcp\/7717\?/))
  await refuse(['up', '--peer', 'kitchen'], usage(/not the address of a node/))
  await refuse(['up', '--listen', '/ip4/192.168.1.900/tcp/7717'], usage(/not the address of a node/))
  await refuse(['up', '--name', 'x'.repeat(33)], { exit: 2, code: 'MESH_NAME_INVALID', says: /at most 32 bytes/ })
  await refuse(['up', '--name', 'a\u001b[2Jb'], { exit: 2, code: 'MESH_NAME_INVALID', says: /control/ })

  await refuse(['up', '--words-file', join(root, 'absent')], usage(/--restore/))
  await refuse(['up', '--restore', '--words-file', join(root, 'absent')], usage(/cannot be read/))
  const many = (count: number, last: string): string => `${'abandon '.repeat(count - 1)}${last}\n`
  await refuse(['up', '--restore', '--words-file', await file('word', many(24, 'artt'))], words(/word 24.*did you mean/))
  await refuse(['up', '--restore', '--words-file', await file('sum', many(24, 'abandon'))], words(/together they are not/))
  await refuse(['up', '--restore', '--words-file', await file('few', many(23, 'art'))], words(/24/))

  await refuse(['up', '--config', await file('key.yaml', 'name: x\nprot: 7717\n')], config(/line 2.*did you mean "port"/))
  await refuse(['up', '--config', await file('damaged.yaml', 'name: "x\npeers: [')], config(/line \d/))
  await refuse(['up', '--config', await file('peers.yaml', 'peers:\n  - kitchen\n')], config(/"kitchen" under "peers"/))
  await refuse(['up', '--config', join(root, 'absent.yaml')], config(/there is no configuration file/))
  assert.ok(!existsSync(join(data, 'keystore.json')), 'a start that was refused makes no identity')

  const notRunning: Refusal = { exit: 3, code: 'NODE_NOT_RUNNING', says: /no node is running.*qpq up/ }
  await refuse(['status'], notRunning)
  await refuse(['send', 'bob', 'hello'], notRunning)
  await refuse(['watch'], notRunning)
}
