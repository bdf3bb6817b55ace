export { pacedQuic, QUIC_LIMITS } from './paced-quic.ts'
