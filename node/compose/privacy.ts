/** Gathers what the privacy report is made of. */
import { PADDING_CLASSES } from '#mesh/envelope'
import type { PrivacyReport } from '#node/control'
import { isKeystoreLocked } from '#node/keystore'
import { describePrivacy } from '#node/observe'
import type { NodeApiDeps } from './node-api.ts'

/** The report of a running node. @throws MeshError when the key store cannot be read */
export async function gatherPrivacy({
  carriage,
  network,
  options,
  secrets,
}: Pick<NodeApiDeps, 'carriage' | 'network' | 'options' | 'secrets'>): Promise<PrivacyReport> {
  const contacts = carriage.contacts.list().filter(({ state }) => state === 'contact')
  const settings = await Promise.all(contacts.map(({ person }) => carriage.conversations.reader.settings(person)))
  return describePrivacy({
    hasPassphrase: await isKeystoreLocked(options.dataDir),
    lan: { isOn: network.discovery !== undefined, interfaces: Object.keys(network.discovery?.status() ?? {}) },
    dht: options.discovery.dht,
    bridges: { mayCross: options.mayCross, meshes: Object.keys(options.meshes) },
    http: options.control.port === 'off' ? undefined : '127.0.0.1',
    named: options.peers.length,
    connected: network.host.peers().length,
    contacts: {
      all: contacts.length,
      verified: contacts.filter(({ verified }) => verified).length,
      alarmed: contacts.filter(({ alarms }) => alarms.length > 0).length,
      notMutual: contacts.filter(({ mutual }) => !mutual).length,
    },
    told: {
      reading: settings.filter(({ readReceipts }) => readReceipts).length,
      typing: settings.filter(({ typing }) => typing).length,
      vanishing: settings.filter(({ lifetimeS }) => lifetimeS > 0).length,
    },
    paddingBytes: PADDING_CLASSES,
    cardAddresses: carriage.card().hints.length,
    deviceName: secrets.certificate.name,
  })
}
