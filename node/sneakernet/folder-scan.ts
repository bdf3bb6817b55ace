/**
 * What lies in a watched folder: bundles in it and in the directories right below it, which is where sticks
 * are mounted. Nothing is opened here, no link is followed, and a folder of a hundred thousand names costs a
 * bounded look.
 */
import type { Stats } from 'node:fs'
import { lstat, opendir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from './file-errors.ts'
import { isBundleName } from './names.ts'
import { MAX_FILE_BYTES } from './regular-file.ts'

/** Names looked at in one directory. */
export const MAX_ENTRIES = 10_000
/** Directories below a watched one: more sticks are not plugged in at once. */
const MAX_DIRECTORIES = 64
/** Bundles in all. */
const MAX_BUNDLES = 1_000

/** A file that looks like a bundle. */
export interface Candidate {
  readonly path: string
  /** Its directory, without links: checked again when the file is opened. */
  readonly directory: string
  /** Changes when the file does. */
  readonly mark: string
}

/** What was seen. */
export interface Scan {
  readonly bundles: Candidate[]
  /** Things called like a bundle that are none: links, pipes, devices, files without end. */
  readonly refused: Candidate[]
  /** True when there was more than is looked at. */
  readonly isCrowded: boolean
}

/** @throws what the system says about the folder itself */
export async function scanFolder(folder: string): Promise<Scan> {
  const root = await realpath(folder)
  const scan = { bundles: [] as Candidate[], refused: [] as Candidate[], isCrowded: false }
  const below: string[] = []
  await look(root, scan, below)
  for (const directory of below) {
    try {
      if ((await lstat(directory)).isDirectory() && (await realpath(directory)) === directory) await look(directory, scan)
    } catch (error) {
      if (!MAY_HAPPEN.has(systemCode(error))) throw error
    }
  }
  return scan
}

/** A stick that is pulled, a directory of somebody else: no fault of the folder. */
const MAY_HAPPEN = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EIO', 'ENODEV', 'ENOTCONN', 'ELOOP'])

async function look(directory: string, scan: { bundles: Candidate[]; refused: Candidate[]; isCrowded: boolean }, below?: string[]): Promise<void> {
  let entries = 0
  for await (const entry of await opendir(directory)) {
    if (++entries > MAX_ENTRIES || scan.bundles.length + scan.refused.length >= MAX_BUNDLES) {
      scan.isCrowded = true
      return
    }
    if (isBundleName(entry.name) && !entry.isDirectory()) await judge(directory, entry.name, scan)
    else if (entry.isDirectory() && below !== undefined) {
      if (below.length < MAX_DIRECTORIES) below.push(join(directory, entry.name))
      else scan.isCrowded = true
    }
  }
}

async function judge(directory: string, name: string, scan: Scan): Promise<void> {
  const path = join(directory, name)
  try {
    const found = await lstat(path)
    const candidate = { path, directory, mark: markOf(found) }
    if (found.isFile() && found.size <= MAX_FILE_BYTES) scan.bundles.push(candidate)
    else scan.refused.push(candidate)
  } catch (error) {
    if (!MAY_HAPPEN.has(systemCode(error))) throw error
  }
}

/** What a file has to keep while it is being looked at. */
export function markOf({ dev, ino, size, mtimeMs, mode }: Stats): string {
  return `${dev}:${ino}:${size}:${mtimeMs}:${mode}`
}
