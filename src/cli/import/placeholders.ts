// `${…}` in hosts' files: resolved at import, or turned into a reference where the value comes from the environment.

import type { Host } from '../hosts/host.ts'

/** A value on its way into gatehouse.yaml. */
export type Value =
  | { readonly kind: 'plain'; readonly text: string }
  /** goes to a file, is never shown */
  | { readonly kind: 'secret'; readonly text: string }
  /** stays in the gateway's environment */
  | { readonly kind: 'env'; readonly name: string; readonly prefix: string }

export type Scope = {
  readonly style: Host['placeholders']
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
  /** the project, where the entry belongs to one */
  readonly folder: string | undefined
  readonly separator: string
  /** VS Code inputs: the value, or why there is none */
  input(id: string): Value | { readonly problem: string }
}

export type Resolved = Value | { readonly problem: string }

/** Resolves one text. `problem` says what is missing; it never holds a value. */
export function resolveText(text: string, scope: Scope): Resolved {
  if (scope.style === 'none' || !text.includes('${')) return { kind: 'plain', text }
  const parts = text.split(/(\$\{[^{}]*\})/)
  const values: Value[] = []
  for (const part of parts) {
    if (part === '') continue
    const value =
      part.startsWith('${') && part.endsWith('}') ? resolveOne(part.slice(2, -1), scope) : ({ kind: 'plain', text: part } as const)
    if ('problem' in value) return value
    values.push(value)
  }
  return joined(values, scope)
}

/** `Bearer ${env:TOKEN}` stays a reference with a prefix; other mixtures with something secret become one secret. */
function joined(values: readonly Value[], scope: Scope): Resolved {
  const before = values.slice(0, -1)
  const last = values.at(-1)
  const plain = before.map(value => (value.kind === 'plain' ? value.text : undefined))
  if (last?.kind === 'env' && plain.every(text => text !== undefined))
    return { kind: 'env', name: last.name, prefix: plain.join('') + last.prefix }
  if (values.every(value => value.kind === 'plain')) return { kind: 'plain', text: values.map(value => value.text).join('') }
  return {
    kind: 'secret',
    text: values.map(value => (value.kind === 'env' ? value.prefix + (scope.env[value.name] ?? '') : value.text)).join(''),
  }
}

function resolveOne(expression: string, scope: Scope): Resolved {
  if (scope.style === 'shell') return fromShell(expression, scope)
  const colon = expression.indexOf(':')
  const [kind, name] = colon < 0 ? [expression, ''] : [expression.slice(0, colon), expression.slice(colon + 1)]
  switch (kind) {
    case 'env':
      return fromEnv(name, scope)
    case 'input':
      return scope.input(name)
    case 'userHome':
      return { kind: 'plain', text: scope.home }
    case 'workspaceFolder':
      return scope.folder === undefined ? { problem: 'uses `${workspaceFolder}` outside a project' } : { kind: 'plain', text: scope.folder }
    case 'workspaceFolderBasename':
      return scope.folder === undefined
        ? { problem: 'uses `${workspaceFolderBasename}` outside a project' }
        : { kind: 'plain', text: scope.folder.split(/[\\/]/).at(-1) ?? '' }
    case 'pathSeparator':
    case '/':
      return { kind: 'plain', text: scope.separator }
    default:
      return { problem: `uses \`\${${expression.slice(0, 60)}}\`, which only the host can resolve` }
  }
}

/** `${NAME}` and `${NAME:-default}`. */
function fromShell(expression: string, scope: Scope): Resolved {
  const [, name = '', fallback] = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/.exec(expression) ?? []
  if (name === '') return { problem: `uses \`\${${expression.slice(0, 60)}}\`, which only the host can resolve` }
  const isSet = scope.env[name] !== undefined && scope.env[name] !== ''
  return !isSet && fallback !== undefined ? { kind: 'plain', text: fallback } : fromEnv(name, scope)
}

function fromEnv(name: string, scope: Scope): Resolved {
  const value = scope.env[name]
  if (value === undefined || value === '')
    return { problem: `needs the environment variable \`${name.slice(0, 60)}\`, which is not set here` }
  return { kind: 'env', name, prefix: '' }
}
