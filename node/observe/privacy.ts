/** What this node gives away and what not, in plain words, from what is really configured and going on. */
import type { PrivacyReport, PrivacySetting, PrivacyView } from '#node/control'

/** What the report is made of. */
export interface PrivacyFacts {
  readonly hasPassphrase: boolean
  /** By interface, whether the node is heard there; empty when discovery in the LAN is off. */
  readonly lan: { readonly isOn: boolean; readonly interfaces: readonly string[] }
  readonly dht: boolean
  /** Whether others may hand own messages between meshes, and the names of the meshes that are configured. */
  readonly bridges: { readonly mayCross: boolean; readonly meshes: readonly string[] }
  /** URL of the control API over HTTP. */
  readonly http: string | undefined
  /** Peers named in the configuration, and connected ones. */
  readonly named: number
  readonly connected: number
  readonly contacts: { readonly all: number; readonly verified: number; readonly alarmed: number; readonly notMutual: number }
  /** Contacts who are told what was read, and that something is being typed; conversations whose messages disappear. */
  readonly told: { readonly reading: number; readonly typing: number; readonly vanishing: number }
  /** Sizes a sealed message can have, bytes. */
  readonly paddingBytes: readonly number[]
  /** Binary addresses in the own card. */
  readonly cardAddresses: number
  readonly deviceName: string
}

/** Makes the report. */
export function describePrivacy(facts: PrivacyFacts): PrivacyReport {
  return { settings: [...ofMessages(facts), ...ofTheDisk(facts), ...ofTheNetwork(facts)], views: views(facts) }
}

function ofMessages(facts: PrivacyFacts): PrivacySetting[] {
  const { contacts, paddingBytes, bridges } = facts
  const classes = paddingBytes.join(', ')
  const unverified = contacts.all - contacts.verified
  return [
    {
      code: 'author-keys',
      protects: true,
      message: `${count(contacts.all, 'contact')}, and a signing key of its own towards each: carriers cannot tell that messages to different people come from one device`,
    },
    { code: 'padding', protects: true, message: `sealed messages are filled up to ${classes} bytes: only the class of a length shows` },
    ...ofHabits(facts),
    {
      code: 'verified',
      protects: unverified === 0 && contacts.alarmed === 0,
      message: `${contacts.verified} of ${count(contacts.all, 'contact')} verified${contacts.alarmed === 0 ? '' : `, and of ${contacts.alarmed} something changed since`}`,
      ...(unverified === 0 && contacts.alarmed === 0
        ? {}
        : { advice: 'qpq contact verify NAME --emoji: without it somebody who gave you a wrong card can read along' }),
    },
    {
      code: 'bridges',
      protects: !bridges.mayCross,
      message: bridges.mayCross
        ? `others may hand your messages from one mesh to another${bridges.meshes.length === 0 ? '' : ` (named here: ${bridges.meshes.join(', ')})`}`
        : 'your messages stay in the mesh in which they are written, if others keep to the rules',
      ...(bridges.mayCross ? { advice: '`send: { bridge: false }` in the configuration, or --no-bridge, forbids it' } : {}),
    },
  ]
}

function ofHabits({ told: { reading, typing, vanishing } }: PrivacyFacts): PrivacySetting[] {
  const off = { advice: 'qpq conversation set NAME --read-receipts off --typing off' }
  return [
    {
      code: 'read-receipts',
      protects: reading === 0,
      message: `${reading === 0 ? 'nobody' : count(reading, 'contact')} is told what was read; that a message has arrived is always told, since carriers drop their copies by it`,
      ...(reading === 0 ? {} : off),
    },
    {
      code: 'typing',
      protects: typing === 0,
      message: `${typing === 0 ? 'nobody' : count(typing, 'contact')} is told that you are typing`,
      ...(typing === 0 ? {} : off),
    },
    {
      code: 'disappearing',
      protects: true,
      message: `in ${count(vanishing, 'conversation')} messages disappear after they were read; others can always keep a copy`,
    },
  ]
}

