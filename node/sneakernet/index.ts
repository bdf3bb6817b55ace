export { Sneakernet } from './sneakernet.ts'
