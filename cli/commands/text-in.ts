import { MeshError } from '#mesh/errors'
import type { Input } from './input.ts'

/** `MAX_TEXT_BYTES` of conversations, which are not loaded for this: more characters are too many bytes in any script, and no request. */
const MAX_TEXT_CHARACTERS = 32_768

/** What is said: the words that were typed, or standard input for `-`. @throws MeshError `MESH_TEXT_INVALID` */
export async function textIn(input: Input, readText: () => Promise<string>): Promise<string> {
  const typed = input.word('text')
  const text = typed === '-' ? (await readText()).replace(/\n$/, '') : typed
  if (text.length <= MAX_TEXT_CHARACTERS) return text
  throw new MeshError('MESH_TEXT_INVALID', `the text has ${text.length} characters, and a message holds ${MAX_TEXT_CHARACTERS} bytes`, {
    hint: 'send it in parts',
  })
}
