export { type Finished, run } from './commands.ts'
export { type JoinOptions, type Lan, NetLab, type NodeSpace, withLab } from './lab.ts'
export { QpqNode, type QpqReady, type QpqStartOptions } from './qpq.ts'
export { Running, type RunningOptions } from './running.ts'
