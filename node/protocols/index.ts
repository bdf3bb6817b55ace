export { FrameDecoder, frameWithLength } from './frames.ts'
export { LinkKeeper, type LinkKeeperDeps, SYNC_PROTOCOL } from './link-keeper.ts'
export { streamLink } from './stream-link.ts'
