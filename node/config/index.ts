export { loadConfig, readConfig } from './config.ts'
export { nearest } from './nearest.ts'
export {
  DEFAULT_CONTROL_PORT,
  DEFAULT_PORT,
  defaultName,
  type IdentityNotice,
  type NodeOptions,
  nodeOptions,
  type OptionFlags,
} from './options.ts'
export { configDirs, dataPath } from './paths.ts'
export { CONFIG_KEYS, type Config, DEFAULT_CONFIG, LOG_LEVELS, type LogLevel, PROFILES, type Profile } from './schema.ts'
