/**
 * What may be asked over the control API, with the shape of every parameter. This is the outer edge:
 * behind it, parameters are what their types say. Unknown parameters are refused by name.
 */
import { type ZodType, z } from 'zod'
import { MeshError } from '#mesh/errors'
import { MIN_PART_BYTES } from '#mesh/sync'
import type { NodeApi } from './api.ts'

/** Methods that answer with a stream and end by themselves. */
type JobName = 'bundleExport' | 'bundleImport'
/** Every method that gives one answer. */
export type MethodName = Exclude<keyof NodeApi, 'watch' | JobName>

/** Long work that was looked up and whose parameters were checked. */
export type Job = (api: NodeApi, signal: AbortSignal) => AsyncIterable<unknown>

/** A method that was looked up and whose parameters were checked. */
export type Call = (api: NodeApi) => Promise<unknown>

/** A petname, a person id or a card: the longest is a card URI (300 characters). */
const who = z.string().min(1).max(512)
/** 32 KiB of UTF-8 are at most this many characters; content measures the bytes. */
const text = z.string().max(32_768)
const priority = z.enum(['critical', 'normal', 'bulk', 'ephemeral'])
/** Linux takes paths of up to 4,096 bytes. */
const path = z
  .string()
  .min(2)
  .max(4_096)
  .startsWith('/', 'a path begins with /')
  .refine((text) => !text.includes('\0'), 'a path has no zero byte')
const none = z.strictObject({})
/** The id of a message, the end of one, or `last`. */
const which = z.string().min(1).max(128)
const amended = { message: which, in: who.optional() }

/** Without what was not said. */
function given<T extends Record<string, unknown>>(said: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> }
}

function method<P>(params: ZodType<P>, run: (api: NodeApi, params: P) => Promise<unknown>): (raw: unknown) => Call {
  return (raw) => {
    const parsed = params.safeParse(raw ?? {})
    if (!parsed.success) throw paramsInvalid(parsed.error)
    return (api) => run(api, parsed.data)
  }
}

function paramsInvalid(error: z.ZodError): MeshError {
  const issue = error.issues[0]
  const place = issue === undefined || issue.path.length === 0 ? 'the parameters' : `"${issue.path.join('.')}"`
  return new MeshError('NODE_PARAMS_INVALID', `${place} cannot be taken: ${issue?.message ?? 'wrong shape'}`, { hint: '`qpq help` shows what a command takes' })
}

