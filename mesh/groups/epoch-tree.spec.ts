import assert from 'node:assert/strict'
import { type DeviceId, deviceIdOf } from '#mesh/ids'
import { type EpochNode, EpochTree } from './epoch-tree.ts'
import { type EpochId, epochIdOf } from './ids.ts'

function epoch(number: number): EpochId {
  return epochIdOf(new Uint8Array(16).fill(number))
}

function device(number: number): DeviceId {
  return deviceIdOf(new Uint8Array(32).fill(number))
}

function node(id: number, parent: number | undefined, about: Partial<EpochNode> = {}): EpochNode {
  return { id: epoch(id), parent: parent === undefined ? undefined : epoch(parent), class: 4, hash: String(id), author: device(id), isBad: false, ...about }
}

/** Root 0 with children 1 and 2, and 3 beneath 1. */
function forked(about: { readonly one?: Partial<EpochNode>; readonly two?: Partial<EpochNode> } = {}): EpochTree {
  const tree = new EpochTree()
  for (const each of [node(0, undefined), node(1, 0, about.one), node(2, 0, about.two), node(3, 1)]) tree.put(each)
  return tree
}

function standing(...epochs: number[]): Map<DeviceId, EpochId> {
  return new Map(epochs.map((at, i) => [device(10 + i), epoch(at)]))
}

describe('the tree of epochs', () => {
  it('has its head where most members stand, not where most commits are', () => {
    assert.equal(forked().headFrom(epoch(0), standing(3, 2, 2)), epoch(2))
    assert.equal(forked().headFrom(epoch(0), standing(3, 1, 2)), epoch(3))
  })

  it('lets one member with a long branch not win over two', () => {
    const tree = forked()
    for (let id = 4; id < 40; id++) tree.put(node(id, id === 4 ? 3 : id - 1))
    assert.equal(tree.headFrom(epoch(0), standing(39, 2, 2)), epoch(2))
  })

  it('prefers a removal, then the smaller hash, among branches of equal weight', () => {
    assert.equal(forked({ two: { class: 0 } }).headFrom(epoch(0), standing(3, 2)), epoch(2))
    assert.equal(forked({ two: { hash: '0' } }).headFrom(epoch(0), standing(3, 2)), epoch(2))
    assert.equal(forked().headFrom(epoch(0), standing(3, 2)), epoch(3))
  })

  it('follows nothing that is bad, whoever stands there', () => {
    assert.equal(forked({ two: { isBad: true } }).headFrom(epoch(0), standing(2, 2, 2, 1)), epoch(3))
  })

  it('follows what cannot be followed here only when more have gone there than have stayed', () => {
    const tree = forked({ one: { isBad: true }, two: { author: device(10) } })
    const blocked = new Set([epoch(2)])
    assert.equal(tree.headFrom(epoch(0), standing(2, 0, 0), blocked), epoch(0), 'only its author stands there')
    assert.equal(tree.headFrom(epoch(0), standing(2, 2, 0, 0), blocked), epoch(0), 'one more, and two have stayed')
    assert.equal(tree.headFrom(epoch(0), standing(2, 2, 2, 0), blocked), epoch(2), 'two more, and one has stayed')
  })

  it('forgets an epoch and keeps what came after it', () => {
    const tree = forked()
    tree.drop(epoch(2))
    assert.equal(tree.has(epoch(2)), false)
    assert.equal(tree.isUnder(epoch(3), epoch(0)), true)
    assert.equal(tree.headFrom(epoch(0), standing(2)), epoch(3))
  })
})
