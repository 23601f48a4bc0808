// Events as OCSF API Activity (class 6003, https://schema.ocsf.io/1.6.0/classes/api_activity), for sinks and exports. Pure; reads lines of any version.

import type { Found } from './reading.ts'

/** Of what is exported, which the event itself does not say: its place and leaf, what a copy can be held against (docs/events.md). */
export type Exported = Pick<Found, 'seq' | 'leaf'> & {
  /** the log's name */
  readonly origin: string
  /** of the checkpoint that covers it */
  readonly checkpointSize: number
  /** of this gateway */
  readonly version?: string
}

type Json = Readonly<Record<string, unknown>>

const OCSF_VERSION = '1.6.0'
const CLASS = 6003
const ACTIVITY_NAMES = { 1: 'Create', 2: 'Read', 3: 'Update', 4: 'Delete' } as const
/** Methods that only read, begin or end something; a call of a tool can be anything, and what a server says of it is no evidence. */
const ACTIVITIES: Readonly<Record<string, keyof typeof ACTIVITY_NAMES>> = {
  initialize: 1,
  'tools/list': 2,
  'prompts/list': 2,
  'prompts/get': 2,
  'resources/list': 2,
  'resources/templates/list': 2,
  'resources/read': 2,
  'completion/complete': 2,
  'server/discover': 2,
  'subscriptions/listen': 2,
  'session/stream': 2,
  'tasks/get': 2,
  'resources/subscribe': 1,
  'resources/unsubscribe': 4,
  'tasks/update': 3,
  'tasks/cancel': 4,
  'logging/setLevel': 3,
  'session/end': 4,
}
const PRIMITIVES: Readonly<Record<string, string>> = {
  tools: 'MCP Tool',
  prompts: 'MCP Prompt',
  resources: 'MCP Resource',
  tasks: 'MCP Task',
}
/** `severity_id`, by the worst finding. */
const SEVERITIES: Readonly<Record<string, number>> = { critical: 5, high: 4, medium: 3, low: 2 }
/** Members that have an attribute of their own in the class; the others stand in `unmapped`. */
const MAPPED: ReadonlySet<string> = new Set([
  ...[
    'v',
    'id',
    'time',
    'type',
    'call',
    'request',
    'trace',
    'session',
    'principal',
    'subject',
    'upstream',
    'reason',
    'detail',
    'errorCode',
  ],
  ...['ms', 'outcome', 'rules'],
])

/**
 * One event of the log (a line without its newline) as an object of the class API Activity, plain data. Every type of event has one: what is no request of a
 * host has the gateway as its actor. `raw_data` is the line itself, so that whoever holds a copy can compute the leaf. Throws SyntaxError when the line is no
 * JSON object.
 */
export function ocsfOf(line: string, exported: Exported): Json {
  const event = objectOf(JSON.parse(line))
  if (!event) throw new SyntaxError('expected an event as a JSON object')
  const [subject, trace] = [objectOf(event['subject']) ?? {}, textOf(event['trace'])]
  const operation = textOf(subject['method']) ?? textOf(event['method']) ?? textOf(event['what']) ?? textOf(event['type']) ?? 'unknown'
  const activity = ACTIVITIES[operation] ?? 99
  const server = serverOf(event, subject)
  return {
    category_uid: 6,
    category_name: 'Application Activity',
    class_uid: CLASS,
    class_name: 'API Activity',
    activity_id: activity,
    activity_name: activity === 99 ? operation : ACTIVITY_NAMES[activity],
    type_uid: CLASS * 100 + activity,
    severity_id: severityOf(event),
    time: Date.parse(textOf(event['time']) ?? ''),
    ...(typeof event['ms'] === 'number' && { duration: Math.round(event['ms']) }),
    ...statusOf(event),
    message: messageOf(event, operation, server),
    metadata: metadataOf(event, exported, trace !== undefined),
    actor: actorOf(event),
    api: apiOf(event, subject, operation, server),
    src_endpoint: sourceOf(event),
    ...(server !== undefined && { dst_endpoint: { svc_name: server } }),
    ...resourcesOf(event, subject, operation),
    ...(trace !== undefined && { trace: { uid: trace } }),
    unmapped: unmappedOf(event, subject, exported),
    raw_data: line,
  }
}

const objectOf = (value: unknown): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined
const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
const textsOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value.filter(item => typeof item === 'string') : [])
/** Without members that are undefined. */
const known = (members: Json): Json => Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))

/** Contacts name it beside their method, exchanges in their subject. */
const serverOf = (event: Json, subject: Json): string | undefined => textOf(subject['server']) ?? textOf(event['server'])

function statusOf(event: Json): Json {
  const reason = textOf(event['reason'])
  const status = known({ status_code: reason, status_detail: textOf(event['detail']) })
  const is = (id: number, name: string): Json => ({ status_id: id, status: name, ...status })
  switch (event['type']) {
    case 'refusal':
    case 'aggregate':
      return is(2, 'Failure')
    case 'outcome':
    case 'upstream-contact-end':
      if (event['outcome'] === 'unknown') return is(0, 'Unknown')
      return event['outcome'] === 'error' || event['outcome'] === 'stopped' ? is(2, 'Failure') : is(1, 'Success')
    case 'server-request':
      return event['decision'] === 'refused' ? is(2, 'Failure') : is(1, 'Success')
    case 'decision':
    case 'lifecycle':
      return is(1, 'Success')
    default:
      // An intent says that something is about to be asked, not how it ended.
      return is(99, textOf(event['type']) ?? 'Other')
  }
}

