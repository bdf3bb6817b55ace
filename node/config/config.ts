import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '#mesh/errors'
import { nearest } from './nearest.ts'
import { configDirs } from './paths.ts'
import { CONFIG_KEYS, type Config, type Rule } from './schema.ts'

/** A file larger than this is not a configuration; bytes. */
const MAX_CONFIG_BYTES = 65_536
const MAX_PORT = 65_535
/** Characters of the name of a mesh; it is stored beside what must not leave it. */
const MAX_MESH_NAME = 32
const MESH_NAME = /^[a-z0-9-]{1,32}$/

/** Reads every configuration file there is, or only `file`; later ones win key by key. */
export async function loadConfig(file: string | undefined, dirs: readonly string[] = configDirs()): Promise<Config> {
  if (file !== undefined) {
    const text = await textOf(file)
    if (text === undefined)
      throw new MeshError('NODE_CONFIG_INVALID', `there is no configuration file ${file}`, {
        hint: 'make one with `qpq up --print-default-config`, or leave --config out',
      })
    return readConfig(text, file)
  }
  let config: Config = {}
  for (const dir of dirs) {
    for (const path of [join(dir, 'config.yaml'), ...(await fragments(join(dir, 'config.d')))]) {
      const text = await textOf(path)
      if (text !== undefined) config = merge(config, await readConfig(text, path))
    }
  }
  return config
}

async function fragments(dir: string): Promise<string[]> {
  try {
    const names = await readdir(dir)
    return names
      .filter((name) => name.endsWith('.yaml'))
      .sort()
      .map((name) => join(dir, name))
  } catch (error) {
    if (isMissing(error)) return []
    throw new MeshError('NODE_CONFIG_INVALID', `the configuration directory ${dir} cannot be read`, {
      cause: error,
      hint: `look at its owner and mode: ls -ld ${dir}`,
    })
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw new MeshError('NODE_CONFIG_INVALID', `the configuration file ${path} cannot be read`, {
      cause: error,
      hint: `look at its owner and mode: ls -l ${path}`,
    })
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}

function merge(base: Config, over: Config): Config {
  const merged: Config = { ...base, ...over }
  if (base.control !== undefined) merged.control = { ...base.control, ...over.control }
  if (base.discovery !== undefined) merged.discovery = { ...base.discovery, ...over.discovery }
  if (base.sneakernet !== undefined) merged.sneakernet = { ...base.sneakernet, ...over.sneakernet }
  if (base.send !== undefined) merged.send = { ...base.send, ...over.send }
  if (base.meshes !== undefined) merged.meshes = { ...base.meshes, ...over.meshes }
  if (base.log !== undefined) merged.log = { ...base.log, ...over.log }
  return merged
}

/** Reads one configuration text. @throws MeshError `NODE_CONFIG_INVALID` with the file and the line */
export async function readConfig(text: string, file: string): Promise<Config> {
  if (text.length > MAX_CONFIG_BYTES)
    throw new MeshError('NODE_CONFIG_INVALID', `the configuration file ${file} is too large`, { hint: 'is it the right file?' })
  // Loaded only when there is a file: most starts of `qpq` have none.
  const { isMap, isScalar, LineCounter, parseDocument } = await import('yaml')
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true })
  const lineOf = (node: unknown): number => {
    const range = typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range) ? node.range : [0]
    return lines.linePos(Number(range[0])).line
  }
  const first = document.errors[0]
  if (first !== undefined) {
    const line = first.linePos?.[0].line ?? 1
    throw invalid(file, line, (first.message.split('\n')[0] ?? 'not YAML').replace(/ at line \d+.*$/, ''))
  }

  const section = (node: unknown, keys: Readonly<Record<string, Rule>>, path: string): Record<string, unknown> => {
    const values: Record<string, unknown> = {}
    if (node === null || (isScalar(node) && node.value === null)) return values
    if (!isMap(node)) throw invalid(file, lineOf(node), `${path === '' ? 'a configuration' : `"${path}"`} is made of keys and values`)
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : String(pair.key)
      const full = path === '' ? key : `${path}.${key}`
      const rule = Object.hasOwn(keys, key) ? keys[key] : undefined
      if (rule === undefined) throw unknownKey(file, lineOf(pair.key), full, key, Object.keys(keys))
      if (pair.value === null || (isScalar(pair.value) && pair.value.value === null && rule.kind !== 'section')) {
        throw invalid(file, lineOf(pair.key), `"${full}" has no value`)
      }
      if (rule.kind === 'section') {
        values[key] = section(pair.value, rule.keys, full)
      } else {
        const value = checkedValue(rule, (pair.value as { toJSON(): unknown }).toJSON())
        if (typeof value === 'object' && 'fault' in value && typeof value.fault === 'string') throw invalid(file, lineOf(pair.key), `"${full}" ${value.fault}`)
        values[key] = value
      }
    }
    return values
  }
  return section(document.contents, CONFIG_KEYS, '') as Config
}

function checkedValue(
  rule: Exclude<Rule, { kind: 'section' }>,
  value: unknown,
): string | number | boolean | string[] | Record<string, string[]> | { fault: string } {
  switch (rule.kind) {
    case 'text':
      return typeof value === 'string' && value !== '' ? value : { fault: 'is a text (put it in quotes)' }
    case 'switch':
      return typeof value === 'boolean' ? value : { fault: 'is true or false' }
    case 'texts':
      return Array.isArray(value) && value.every((item): item is string => typeof item === 'string') ? value : { fault: 'is a list of texts' }
    case 'named-texts':
      return isNamedTexts(value) ? value : { fault: `is a map from names (a-z, 0-9 and -, at most ${MAX_MESH_NAME}) to lists of texts` }
    case 'folders':
      return Array.isArray(value) && value.every((item): item is string => typeof item === 'string' && item.startsWith('/'))
        ? value
        : { fault: 'is a list of folders, each with its whole path from / on' }
    case 'choice':
      return typeof value === 'string' && rule.of.includes(value) ? value : { fault: `is one of ${rule.of.join(', ')}` }
    case 'port':
      if (rule.mayBeOff && (value === 'off' || value === false)) return 'off'
      if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_PORT) return value
      return { fault: `is a port from 0 to ${MAX_PORT}${rule.mayBeOff ? ' or off' : ''}` }
  }
}

function isNamedTexts(value: unknown): value is Record<string, string[]> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.entries(value).every(
    ([name, texts]) => MESH_NAME.test(name) && Array.isArray(texts) && texts.every((text) => typeof text === 'string' && text !== ''),
  )
}

function invalid(file: string, line: number, fault: string): MeshError {
  return new MeshError('NODE_CONFIG_INVALID', `${file}, line ${line}: ${fault}`, {
    detail: { file, line },
    hint: '`qpq up --print-default-config` shows every key',
  })
}

function unknownKey(file: string, line: number, full: string, key: string, known: readonly string[]): MeshError {
  const meant = nearest(key, known)
  const hint =
    full === 'data' ? 'the data directory is set by --data or QPQ_DATA' : meant === undefined ? `known here: ${known.join(', ')}` : `did you mean "${meant}"?`
  return new MeshError('NODE_CONFIG_INVALID', `${file}, line ${line}: unknown key "${full}"`, { detail: { file, line, key: full }, hint })
}
