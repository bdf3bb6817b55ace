import assert from 'node:assert/strict'
import { describePrivacy, type PrivacyFacts } from './privacy.ts'

function facts(over: Partial<PrivacyFacts> = {}): PrivacyFacts {
  return {
    hasPassphrase: true,
    lan: { isOn: false, interfaces: [] },
    dht: false,
    bridges: { mayCross: false, meshes: [] },
    http: undefined,
    named: 0,
    connected: 0,
    contacts: { all: 2, verified: 2, alarmed: 0, notMutual: 0 },
    told: { reading: 0, typing: 0, vanishing: 0 },
    paddingBytes: [256, 512],
    cardAddresses: 0,
    deviceName: 'kitchen',
    ...over,
  }
}

function open(over: Partial<PrivacyFacts>): string[] {
  return describePrivacy(facts(over)).settings.flatMap(({ code, protects }) => (protects ? [] : [code]))
}

function seenBy(who: string, over: Partial<PrivacyFacts> = {}): string {
  return (
    describePrivacy(facts(over))
      .views.find((view) => view.who === who)
      ?.sees.join('; ') ?? ''
  )
}

describe('the privacy report', () => {
  it('names what does not protect, and what to do about it', () => {
    assert.deepEqual(open({}), [])
    assert.deepEqual(open({ hasPassphrase: false }), ['history', 'passphrase'])
    assert.deepEqual(open({ lan: { isOn: true, interfaces: ['eth0'] }, dht: true }), ['discovery-lan', 'discovery-dht'])
    assert.deepEqual(open({ told: { reading: 1, typing: 1, vanishing: 0 } }), ['read-receipts', 'typing'])
    assert.deepEqual(open({ bridges: { mayCross: true, meshes: [] } }), ['bridges'])
    assert.deepEqual(open({ contacts: { all: 2, verified: 1, alarmed: 0, notMutual: 0 } }), ['verified'])
    assert.deepEqual(open({ contacts: { all: 2, verified: 2, alarmed: 1, notMutual: 0 } }), ['verified'])
  })

  it('says what others see from what this node does', () => {
    assert.match(seenBy('finder-of-the-disk', { hasPassphrase: false }), /everything/)
    assert.doesNotMatch(seenBy('finder-of-the-disk'), /everything/)
    assert.match(seenBy('other-person', { cardAddresses: 1 }), /1 network address in your card/)
    assert.doesNotMatch(seenBy('other-person'), /network address/)
    assert.match(seenBy('lan-neighbour', { lan: { isOn: true, interfaces: [] } }), /that there is a node/)
    assert.doesNotMatch(seenBy('lan-neighbour'), /that there is a node/)
    assert.match(seenBy('relay', { named: 2, connected: 1 }), /2 named peers.*connected now: 1/)
  })
})
