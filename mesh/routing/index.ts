export { type CollectGrant, isGrantValid, issueGrant } from './collect-grant.ts'
export { type Custody, CustodyLedger, type OutboxEntry } from './custody-ledger.ts'
export { type CustodyReceipt, custodyMessage, type ForwardedReceipt, isCustodySigned } from './custody-receipt.ts'
export { HOP_LIMIT, INITIAL_COPIES, type Plan, planFor, type RoutingFacts, SMALL_MESH_DEVICES } from './plan.ts'
