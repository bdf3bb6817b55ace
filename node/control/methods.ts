/**
 * What may be asked over the control API, with the shape of every parameter. This is the outer edge:
 * behind it, parameters are what their types say. Unknown parameters are refused by name.
 */
import { type ZodType, z } from 'zod'
import { MeshError } from '#mesh/errors'
import type { NodeApi } from './api.ts'

/** Every method but the stream. */
export type MethodName = Exclude<keyof NodeApi, 'watch'>

/** A method that was looked up and whose parameters were checked. */
export type Call = (api: NodeApi) => Promise<unknown>

/** A petname, a person id or a card: the longest is a card URI (300 characters). */
const who = z.string().min(1).max(512)
/** 32 KiB of UTF-8 are at most this many characters; content measures the bytes. */
const text = z.string().max(32_768)
const none = z.strictObject({})

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
  down: method(none, (api) => api.down()),
  contactAdd: method(z.strictObject({ card: who, as: who.optional() }), (api, { card, as }) => api.contactAdd({ card, ...(as === undefined ? {} : { as }) })),
  contactList: method(none, (api) => api.contactList()),
  contactCard: method(z.strictObject({ who: who.optional() }), (api, params) => api.contactCard(params.who === undefined ? {} : { who: params.who })),
  contactVerify: method(z.strictObject({ who, confirm: z.boolean().optional() }), (api, params) =>
    api.contactVerify({ who: params.who, ...(params.confirm === undefined ? {} : { confirm: params.confirm }) }),
  ),
  contactBlock: method(z.strictObject({ who, unblock: z.boolean().optional() }), (api, params) =>
    api.contactBlock({ who: params.who, ...(params.unblock === undefined ? {} : { unblock: params.unblock }) }),
  ),
  deviceList: method(none, (api) => api.deviceList()),
  deviceRevoke: method(z.strictObject({ device: z.string().min(1).max(128) }), (api, params) => api.deviceRevoke(params)),
  send: method(z.strictObject({ to: who, text, priority: z.enum(['critical', 'normal', 'bulk', 'ephemeral']).optional() }), (api, params) =>
    api.send({ to: params.to, text: params.text, ...(params.priority === undefined ? {} : { priority: params.priority }) }),
  ),
  log: method(z.strictObject({ to: who, since: z.string().max(128).optional(), limit: z.int().min(1).max(10_000).optional() }), (api, { to, since, limit }) =>
    api.log({ to, ...(since === undefined ? {} : { since }), ...(limit === undefined ? {} : { limit }) }),
  ),
  outbox: method(none, (api) => api.outbox()),
  outboxFlush: method(z.strictObject({ to: who.optional(), timeoutMs: z.int().min(1).max(600_000).optional() }), (api, { to, timeoutMs }) =>
    api.outboxFlush({ ...(to === undefined ? {} : { to }), ...(timeoutMs === undefined ? {} : { timeoutMs }) }),
  ),
  outboxClear: method(z.strictObject({ which: z.string().max(65_536).optional(), dryRun: z.boolean().optional() }), (api, { which, dryRun }) =>
    api.outboxClear({ ...(which === undefined ? {} : { which }), ...(dryRun === undefined ? {} : { dryRun }) }),
  ),
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
