export { hasRoom, openLevel } from './open-level.ts'
