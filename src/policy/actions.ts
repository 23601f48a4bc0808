// What a policy can permit: one action for every MCP method and every act of administration, and the groups they are in. policies/mcp.cedarschema says the same in Cedar.

import type { ResourceType } from './request.ts'

/** Groups of actions, so that a rule need not name every method: `action in MCP::Action::"read"`. */
export const ACTION_GROUPS = ['use', 'read', 'list', 'task', 'session', 'ask', 'administer'] as const
type ActionGroup = (typeof ACTION_GROUPS)[number]

export type ActionRow = { readonly within: readonly ActionGroup[]; readonly resources: readonly ResourceType[] }

const row = (within: readonly ActionGroup[], ...resources: readonly ResourceType[]): ActionRow => ({ within, resources })
const READ: readonly ActionGroup[] = ['read', 'use']
const endpoint = (...within: readonly ActionGroup[]): ActionRow => row(within, 'Endpoint')
const ADMIN = endpoint('administer')

/** By name. Methods that only pass through (`skills/list`) are the action `extension`, with the method in the context. */
export const ACTIONS: Readonly<Record<string, ActionRow>> = {
  'tools/call': row(['use'], 'Tool'),
  'prompts/get': row(READ, 'Prompt'),
  'resources/read': row(READ, 'Resource'),
  'resources/subscribe': row(READ, 'Resource'),
  'resources/unsubscribe': row(READ, 'Resource'),
  'completion/complete': row(READ, 'Prompt', 'Resource', 'Template'),
  extension: row(['use'], 'Server'),

  'servers/list': row(['list'], 'Server'),
  'tools/list': row(['list'], 'Tool'),
  'prompts/list': row(['list'], 'Prompt'),
  'resources/list': row(['list'], 'Resource'),
  'resources/templates/list': row(['list'], 'Template'),

  'tasks/get': row(['task'], 'Server'),
  'tasks/update': row(['task'], 'Server'),
  'tasks/cancel': row(['task'], 'Server'),

  'sampling/createMessage': row(['ask'], 'Server'),
  'elicitation/create': row(['ask'], 'Server'),
  'roots/list': row(['ask'], 'Server'),

  initialize: endpoint('session'),
  ping: endpoint('session'),
  'logging/setLevel': endpoint('session'),
  'server/discover': endpoint('session'),
  'subscriptions/listen': endpoint('session'),
  'notifications/cancelled': endpoint('session'),
  'notifications/initialized': endpoint('session'),
  'notifications/progress': endpoint('session'),
  'notifications/roots/list_changed': endpoint('session'),
  'session/stream': endpoint('session'),
  'session/end': endpoint('session'),
  'session/reply': endpoint('session'),
  'session/batch': endpoint('session'),

  'admin/whoami': ADMIN,
  'admin/blocks/list': ADMIN,
  'admin/block': ADMIN,
  'admin/unblock': ADMIN,
  'admin/sessions/end': ADMIN,
  'admin/keys/rotate': ADMIN,
  'admin/activity/list': ADMIN,
  'admin/collisions/list': ADMIN,
  'admin/connections/list': ADMIN,
  'admin/connections/revoke': ADMIN,
  'admin/servers/list': ADMIN,
  'admin/servers/show': ADMIN,
  'admin/audit/search': ADMIN,
  'admin/audit/show': ADMIN,
  'admin/audit/state': ADMIN,
  'admin/audit/proof': ADMIN,
  'admin/audit/value': ADMIN,
  'admin/audit/erase': ADMIN,
  'admin/marks/list': ADMIN,
  'admin/marks/clear': ADMIN,
  'admin/audit/sinks/list': ADMIN,
  'admin/audit/dead/list': ADMIN,
  'admin/audit/dead/show': ADMIN,
  'admin/audit/dead/replay': ADMIN,
  'admin/audit/dead/drop': ADMIN,
  'admin/approvals/list': ADMIN,
  'admin/approvals/events': ADMIN,
  'admin/approvals/show': ADMIN,
  'admin/approvals/approve': ADMIN,
  'admin/approvals/reject': ADMIN,
  'admin/grants/list': ADMIN,
  'admin/grants/revoke': ADMIN,
  'admin/proposals/list': ADMIN,
  'admin/proposals/approve': ADMIN,
  'admin/proposals/reject': ADMIN,
  'admin/namespaces/list': ADMIN,
  'admin/namespaces/claim': ADMIN,
  'admin/namespaces/verify': ADMIN,
  'admin/namespaces/members': ADMIN,
  'admin/namespaces/register': ADMIN,
  'admin/namespaces/thaw': ADMIN,
  'admin/namespaces/freeze': ADMIN,
  'admin/registry/submit': ADMIN,
  'admin/registry/publish': ADMIN,
  'admin/registry/attest': ADMIN,
  'admin/registry/status': ADMIN,
  'admin/registry/revoke': ADMIN,
  'admin/registry/clear': ADMIN,
  'admin/registry/advise': ADMIN,
  'admin/registry/withdraw': ADMIN,
  'admin/registry/advisories': ADMIN,
  'admin/registry/follow': ADMIN,
  'admin/registry/reviews': ADMIN,
  'admin/registry/mirrors': ADMIN,
  'admin/registry/mirror': ADMIN,
  'admin/registry/mirrored': ADMIN,
  'admin/registry/read': ADMIN,
  'registry/exchange': ADMIN,
  'admin/namespaces/reassign': ADMIN,
  'admin/namespaces/signer': ADMIN,
  'admin/registry/signers': ADMIN,
}

const ROWS = new Map(Object.entries(ACTIONS))

/** attacker-controlled where a host names a method: looked up as a literal. */
export const actionRow = (name: string): ActionRow | undefined => ROWS.get(name)
