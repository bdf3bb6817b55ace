/**
 * What a configuration file may say.
 *
 * The table below is the one list: the reader checks files against it, `--print-default-config` is
 * tested against it. A key that is not in it is refused by name, with the file and the line, since a
 * typing error that is silently ignored costs an evening on a roof.
 */

/** How much of the machine a node may use; see `mesh/store`. */
export const PROFILES = ['router', 'pi', 'relay'] as const
export type Profile = (typeof PROFILES)[number]

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** A configuration as files give it: everything optional. */
export interface Config {
  name?: string
  port?: number
  listen?: string[]
  peers?: string[]
  profile?: Profile
  passphraseFile?: string
  control?: { port?: number | 'off' }
  discovery?: { lan?: boolean; dht?: boolean }
  send?: { bridge?: boolean; readReceipts?: boolean; typing?: boolean }
  /** By name, what belongs to a mesh: interfaces, addresses with or without a prefix length, devices. */
  meshes?: Record<string, string[]>
  log?: { level?: LogLevel }
  sneakernet?: { watch?: string[] }
}

/** What may stand at a key. */
export type Rule =
  | { readonly kind: 'text' }
  | { readonly kind: 'port'; readonly mayBeOff: boolean }
  | { readonly kind: 'texts' }
  | { readonly kind: 'folders' }
  | { readonly kind: 'switch' }
  | { readonly kind: 'choice'; readonly of: readonly string[] }
  /** Texts by names that the owner chooses. */
  | { readonly kind: 'named-texts' }
  | { readonly kind: 'section'; readonly keys: Readonly<Record<string, Rule>> }

/** Every key there is. */
export const CONFIG_KEYS: Readonly<Record<keyof Config, Rule>> = {
  name: { kind: 'text' },
  port: { kind: 'port', mayBeOff: false },
  listen: { kind: 'texts' },
  peers: { kind: 'texts' },
  profile: { kind: 'choice', of: PROFILES },
  passphraseFile: { kind: 'text' },
  control: { kind: 'section', keys: { port: { kind: 'port', mayBeOff: true } } },
  discovery: { kind: 'section', keys: { lan: { kind: 'switch' }, dht: { kind: 'switch' } } },
  send: { kind: 'section', keys: { bridge: { kind: 'switch' }, readReceipts: { kind: 'switch' }, typing: { kind: 'switch' } } },
  meshes: { kind: 'named-texts' },
  log: { kind: 'section', keys: { level: { kind: 'choice', of: LOG_LEVELS } } },
  sneakernet: { kind: 'section', keys: { watch: { kind: 'folders' } } },
}

/** What `--print-default-config` prints: a file that changes nothing, to be edited. */
export const DEFAULT_CONFIG = `# quicproquo configuration. Read in this order, later files win, the command line wins over all:
#   /etc/quicproquo/config.yaml
#   /etc/quicproquo/config.d/*.yaml   (by name)
#   $XDG_CONFIG_HOME/quicproquo/config.yaml   (~/.config when it is not set)
# The data directory is not set here but by --data or QPQ_DATA. Secrets never stand here.

# Your name as others see it before they give you one of their own; at most 32 bytes.
# name: kitchen

# TCP and UDP (QUIC) port for other nodes.
# Set by hand, a port that is taken is an error; otherwise a free one is taken.
# port: 7717

# Multiaddrs to listen on instead of every interface.
listen: []
#  - /ip4/192.168.1.4/tcp/7717

# Nodes to dial besides those that discovery finds.
peers: []
#  - /ip4/192.168.1.9/tcp/7717

# How much this node may keep for others: router (16 MB, 7 days), pi (500 MB, 30 days), relay.
profile: pi

# A file with the passphrase of the key store, for nodes that start without a person.
# passphraseFile: /run/credentials/qpq-passphrase

control:
  # Port of the control API on 127.0.0.1; off leaves only the Unix socket.
  # Set by hand, a port that is taken is an error; otherwise a free one is taken.
  # port: 7718

discovery:
  # Finding nodes on the local networks by multicast.
  lan: true
  # Asking the distributed table for people behind more than one hop.
  dht: true

send:
  # Whether others may hand your messages from one mesh to another (see meshes); for one message: send --no-bridge.
  bridge: true
  # Whether others are told that you have read what they wrote, and that you are typing. Both say when you are there;
  # for one conversation: conversation set NAME --read-receipts on. Who does not tell that he types is not told either.
  readReceipts: false
  typing: false

# For a node with neighbours in several meshes: what belongs to which. A mesh is a name of yours with interfaces, networks
# and devices; a device counts before a network, the smaller network before the larger one, and both before an
# interface. The rest is one mesh without a name. Messages cross between meshes unless their author does not want it.
meshes: {}
#  home: [eth0, 192.168.1.0/24]
#  street: [wlan0]
#  overlay: ['200::/7', 12D3KooWExample]

sneakernet:
  # Bundles (*.qpqb) that appear in these folders, or in a folder right below one, are read by themselves.
  watch: []
  #  - /media

log:
  # debug, info, warn, error or silent. Default: warn without a terminal, error in one.
  # level: warn
`