const METHODS: Readonly<Record<MethodName, (raw: unknown) => Call>> = {
  status: method(none, (api) => api.status()),
  id: method(none, (api) => api.id()),
  peers: method(none, (api) => api.peers()),
  doctor: method(none, (api) => api.doctor()),
  privacy: method(none, (api) => api.privacy()),
  down: method(none, (api) => api.down()),
  contactAdd: method(z.strictObject({ card: who, as: who.optional() }), (api, { card, as }) => api.contactAdd({ card, ...(as === undefined ? {} : { as }) })),
  contactList: method(none, (api) => api.contactList()),
  contactCard: method(z.strictObject({ who: who.optional() }), (api, params) => api.contactCard(params.who === undefined ? {} : { who: params.who })),
  contactVerify: method(
    z.strictObject({
      who,
      confirm: z.boolean().optional(),
      emoji: z.boolean().optional(),
      reject: z.boolean().optional(),
      scan: z.string().max(1_024).optional(),
      acknowledge: z.boolean().optional(),
    }),
    (api, { scan, confirm = false, emoji = false, reject = false, acknowledge = false, ...params }) =>
      api.contactVerify({ ...params, confirm, emoji, reject, acknowledge, ...(scan === undefined ? {} : { scan }) }),
  ),
  contactBlock: method(z.strictObject({ who, unblock: z.boolean().optional() }), (api, params) =>
    api.contactBlock({ who: params.who, ...(params.unblock === undefined ? {} : { unblock: params.unblock }) }),
  ),
  deviceList: method(none, (api) => api.deviceList()),
  deviceRevoke: method(z.strictObject({ device: z.string().min(1).max(128) }), (api, params) => api.deviceRevoke(params)),
  send: method(
    z.strictObject({ to: who, text, priority: priority.optional(), bridge: z.boolean().optional(), thread: which.optional(), once: z.boolean().optional() }),
    (api, params) =>
      api.send({ to: params.to, text: params.text, ...given({ priority: params.priority, bridge: params.bridge, thread: params.thread, once: params.once }) }),
  ),
  reply: method(z.strictObject({ ...amended, text }), (api, { message, text: said, in: place }) => api.reply({ message, text: said, ...given({ in: place }) })),
  edit: method(z.strictObject({ ...amended, text }), (api, { message, text: said, in: place }) => api.edit({ message, text: said, ...given({ in: place }) })),
  delete: method(z.strictObject(amended), (api, { message, in: place }) => api.delete({ message, ...given({ in: place }) })),
  react: method(z.strictObject({ ...amended, emoji: z.string().max(64), undo: z.boolean().optional() }), (api, { message, emoji, in: place, undo }) =>
    api.react({ message, emoji, ...given({ in: place, undo }) }),
  ),
  thread: method(z.strictObject(amended), (api, { message, in: place }) => api.thread({ message, ...given({ in: place }) })),
  threads: method(z.strictObject({ to: who }), (api, params) => api.threads(params)),
  read: method(z.strictObject(amended), (api, { message, in: place }) => api.read({ message, ...given({ in: place }) })),
  typing: method(z.strictObject({ to: who, on: z.boolean() }), (api, params) => api.typing(params)),
  conversationGet: method(z.strictObject({ who }), (api, params) => api.conversationGet(params)),
  conversationSet: method(
    z.strictObject({ who, readReceipts: z.boolean().optional(), typing: z.boolean().optional(), ttlS: z.int().min(0).max(31_536_000).optional() }),
    (api, { who: whom, ...change }) => api.conversationSet({ who: whom, ...given(change) }),
  ),
  log: method(z.strictObject({ to: who, since: z.string().max(128).optional(), limit: z.int().min(1).max(10_000).optional() }), (api, { to, since, limit }) =>
    api.log({ to, ...(since === undefined ? {} : { since }), ...(limit === undefined ? {} : { limit }) }),
  ),
  search: method(z.strictObject({ query: z.string().min(1).max(2_048), limit: z.int().min(1).max(1_000).optional() }), (api, { query, limit }) =>
    api.search({ query, ...(limit === undefined ? {} : { limit }) }),
  ),
  outbox: method(none, (api) => api.outbox()),
  outboxFlush: method(z.strictObject({ to: who.optional(), timeoutMs: z.int().min(1).max(600_000).optional() }), (api, { to, timeoutMs }) =>
    api.outboxFlush({ ...(to === undefined ? {} : { to }), ...(timeoutMs === undefined ? {} : { timeoutMs }) }),
  ),
  outboxClear: method(z.strictObject({ which: z.string().max(65_536).optional(), dryRun: z.boolean().optional() }), (api, { which, dryRun }) =>
    api.outboxClear({ ...(which === undefined ? {} : { which }), ...(dryRun === undefined ? {} : { dryRun }) }),
  ),
}

function job<P>(params: ZodType<P>, run: (api: NodeApi, params: P, signal: AbortSignal) => AsyncIterable<unknown>): (raw: unknown) => Job {
  return (raw) => {
    const parsed = params.safeParse(raw ?? {})
    if (!parsed.success) throw paramsInvalid(parsed.error)
    return (api, signal) => run(api, parsed.data, signal)
  }
}

const JOBS: Readonly<Record<JobName, (raw: unknown) => Job>> = {
  bundleExport: job(
    z.strictObject({
      file: path,
      for: z.array(who).max(1_000).optional(),
      maxBytes: z.int().min(MIN_PART_BYTES).optional(),
      force: z.boolean().optional(),
    }),
    (api, { file, for: to, maxBytes, force }, signal) =>
      api.bundleExport(
        { file, ...(to === undefined ? {} : { for: to }), ...(maxBytes === undefined ? {} : { maxBytes }), ...(force === undefined ? {} : { force }) },
        signal,
      ),
  ),
  bundleImport: job(z.strictObject({ files: z.array(path).min(1).max(10_000) }), (api, params, signal) => api.bundleImport(params, signal)),
}

/** Long work by its name, or `undefined` when it is none. @throws MeshError `NODE_PARAMS_INVALID` */
export function prepareJob(name: string, params: unknown): Job | undefined {
  return Object.hasOwn(JOBS, name) ? JOBS[name as JobName](params) : undefined
}

/** Looks a method up and checks its parameters. @throws MeshError `NODE_METHOD_UNKNOWN`, `NODE_PARAMS_INVALID` */
export function prepareCall(name: string, params: unknown): Call {
  if (!Object.hasOwn(METHODS, name)) {
    throw new MeshError('NODE_METHOD_UNKNOWN', `there is no method "${name.slice(0, 64)}"`, {
      hint: 'perhaps the running node is older or newer than this program',
    })
  }
  return METHODS[name as MethodName](params)
}
