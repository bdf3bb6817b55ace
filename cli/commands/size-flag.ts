import { usageError } from '#cli/output'
import type { Input } from './input.ts'

/** Powers of ten as disks are sold, so that 4G fits onto a stick that takes files of 4 GiB less a byte; with an i, powers of two. */
const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12, ki: 2 ** 10, mi: 2 ** 20, gi: 2 ** 30, ti: 2 ** 40 }
/** `MIN_PART_BYTES` of bundles, which are not loaded for this. */
const MIN_BYTES = 64_000

/** An amount of bytes as people write it: 64K, 700M, 4G, 1.5GiB. @throws MeshError `CLI_USAGE` */
export function sizeOf(input: Input, flag: string): number | undefined {
  const text = input.value(flag)
  if (text === undefined) return undefined
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?$/i.exec(text)
  const bytes = Math.floor(Number(match?.[1]) * (UNITS[match?.[2]?.toLowerCase() ?? '?'] ?? Number.NaN))
  if (bytes >= MIN_BYTES && Number.isSafeInteger(bytes)) return bytes
  const hint = `for example --${flag} 700M; the least is 64K`
  throw usageError(Number.isSafeInteger(bytes) ? `--${flag} ${text} is too little` : `--${flag} takes a size, not "${text}"`, hint)
}
