import { hostname } from 'node:os'
import type { Config, LogLevel, Profile } from './schema.ts'

/** TCP and UDP port of the peer-to-peer side (DESIGN §10). */
export const DEFAULT_PORT = 7717
/** Port of the control API on loopback (DESIGN §10). */
export const DEFAULT_CONTROL_PORT = 7718

/** What `startNode` tells about the identity it opened or made. */
export interface IdentityNotice {
  /** True when this start made it, from new words or from restored ones. */
  readonly created: boolean
  /** The 24 words; computed only when somebody asks. */
  words(): string
}

/** Everything a node needs to know to start. */
export interface NodeOptions {
  /** Absolute; made with mode 0700 when it is missing. */
  readonly dataDir: string
  /** The name asked for; `undefined` keeps the one in the key store. */
  readonly name: string | undefined
  /** What a new identity is called when nobody asked for a name. */
  readonly defaultName: string
  /** TCP and UDP (QUIC) port; 0 takes any free one. */
  readonly port: number
  /** True when a person chose the port: then a port that is taken is an error, otherwise a free one is taken. */
  readonly isPortGiven: boolean
  /** Multiaddrs to listen on; empty means every interface at {@link port}. */
  readonly listen: readonly string[]
  /** Multiaddrs of peers that are dialled whether discovery finds them or not. */
  readonly peers: readonly string[]
  readonly profile: Profile
  /** Control API over HTTP on loopback; the Unix socket is always there. */
  readonly control: { readonly port: number | 'off'; readonly isPortGiven: boolean }
  readonly discovery: { readonly lan: boolean; readonly dht: boolean }
  /** False: others may not hand own messages from one mesh to another, unless a message says otherwise. */
  readonly mayCross: boolean
  /** What others are told unless a conversation is set otherwise. */
  readonly habits: { readonly readReceipts: boolean; readonly typing: boolean }
  /** By mesh, its interfaces, networks and devices. */
  readonly meshes: Readonly<Record<string, readonly string[]>>
  /** Folders whose bundles are read by themselves; absolute. */
  readonly watchFolders: readonly string[]
  /** Where log lines (one JSON object each, with its line feed) go. */
  readonly log: { readonly level: LogLevel; readonly write: (line: string) => void }
  /** The passphrase of the key store: asked with `open` when it is encrypted, with `create` when it is made. `undefined` on `create` means none. */
  readonly passphrase?: (purpose: 'open' | 'create') => Promise<Uint8Array | undefined>
  /** 24 words to restore the person from, asked for only when there is no key store yet. */
  readonly restoreWords?: () => Promise<string>
  /** Called once, when the identity is known and before the node is ready. */
  readonly onIdentity?: (identity: IdentityNotice) => void
}

/** What the command line may say; it wins over every file. */
export interface OptionFlags {
  readonly name?: string
  readonly port?: number
  readonly listen?: readonly string[]
  readonly peers?: readonly string[]
  readonly profile?: Profile
  readonly controlPort?: number | 'off'
  readonly discovery?: boolean
  readonly logLevel?: LogLevel
  /** Absolute; besides those of the configuration. */
  readonly watchFolders?: readonly string[]
}

type Callbacks = Pick<NodeOptions, 'passphrase' | 'restoreWords' | 'onIdentity'>

/** Lays the command line over the configuration over the defaults. */
export function nodeOptions(
  dataDir: string,
  config: Config,
  flags: OptionFlags,
  log: { level: LogLevel; write: (line: string) => void },
  callbacks: Callbacks = {},
): NodeOptions {
  const port = flags.port ?? config.port
  const controlPort = flags.controlPort ?? config.control?.port
  return {
    dataDir,
    name: flags.name ?? config.name,
    defaultName: defaultName(),
    port: port ?? DEFAULT_PORT,
    isPortGiven: port !== undefined,
    listen: flags.listen ?? config.listen ?? [],
    peers: [...(config.peers ?? []), ...(flags.peers ?? [])],
    profile: flags.profile ?? config.profile ?? 'pi',
    control: { port: controlPort ?? DEFAULT_CONTROL_PORT, isPortGiven: controlPort !== undefined },
    discovery: { lan: flags.discovery ?? config.discovery?.lan ?? true, dht: flags.discovery ?? config.discovery?.dht ?? true },
    mayCross: config.send?.bridge ?? true,
    habits: { readReceipts: config.send?.readReceipts ?? false, typing: config.send?.typing ?? false },
    meshes: config.meshes ?? {},
    watchFolders: [...new Set([...(config.sneakernet?.watch ?? []), ...(flags.watchFolders ?? [])])],
    log: { level: flags.logLevel ?? config.log?.level ?? log.level, write: log.write },
    ...callbacks,
  }
}

/** The machine's name, cut to what a name may hold (32 bytes); a claim like every name. */
export function defaultName(host: string = hostname()): string {
  const short = host.split('.')[0]?.replace(/[^A-Za-z0-9_-]/g, '') ?? ''
  return short === '' ? 'node' : short.slice(0, 32)
}
