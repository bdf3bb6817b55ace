export { type Finished, run } from './commands.ts'
export { type JoinOptions, type Lan, NetLab, type NodeSpace, withLab } from './lab.ts'
export { QpqNode, type QpqReady, type QpqStartOptions, qpq } from './qpq.ts'
export { Running, type RunningOptions } from './running.ts'
