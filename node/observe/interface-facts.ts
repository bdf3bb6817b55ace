import { type Interfaces, type LanDiscovery, systemInterfaces } from '#node/discovery'
import type { DoctorInterface } from './doctor.ts'

/** The interfaces of the machine, each with what discovery counted on it. */
export function interfaceFacts(discovery: Pick<LanDiscovery, 'status'> | undefined, interfaces: Interfaces = systemInterfaces()): DoctorInterface[] {
  const counted = discovery?.status() ?? {}
  return interfaces.list().map((facts) => {
    const status = counted[facts.name]
    return status === undefined ? { facts } : { facts, discovery: status }
  })
}
