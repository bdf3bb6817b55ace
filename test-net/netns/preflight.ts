import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Debian package of each tool that network checks may use. */
const PACKAGE_OF: Readonly<Record<string, string>> = { ip: 'iproute2', nft: 'nftables', tcpdump: 'tcpdump', tc: 'iproute2' }
/** Where Debian puts them; not always in the PATH of a user. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/sbin', '/usr/bin', '/bin']

/** The tools of `wanted` that this machine does not have. */
export function missingTools(wanted: readonly string[] = ['ip']): string[] {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...SYSTEM_FOLDERS]
  return wanted.filter((tool) => !folders.some((folder) => existsSync(join(folder, tool))))
}

/** A sentence that says what keeps network checks from running here, or `undefined` when nothing does. */
export function explainMissing(wanted: readonly string[] = ['ip']): string | undefined {
  if (process.platform !== 'linux') return 'Network namespaces exist on Linux only.'
  const packages = [...new Set(missingTools(wanted).map((tool) => PACKAGE_OF[tool] ?? tool))]
  if (packages.length > 0) return `Tools are missing; as root: apt-get install --no-install-recommends ${packages.join(' ')}`
  if (process.getuid?.() !== 0) return 'Making network namespaces needs root; run this check with sudo.'
  return undefined
}