/** Informational; low where something was refused; what was found, by the worst of it. */
function severityOf(event: Json): number {
  const found = Array.isArray(event['findings']) ? event['findings'] : []
  const severities = found.map(finding => SEVERITIES[textOf(objectOf(finding)?.['severity']) ?? ''] ?? 1)
  return Math.max(statusOf(event)['status_id'] === 2 ? 2 : 1, ...severities)
}

function messageOf(event: Json, operation: string, server: string | undefined): string {
  const how = textOf(event['outcome']) ?? textOf(event['decision'])
  const reason = textOf(event['reason'])
  return [textOf(event['type']), operation, server && `at ${server}`, how, reason && `(${reason})`].filter(Boolean).join(' ')
}

const metadataOf = (event: Json, { origin, seq, version }: Exported, isTraced: boolean): Json =>
  known({
    version: OCSF_VERSION,
    product: known({ name: 'Gatehouse', vendor_name: 'Gatehouse', version }),
    log_name: origin,
    log_provider: 'gatehouse',
    uid: textOf(event['id']),
    event_code: textOf(event['type']),
    correlation_uid: textOf(event['call']) ?? textOf(event['contact']),
    original_time: textOf(event['time']),
    sequence: seq,
    ...(isTraced && { profiles: ['trace'] }),
  })

/** Whoever asked; the gateway where nobody did. */
function actorOf(event: Json): Json {
  const principal = objectOf(event['principal'])
  if (!principal) return { app_name: event['type'] === 'aggregate' ? 'unauthenticated' : 'gatehouse' }
  const issuer = textOf(principal['issuer']) ?? ''
  const authentication = objectOf(principal['authentication']) ?? {}
  const isWorkload = principal['kind'] === 'workload'
  const session = textOf(event['session'])
  const digest = textOf(objectOf(event['policy'])?.['digest'])
  const rules = textsOf(event['rules'])
  return known({
    user: {
      uid: textOf(principal['subject']) ?? '',
      domain: issuer,
      ...(isWorkload ? { type_id: 3, type: 'System' } : { type_id: 1, type: 'User' }),
    },
    idp: { name: issuer, uid: textOf(authentication['issuer']) ?? issuer },
    app_uid: textOf(principal['client']),
    session: session === undefined ? undefined : { uid: session, issuer },
    authorizations: rules.length === 0 ? undefined : rules.map(uid => ({ policy: known({ uid, version: digest }), decision: 'allow' })),
  })
}

function apiOf(event: Json, subject: Json, operation: string, server: string | undefined): Json {
  const upstream = objectOf(event['upstream']) ?? {}
  const response = known({ code: event['errorCode'], error: textOf(event['reason']), message: textOf(event['outcome']) })
  const data = known({ digest: subject['paramsDigest'] ?? event['paramsDigest'], bytes: subject['paramsBytes'] })
  const request = textOf(event['request']) ?? textOf(event['contact'])
  return known({
    operation,
    service:
      server === undefined ? undefined : known({ name: server, uid: textOf(upstream['name']), version: textOf(upstream['version']) }),
    request: request === undefined ? undefined : { uid: request, ...(Object.keys(data).length > 0 && { data }) },
    response: Object.keys(response).length === 0 ? undefined : response,
  })
}

/** Events hold no address of a caller; of strangers the prefix that was counted. */
function sourceOf(event: Json): Json {
  const prefix = textOf(event['prefix'])
  if (prefix !== undefined) return { name: prefix }
  const client = textOf(objectOf(event['principal'])?.['client'])
  return event['principal'] === undefined ? { svc_name: 'gatehouse' } : known({ svc_name: 'mcp-host', uid: client })
}

function resourcesOf(event: Json, subject: Json, operation: string): Json {
  const [name, upstream] = [textOf(subject['name']), objectOf(event['upstream'])]
  const primitive =
    name === undefined ? [] : [known({ name, type: PRIMITIVES[operation.split('/', 1)[0] ?? ''], uid: textOf(subject['definition']) })]
  const registered = textOf(upstream?.['name'])
  const server =
    registered === undefined
      ? []
      : [known({ name: registered, type: 'MCP Server', version: textOf(upstream?.['version']), uid: textOf(upstream?.['serverJson']) })]
  const resources = [...primitive, ...server]
  return resources.length === 0 ? {} : { resources }
}

function unmappedOf(event: Json, subject: Json, { origin, seq, leaf, checkpointSize }: Exported): Json {
  const rest = Object.entries(event).filter(([name]) => !MAPPED.has(name))
  const { authentication, tokenId, scopes } = objectOf(event['principal']) ?? {}
  const { endpoint, era } = subject
  const upstream = objectOf(event['upstream'])
  return known({
    log: { origin, seq, leaf, checkpoint_size: checkpointSize },
    principal:
      authentication === undefined && tokenId === undefined && scopes === undefined
        ? undefined
        : known({ authentication, tokenId, scopes }),
    subject: Object.keys(subject).length === 0 ? undefined : known({ endpoint, era }),
    upstream,
    ...Object.fromEntries(rest),
  })
}
