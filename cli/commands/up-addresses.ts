import { usageError } from '#cli/output'
import { MeshError } from '#mesh/errors'
import type { Config } from '#node/config'

/** Asserts that every address is one a node can use: a typing error would be dialled for ever, in silence. @throws MeshError `CLI_USAGE`, `NODE_CONFIG_INVALID` */
export async function assertAddresses(config: Config, flags: { peers: readonly string[] | undefined; listen: readonly string[] | undefined }): Promise<void> {
  const given = { peer: flags.peers ?? [], listen: flags.listen ?? [] }
  const configured = { peers: config.peers ?? [], listen: config.listen ?? [] }
  if ([given, configured].every((lists) => Object.values(lists).every((list) => list.length === 0))) return
  const { isNodeAddress } = await import('#node/host') // it brings in the whole network
  for (const [flag, addresses] of Object.entries(given)) {
    const found = addresses.find((address) => !isNodeAddress(address))
    if (found !== undefined) throw usageError(`--${flag} cannot be "${found}", which is not the address of a node`, adviceFor(found))
  }
  for (const [key, addresses] of Object.entries(configured)) {
    const found = addresses.find((address) => !isNodeAddress(address))
    if (found === undefined) continue
    throw new MeshError('NODE_CONFIG_INVALID', `"${found}" under "${key}" in the configuration is not the address of a node`, { hint: adviceFor(found) })
  }
}

function adviceFor(address: string): string {
  const [, host, port] = /^(\d+(?:\.\d+){3})(?::(\d+))?$/.exec(address) ?? []
  if (host !== undefined) return `did you mean /ip4/${host}/tcp/${port ?? '7717'}?`
  return 'write it as /ip4/192.168.1.9/tcp/7717, or with a zone as /ip6zone/eth0/ip6/fe80::1/tcp/7717'
}
