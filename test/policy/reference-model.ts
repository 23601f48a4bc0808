// The shipped rules and the table of decisions once more, written down naively and on their own: what a request is, and by which sentence it may pass. Nothing
// here knows Cedar, facts or the code under test. test/policy/decision.test.ts and the soak compare the two.

export type Plain = {
  readonly groups: readonly string[]
  readonly action: string
  readonly about: 'tool' | 'prompt' | 'resource' | 'template' | 'server' | 'endpoint'
  readonly isSigned: boolean
  readonly isProduction: boolean
  readonly climbs: boolean
  readonly hints: { readonly readOnly?: boolean; readonly destructive?: boolean; readonly openWorld?: boolean }
  readonly readUntrusted: boolean
  readonly approvals: number
  readonly missingScopes: readonly string[]
  readonly standing: string | undefined
  readonly canRate: boolean
  readonly waits: readonly number[]
  /** an engine that fails for this request, or for what it is about when it is shown */
  readonly fails: 'no' | 'call' | 'list'
}

const READS = ['prompts/get', 'resources/read', 'resources/subscribe', 'resources/unsubscribe', 'completion/complete']
const LISTS: Readonly<Record<string, string>> = {
  server: 'servers/list',
  tool: 'tools/list',
  prompt: 'prompts/list',
  resource: 'resources/list',
  template: 'resources/templates/list',
}
const TASKS = ['tasks/get', 'tasks/update', 'tasks/cancel']
const ASKS = ['sampling/createMessage', 'elicitation/create', 'roots/list']

/** 'allow', 'approval' or 'deny', as a person reads the shipped rules. */
function rulesSay(x: Plain, action: string): 'allow' | 'deny' | 'approval' {
  const isCall = action === 'tools/call'
  const isList = Object.values(LISTS).includes(action)
  const isRead = READS.includes(action)
  const onServer = x.about !== 'endpoint'
  if (onServer && !x.isSigned) return 'deny'
  if (onServer && x.isProduction && !x.groups.includes('production-operators')) return 'deny'
  if (isRead && x.about === 'resource' && x.climbs) return 'deny'
  const readOnly = x.hints.readOnly === true
  const openWorld = x.hints.openWorld !== false
  if (isCall && x.readUntrusted && openWorld) return 'deny'
  let permitted = false
  if (isList || isRead) permitted = true
  if (isCall && (readOnly || x.groups.includes('engineering'))) permitted = true
  if (TASKS.includes(action)) permitted = true
  if (!onServer) permitted = true // sessions and administration
  if (ASKS.includes(action) || action === 'extension') permitted = false
  if (!permitted) return 'deny'
  return isCall && destroys(x) && x.approvals === 0 ? 'approval' : 'allow'
}

const destroys = ({ hints }: Plain): boolean => (hints.readOnly === true ? hints.destructive === true : hints.destructive !== false)

/** The whole verdict as one word. */
export function modelVerdict(x: Plain): string {
  const list = LISTS[x.about]
  const isShown = list === undefined || rulesSay(x, list) === 'allow'
  if (list !== undefined && (x.fails === 'list' || !isShown)) return 'unknown'
  if (x.fails === 'call') return 'policy-failed'
  const said = rulesSay(x, x.action)
  if (said === 'deny') return 'denied'
  if (x.missingScopes.length > 0) return 'scope-missing'
  if (x.standing !== undefined) return 'standing'
  if (said === 'approval') return 'approval-required'
  const isRated = x.action === 'tools/call'
  if (isRated && !x.canRate) return 'obligation-unenforced'
  if (x.waits.length > 0) return `limited ${[...x.waits].sort((a, b) => b - a)[0]!}`
  return 'pass'
}
