import type { ConversationEvent } from '#mesh/conversations'
import type { MeshError } from '#mesh/errors'
import type { DeviceId } from '#mesh/ids'
import type { LogFields } from '#mesh/ports'
import type { MeshEvent } from '#mesh/store'
import type { Machine } from './machine.ts'

/** Who wants to know what happens on machines. */
export interface Observer {
  onStart(machine: Machine): void
  onEvent(machine: Machine, event: MeshEvent): void
  onShown(machine: Machine, event: ConversationEvent): void
  onLogged(machine: Machine, level: 'warn' | 'error', message: string, fields: LogFields | undefined): void
  onOffence(machine: Machine, peer: DeviceId, error: MeshError): void
  onWrite(machine: Machine, bytes: Uint8Array): void
}
