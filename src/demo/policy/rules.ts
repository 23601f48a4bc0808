// What the security author of the demo writes: cases first, then a rule that says too little, then the one that is meant.

export const CASES_FILE = 'tests/contractors.yaml'
export const RULE_FILE = 'authz/contractors.cedar'
export const RULE = 'contractors.destroy-nothing'

export const CASES = `servers:
  memory:
principals:
  contractor: { groups: [contractors] }
  staff: { groups: [staff] }
cases:
  - case: a contractor deletes no entities
    principal: contractor
    action: tools/call
    tool: memory/delete_entities
    hints: { destructiveHint: true }
    expect: deny
    rules: [${RULE}]
  - case: nor what was observed of them
    principal: contractor
    action: tools/call
    tool: memory/delete_observations
    hints: { destructiveHint: true }
    expect: deny
    rules: [${RULE}]
  - case: a contractor still adds
    principal: contractor
    action: tools/call
    tool: memory/add_observations
    hints: { destructiveHint: false }
    expect: allow
  - case: staff still delete
    principal: staff
    action: tools/call
    tool: memory/delete_entities
    hints: { destructiveHint: true }
    expect: allow
`

const ruleWhen = (condition: string): string => `@id("${RULE}")
@title("What a contractor could destroy stays")
@advice("ask somebody of the staff to delete it")
forbid (
  principal in MCP::Group::"contractors",
  action == MCP::Action::"tools/call",
  resource in MCP::Server::"memory"
)
when { ${condition} };
`

/** Names one tool: there are three that delete. */
export const FIRST_TRY = ruleWhen('resource.name == "delete_entities"')
/** Goes by what a reviewer admitted of each tool. */
export const MENDED = ruleWhen('resource.hints.destructive')

/** What both do, in this order; `who` names the person. */
export type Doing = { readonly who: 'alice' | 'bob'; readonly tool: string; readonly input: Readonly<Record<string, unknown>> }
const ENTITY = 'tea'
export const TRAFFIC: readonly Doing[] = [
  { who: 'alice', tool: 'create_entities', input: { entities: [{ name: ENTITY, entityType: 'drink', observations: ['hot', 'green'] }] } },
  { who: 'alice', tool: 'read_graph', input: {} },
  { who: 'bob', tool: 'search_nodes', input: { query: ENTITY } },
  { who: 'bob', tool: 'add_observations', input: { observations: [{ entityName: ENTITY, contents: ['from Assam'] }] } },
  { who: 'bob', tool: 'delete_observations', input: { deletions: [{ entityName: ENTITY, observations: ['green'] }] } },
  { who: 'alice', tool: 'delete_observations', input: { deletions: [{ entityName: ENTITY, observations: ['hot'] }] } },
  { who: 'bob', tool: 'delete_entities', input: { entityNames: [ENTITY] } },
  { who: 'alice', tool: 'delete_entities', input: { entityNames: [ENTITY] } },
]
/** What nobody meant to permit. */
export const UNWANTED = TRAFFIC.filter(({ who, tool }) => who === 'bob' && tool.startsWith('delete_'))
