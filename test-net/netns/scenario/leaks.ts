/** Looks for a word in files that should have nothing readable in them. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Files below a folder in which `word` stands in clear text. */
export async function readableIn(folder: string, word: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const found: string[] = []
  for (const entry of entries) {
    const file = join(entry.parentPath, entry.name)
    if (entry.isFile() && (await readFile(file)).includes(word)) found.push(file)
  }
  return found
}
