/**
 * One node, from its options to `ready`: opened in order, stopped in reverse.
 *
 * Directory, lock, keys, store, content, network, control. The lock is let go last, so that whoever waits
 * for it may use the directory at once.
 */

import { join } from 'node:path'
import type { Address, DeviceId } from '#mesh/ids'
import { type Runnable, startAll } from '#mesh/runtime'
import type { NodeOptions } from '#node/config'
import { ControlServer, lockData, type ReadyEvent, type RunningNode, WatchFeed } from '#node/control'
import { systemClock as clock, fastestCrypto, systemRandom as random } from '#node/crypto'
import { ensurePrivateDir } from '#node/keystore'
import { Sneakernet } from '#node/sneakernet'
import { hasRoom, openLevel } from '#node/storage'
import { Bans } from './bans.ts'
import { Bouncer } from './bouncer.ts'
import { openCarriage } from './carriage.ts'
import { openIdentity } from './identity.ts'
import { jsonLog } from './log.ts'
import { makeNetwork, type Network } from './network.ts'
import { type NodeApiDeps, RunningNodeApi } from './node-api.ts'
import { watchEvent } from './views.ts'

/** Starts a node. @throws MeshError for everything that can be wrong with directory, keys, store and ports */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const undo: Array<() => Promise<void>> = []
  const unwind = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    return await open(options, undo, unwind)
  } catch (error) {
    await unwind()
    throw error
  }
}

async function open(options: NodeOptions, undo: Array<() => Promise<void>>, unwind: () => Promise<void>): Promise<RunningNode> {
  const { dataDir } = options
  const startedAt = clock.monotonic()
  const log = jsonLog(options.log)
  await ensurePrivateDir(dataDir)
  const lock = await lockData(dataDir)
  undo.push(() => lock.release())
  const crypto = await fastestCrypto()
  const secrets = await openIdentity(options, { crypto, random, clock })
  const storeDir = join(dataDir, 'store')
  const level = await openLevel(storeDir)
  undo.push(() => level.close())

  const bans = new Bans(clock)
  const late: { network?: Network; bouncer?: Bouncer } = {}
  const showOut = async (device: DeviceId, inbox?: Address): Promise<void> => {
    bans.add(device, inbox)
    await late.network?.host.hangUp(device)
  }
  const carriage = await openCarriage({
    level,
    hasRoom: () => hasRoom(storeDir),
    secrets,
    crypto,
    random,
    clock,
    log,
    profile: options.profile,
    mayCross: options.mayCross,
    habits: options.habits,
    hints: () => late.network?.host.hints ?? [],
    knownDevices: () =>
      new Set([...(late.network?.discovery?.peers() ?? []).map(({ peer }) => peer), ...(late.network?.host.peers() ?? []).map(({ device }) => device)]).size +
      1,
    onOffence(peer, error) {
      log.warn('a peer broke the rules and is kept out for a while', { peer, error })
      showOut(peer).catch((failure: unknown) => log.warn('a peer could not be shown out', { peer, error: failure }))
    },
    onGreeted: (peer, addresses) => late.bouncer?.met(peer, addresses),
  })
  undo.push(() => carriage.db.close())
  const bouncer = new Bouncer({
    db: carriage.db,
    contacts: carriage.contacts,
    exchange: carriage.exchange,
    ownInbox: carriage.conversations.ownInbox,
    log,
    showOut,
    letIn: (isBlocked) => bans.lift(isBlocked),
  })
  late.bouncer = bouncer
  const wanted = (): Address[] => {
    const here = new Set(carriage.exchange.sessions().flatMap(({ addresses }) => addresses))
    return carriage.contacts.list().flatMap(({ state, card }) => (state === 'contact' && !here.has(card.inbox) ? [card.inbox] : []))
  }
  const network = await makeNetwork(
    {
      secrets,
      crypto,
      random,
      clock,
      log,
      isBlocked: (device) => bans.has(device),
      attach: (link) => carriage.exchange.attach(link),
      wanted,
      onChange: () => carriage.exchange.hurry(),
    },
    options,
  )
  late.network = network

  const { bundles, db } = carriage
  const sneakernet = new Sneakernet({ bundles, db, clock, log, dataDir }, { folders: options.watchFolders })
  const feed = new WatchFeed()
  const { promise: done, resolve: end } = Promise.withResolvers<void>()
  const apiDeps: NodeApiDeps = { secrets, crypto, clock, carriage, network, sneakernet, feed, startedAt, options, end }
  const api = new RunningNodeApi(apiDeps)
  // Whoever has just started this node cannot watch it before it is ready, and messages arrive before that.
  const ownApi = new RunningNodeApi({ ...apiDeps, kept: feed.keep() })
  const control = new ControlServer({ api, log }, { dataDir, http: options.control })
  const events = feedEvents(carriage, network, api, feed, secrets.person.person)
  const running = await startAll([
    events,
    carriage.sweeper,
    carriage.conversations,
    carriage.encounterBook,
    carriage.exchange,
    bouncer,
    sneakernet,
    ...network.parts,
    control,
  ])
  undo.push(() => running.stop())

  const ready: ReadyEvent = {
    event: 'ready',
    person: secrets.person.person,
    device: secrets.device,
    name: secrets.name,
    data: dataDir,
    control: control.address.socket,
    ...(control.address.http === undefined ? {} : { http: control.address.http }),
    listen: network.host.addresses,
  }
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopping ??= unwind().finally(end)
    return stopping
  }
  return { api: ownApi, ready, stop, done }
}

/** Everything that happens goes to those who watch. */
function feedEvents(
  { conversations }: Awaited<ReturnType<typeof openCarriage>>,
  { host }: Network,
  api: RunningNodeApi,
  feed: WatchFeed,
  self: ConstructorParameters<typeof RunningNodeApi>[0]['secrets']['person']['person'],
): Runnable {
  const undo: Array<() => void> = []
  return {
    async start() {
      undo.push(conversations.subscribe((event) => feed.publish(watchEvent(event, self, (person) => api.petnameOf(person)))))
      undo.push(host.subscribe(({ device, isUp, address }) => feed.publish({ event: 'peer', device, up: isUp, address, ...api.personBehind(device) })))
    },
    async stop() {
      for (const step of undo.splice(0)) step()
    },
  }
}
