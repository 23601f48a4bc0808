// Allow rules of the configuration as Cedar: each is a permit under its own name, so that it counts beside other rules, and any forbid overrides it.

import type { AllowRule, ServerRequestKind } from './allow-list.ts'

/** Which action of the schema a kind of question is, and its detail. */
export const ASKS: Readonly<Record<ServerRequestKind, { readonly action: string; readonly detail: string }>> = {
  'elicitation.form': { action: 'elicitation/create', detail: 'form' },
  'elicitation.url': { action: 'elicitation/create', detail: 'url' },
  sampling: { action: 'sampling/createMessage', detail: '' },
  'sampling.tools': { action: 'sampling/createMessage', detail: 'tools' },
  roots: { action: 'roots/list', detail: '' },
}

/**
 * The rules of one upstream as text of policies. `prefix`: what stands in front of a group of an issuer, where several issuers could hold the same group.
 * Each rule permits what entitlementOf says of it, to see it, and the sessions that takes.
 */
export function allowPolicies(alias: string, rules: readonly AllowRule[], prefix: (issuer: string) => string): string {
  return rules
    .filter(rule => rule.subjects.length + rule.groups.length + rule.clients.length > 0)
    .map(rule => policiesOf(alias, rule, whoOf(rule, prefix)))
    .join('\n')
}

function policiesOf(alias: string, rule: AllowRule, who: string): string {
  const what = [
    // The server exists for them, whatever the rule names; tasks are theirs by the sealed id.
    isAction(['servers/list', 'tasks/get', 'tasks/update', 'tasks/cancel']),
    ...named(['tools/call', 'tools/list'], 'MCP::Tool', 'name', rule.tools),
    ...named(['prompts/get', 'prompts/list', 'completion/complete'], 'MCP::Prompt', 'name', rule.prompts),
    ...prefixed(
      ['resources/read', 'resources/subscribe', 'resources/unsubscribe', 'resources/list', 'completion/complete'],
      { type: 'MCP::Resource', attribute: 'uri' },
      rule.resources,
    ),
    ...prefixed(['resources/templates/list', 'completion/complete'], { type: 'MCP::Template', attribute: 'uriTemplate' }, rule.resources),
    ...allOf(isAction(['extension']), rule.methods.filter(name => name !== '*').length > 0 && isOneOf('context.detail', rule.methods)),
    ...rule.serverRequests.map(kind => `${isAction([ASKS[kind].action])} && context.detail == ${quoted(ASKS[kind].detail)}`),
  ]
  return `@id(${quoted(rule.id)})
permit (principal, action, resource in MCP::Server::${quoted(alias)})
when { ${who} }
when { ${what.map(each => `(${each})`).join(' || ')} };
@id(${quoted(`${rule.id}/sessions`)})
permit (principal, action in MCP::Action::"session", resource)
when { ${who} };`
}

/** As AllowRule says: any of subjects, groups or clients, of these issuers. */
function whoOf({ subjects, groups, clients, issuers }: AllowRule, prefix: (issuer: string) => string): string {
  const prefixes = [...new Set((issuers ?? ['']).map(prefix))]
  const names = groups.flatMap(group => prefixes.map(before => `MCP::Group::${quoted(before + group)}`))
  const any = [
    ...(subjects.includes('*') ? ['true'] : subjects.length > 0 ? [isOneOf('principal.subject', subjects)] : []),
    ...(names.length > 0 ? [`principal in [${names.join(', ')}]`] : []),
    ...(clients.length > 0 ? [isOneOf('principal.client', clients)] : []),
  ]
  return `(${any.join(' || ')})${issuers ? ` && ${isOneOf('principal.issuer', issuers)}` : ''}`
}

function named(actions: readonly string[], type: string, attribute: string, names: readonly string[]): string[] {
  return allOf(
    `${isAction(actions)} && resource is ${type}`,
    names.includes('*') || (names.length > 0 && isOneOf(`resource.${attribute}`, names)),
  )
}

/** A trailing `*` matches what starts with the rest, unless it may climb out of there (policy/names.ts). */
function prefixed(
  actions: readonly string[],
  { type, attribute }: { readonly type: string; readonly attribute: string },
  names: readonly string[],
): string[] {
  const exact = names.filter(name => !name.endsWith('*'))
  const prefixes = names.filter(name => name.endsWith('*') && name !== '*')
  const any = [
    ...(exact.length > 0 ? [isOneOf(`resource.${attribute}`, exact)] : []),
    ...(prefixes.length > 0
      ? [`!resource.climbs && (${prefixes.map(name => `resource.${attribute} like ${pattern(name.slice(0, -1))}`).join(' || ')})`]
      : []),
  ]
  return allOf(
    `${isAction(actions)} && resource is ${type}`,
    names.includes('*') || (any.length > 0 && `(${any.map(each => `(${each})`).join(' || ')})`),
  )
}

/** `false`: nothing is permitted; `true`: whatever it is. */
const allOf = (head: string, condition: string | boolean): string[] =>
  condition === false ? [] : condition === true ? [head] : [`${head} && ${condition}`]
const isAction = (names: readonly string[]): string => `action in [${names.map(name => `MCP::Action::${quoted(name)}`).join(', ')}]`
const isOneOf = (fact: string, texts: readonly string[]): string => `[${texts.map(quoted).join(', ')}].contains(${fact})`

/** A text as Cedar writes it: everything but plain ASCII as its code point. */
const quoted = (text: string): string => `"${escaped(text)}"`
const pattern = (text: string): string => `"${escaped(text).replaceAll('*', '\\*')}*"`
const escaped = (text: string): string =>
  text.replaceAll(/["\\]|[^\x20-\x7e]/gu, char =>
    char === '"' || char === '\\' ? `\\${char}` : `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  )
