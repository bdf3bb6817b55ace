/** Hosts for specs: on loopback, at ports that the system chooses. */
import { silentLog } from '#mesh/ports'
import { nodeCrypto, systemClock } from '#node/crypto'
import { Host, type HostDeps, type HostOptions } from './host.ts'

/** What a spec may set about a host. */
type TestHostOptions = Partial<HostOptions> & Partial<Pick<HostDeps, 'isBlocked'>>

/** Where a host of a spec listens, unless it is told otherwise. */
const LOOPBACK_TCP = '/ip4/127.0.0.1/tcp/0'

/** A host whose key depends on `number` alone; not started yet. */
export function testHost(number: number, { isBlocked = () => false, ...options }: TestHostOptions = {}): Host {
  const deps = { deviceSeed: new Uint8Array(32).fill(number), crypto: nodeCrypto(), clock: systemClock, log: silentLog, isBlocked }
  return new Host(deps, { port: 0, listen: [LOOPBACK_TCP], ...options })
}

/** The same, started. */
export async function startTestHost(number: number, options: TestHostOptions = {}): Promise<Host> {
  const host = testHost(number, options)
  await host.start()
  return host
}
