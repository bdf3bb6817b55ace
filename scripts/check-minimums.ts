/**
 * Refuses packages that are known to be broken or unsafe, by what is really installed.
 *
 * `npm audit` does not answer on every machine (and never on a mesh), so this checked-in list is the
 * gate. Each line says why.
 */
import { readFileSync } from 'node:fs'

const MINIMUMS: ReadonlyArray<{ name: string; atLeast: string; why: string }> = [
  { name: 'libp2p', atLeast: '3.3.0', why: 'message streams with back-pressure' },
  { name: '@chainsafe/libp2p-noise', atLeast: '17.0.0', why: 'CVE fixed in 5.0.3; 17 is the libp2p 3 line' },
  { name: '@chainsafe/libp2p-quic', atLeast: '2.0.0', why: '1.x does not work with libp2p 3' },
  { name: '@chainsafe/libp2p-yamux', atLeast: '8.0.0', why: 'libp2p 3 line' },
  { name: 'classic-level', atLeast: '3.0.0', why: 'abstract-level 3' },
  { name: 'ts-mls', atLeast: '1.6.4', why: '1.6.2 removes a member without new entropy' },
]

const DENIED: ReadonlyArray<{ name: string; version?: string; why: string }> = [
  { name: '@libp2p/floodsub', why: 'CVE-2026-86040' },
  { name: '@wireapp/core-crypto', why: 'GPL-3.0, needs a delivery service' },
  { name: 'openmls-wasm', why: 'state cannot be exported' },
  { name: 'ts-mls', version: '2.0.0-rc.10', why: 'a removed member reads on' },
]

const lock: unknown = JSON.parse(readFileSync(new URL('../node_modules/.package-lock.json', import.meta.url), 'utf8'))
const faults: string[] = []
for (const [path, version] of installed(lock)) {
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
  const denied = DENIED.find((rule) => rule.name === name && (rule.version === undefined || rule.version === version))
  if (denied !== undefined) faults.push(`${name} ${version} is not allowed: ${denied.why}`)
  const minimum = MINIMUMS.find((rule) => rule.name === name)
  if (minimum !== undefined && isOlder(version, minimum.atLeast)) faults.push(`${name} ${version} is older than ${minimum.atLeast}: ${minimum.why}`)
}
for (const fault of faults) process.stderr.write(`${fault}\n`)
process.exitCode = faults.length > 0 ? 1 : 0

function* installed(tree: unknown): Generator<[string, string]> {
  if (typeof tree !== 'object' || tree === null || !('packages' in tree) || typeof tree.packages !== 'object' || tree.packages === null) {
    throw new Error('node_modules has no record of what is installed; run scripts/setup')
  }
  for (const [path, entry] of Object.entries(tree.packages as Record<string, unknown>)) {
    if (typeof entry === 'object' && entry !== null && 'version' in entry && typeof entry.version === 'string') yield [path, entry.version]
  }
}

function isOlder(version: string, minimum: string): boolean {
  const have = version.split('.').map((part) => Number.parseInt(part, 10))
  const want = minimum.split('.').map((part) => Number.parseInt(part, 10))
  for (let i = 0; i < 3; i++) {
    if ((have[i] ?? 0) !== (want[i] ?? 0)) return (have[i] ?? 0) < (want[i] ?? 0)
  }
  return false
}