function ofTheDisk({ hasPassphrase }: PrivacyFacts): PrivacySetting[] {
  return [
    {
      code: 'history',
      protects: hasPassphrase,
      message: hasPassphrase
        ? 'messages, contacts and conversations are encrypted on the disk, and what finds them by words holds no word'
        : 'messages and contacts are encrypted on the disk, but the key lies beside them, without a passphrase',
    },
    {
      code: 'passphrase',
      protects: hasPassphrase,
      message: hasPassphrase ? 'the keys are locked by a passphrase' : 'the keys are not locked: whoever has the disk has the keys, and with them everything',
      ...(hasPassphrase ? {} : { advice: 'a passphrase is set when a node is made: qpq up --data NEW --restore --passphrase-file FILE; or encrypt the disk' }),
    },
  ]
}

function ofTheNetwork({ lan, dht, http }: PrivacyFacts): PrivacySetting[] {
  const where = lan.interfaces.length === 0 ? 'no interface now' : lan.interfaces.join(', ')
  return [
    {
      code: 'discovery-lan',
      protects: !lan.isOn,
      message: lan.isOn ? `everybody on the LAN hears that this node is here (${where})` : 'the node does not announce itself on the LAN',
      ...(lan.isOn ? { advice: '--no-discovery keeps silent; then only --peer connects you' } : {}),
    },
    {
      code: 'discovery-dht',
      protects: !dht,
      message: dht ? 'nodes of the mesh can look up where this inbox is reached' : 'nobody can look up where this inbox is reached',
      ...(dht ? { advice: '`discovery: { dht: false }` in the configuration ends it' } : {}),
    },
    {
      code: 'control-http',
      protects: true,
      message:
        http === undefined
          ? 'commands come in by a socket that only you can open'
          : `programs on this machine that can read your files can command the node (${http}, with a token)`,
    },
  ]
}

function views(facts: PrivacyFacts): PrivacyView[] {
  const { contacts, named, connected, lan, hasPassphrase, cardAddresses, deviceName, dht, told } = facts
  const carried = [
    'to which inbox a message goes; who has that person’s card knows whose it is',
    'which messages to one inbox are by the same author, not who that is',
    'when it was written by your clock, how long it lives, its priority, its size class',
    'that it has arrived, by the owner’s receipt',
  ]
  const sealed = ['what it says', 'who wrote it', 'how long it is within its class']
  return [
    { who: 'carrier', sees: carried, hidden: [...sealed, 'that messages to two people are by one device'] },
    {
      who: 'relay',
      sees: [
        ...(named === 0
          ? ['nothing more than a carrier: no peer is named in the configuration, and none is needed']
          : [`all that a carrier sees, on ${count(named, 'named peer')}`]),
        `the network addresses of nodes that connect to it, and when they are there (connected now: ${connected})`,
      ],
      hidden: sealed,
    },
    {
      who: 'lan-neighbour',
      sees: [
        ...(lan.isOn ? ['that there is a node, its device id and addresses'] : ['traffic of a node that it finds otherwise']),
        'once connected, the inbox you collect for, and so who you are if it has your card',
        ...(dht ? ['where you are reached, when it asks the mesh for your inbox'] : []),
        'how much travels and when',
      ],
      hidden: ['what travels: links are encrypted', ...sealed],
    },
    {
      who: 'other-person',
      sees: [
        'everything you write to them, when by your clock, and which of their messages you had then',
        `your person key, and the name and key of this device (${deviceName})`,
        ...(cardAddresses === 0 ? [] : [`${count(cardAddresses, 'network address', 'network addresses')} in your card`]),
        ...(contacts.notMutual === 0 ? [] : [`your card again with every message, until they have written (${contacts.notMutual} have not)`]),
        'that a message of theirs has arrived here',
      ],
      hidden: [
        ...(told.reading === 0 ? ['whether you read it'] : ['whether you read it, where you have not switched that on']),
        'whom else you know and write to',
      ],
    },
    {
      who: 'finder-of-the-disk',
      sees: [
        ...(hasPassphrase ? [] : ['everything: the keys are not locked']),
        'how many messages there are, when they came, and their size classes',
        'what is carried for others, sealed',
      ],
      hidden: hasPassphrase ? ['texts, words, contacts, with whom you talk'] : [],
    },
  ]
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`
}
