// A policy as Cedar's JSON form has it (`policyToJson`), as far as it is looked at here. Forms that are not known are kept whole, and whoever meets one assumes the most.

type Effect = 'permit' | 'forbid'
export type Uid = { readonly type: string; readonly id: string }

/** One constraint of the head. Anything that is none of these: it may match whatever there is. */
export type ScopeAst = { readonly op: string } & Readonly<Record<string, unknown>>
type ConditionAst = { readonly kind: 'when' | 'unless'; readonly body: Expr }
/** One member, named after the operator: `{"==": {"left": …, "right": …}}`. */
type Expr = Readonly<Record<string, unknown>>

export type PolicyAst = {
  readonly effect: Effect
  readonly principal: ScopeAst
  readonly action: ScopeAst
  readonly resource: ScopeAst
  readonly conditions: readonly ConditionAst[]
  readonly annotations?: Readonly<Record<string, string | null>>
}

const NAMESPACE = 'MCP::'

/** `MCP::Group` as `Group`; a type of no namespace of ours as it is. */
export const plainType = (type: string): string => (type.startsWith(NAMESPACE) ? type.slice(NAMESPACE.length) : type)
export const cedarType = (type: string): string => NAMESPACE + type

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The operator of an expression and what it is applied to. */
export function operation(expr: unknown): { readonly op: string; readonly of: unknown } | undefined {
  if (!isRecord(expr)) return undefined
  const [entry, ...others] = Object.entries(expr)
  return entry && others.length === 0 ? { op: entry[0], of: entry[1] } : undefined
}

/** Operands of a binary operator. */
export const operands = (of: unknown): { readonly left: unknown; readonly right: unknown } =>
  isRecord(of) ? { left: of['left'], right: of['right'] } : { left: undefined, right: undefined }

/** `{"__entity": {…}}` or `{type, id}`. */
export function uidOf(value: unknown): Uid | undefined {
  const inner = isRecord(value) && '__entity' in value ? value['__entity'] : value
  return isRecord(inner) && typeof inner['type'] === 'string' && typeof inner['id'] === 'string'
    ? { type: inner['type'], id: inner['id'] }
    : undefined
}

/** The entity a literal names; undefined for every other expression. */
export function literalEntity(expr: unknown): Uid | undefined {
  const found = operation(expr)
  return found?.op === 'Value' && isRecord(found.of) && '__entity' in found.of ? uidOf(found.of) : undefined
}

export function literalText(expr: unknown): string | undefined {
  const found = operation(expr)
  return found?.op === 'Value' && typeof found.of === 'string' ? found.of : undefined
}

export type Variable = 'principal' | 'action' | 'resource' | 'context'

/** `context.approval.count` as its variable and the attributes on the way; undefined for every other expression. */
export function pathOf(expr: unknown): { readonly root: Variable; readonly path: readonly string[] } | undefined {
  const found = operation(expr)
  if (found?.op === 'Var') return { root: found.of as Variable, path: [] }
  if (found?.op !== '.' || !isRecord(found.of)) return undefined
  const left = pathOf(found.of['left'])
  const attr = found.of['attr']
  return left && typeof attr === 'string' ? { root: left.root, path: [...left.path, attr] } : undefined
}
