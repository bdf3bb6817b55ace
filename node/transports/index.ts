export { corkedTcp } from './corked-tcp.ts'
export { pacedQuic, QUIC_LIMITS } from './paced-quic.ts'
