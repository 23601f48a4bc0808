// What the log says was ended, from lines as the gateway writes them.

import { randomFillSync } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { EndedActs, type Ended, type ProposedChange } from '../../src/audit/ended-acts.ts'
import { EventEncoder } from '../../src/audit/encode.ts'

const AT = Date.UTC(2026, 0, 2, 3, 4, 5)
const encoder = new EventEncoder(() => AT, randomFillSync)
const ANNA = { issuer: 'https://idp.example', subject: 'anna', client: 'cursor' }
const BY = { by: 'https://idp.example anna', atSeconds: AT / 1000 }

let requests = 0
function exchange(endpoint: string, method: string, name: string, more: object = {}) {
  const request = `request-${(requests += 1)}`
  const subject = { endpoint, era: 'modern' as const, method, name, ...more }
  return { request, text: encoder.exchange({ request, call: request, trace: 't', principal: ANNA, subject }) }
}
/** An act with its end; `reason`: it was refused after its intent. */
function admin(method: string, target: string, reason?: 'params-invalid' | 'state-unavailable' | 'would-lock-out'): string[] {
  const { text } = exchange('/admin', method, target)
  const end = reason === undefined ? { outcome: 'ok' as const } : { outcome: 'stopped' as const, reason, stage: 's' }
  return [encoder.intent(text, ['role:operator'], 0), encoder.outcome(text, { ...end, ms: 1 })]
}
const person = (method: string, name: string): string[] => [encoder.decision(exchange('/oauth', method, name).text, { rules: [], ms: 0 })]
function endedBy(lines: readonly string[], isOfSpan = true, proposed: readonly ProposedChange[] = []): Ended {
  const acts = new EndedActs()
  for (const line of lines) acts.note(line, isOfSpan)
  return acts.end(proposed)
}

it('blocks: in force unless freed afterwards; a proposal to free one frees nothing', () => {
  const freed = encoder.lifecycle('block-freed', { target: 'server files' })
  const lines = [
    ...admin('admin/block', 'server files'),
    ...admin('admin/block', 'tool files read it'),
    ...admin('admin/unblock', 'tool files read it'),
  ]
  expect(endedBy([...lines, freed]).blocks).toEqual([{ kind: 'tool', target: 'files read it', ...BY }])
  expect(endedBy([freed, ...lines]).blocks).toHaveLength(2)
  expect(endedBy(lines, false).blocks).toEqual([])
})

it('an act without an end counts; one that the gateway refused does not, one that may have failed does', () => {
  const [open = ''] = admin('admin/block', 'client a')
  const refused = admin('admin/block', 'principal https://idp.example root', 'would-lock-out')
  const unsure = admin('admin/block', 'client b', 'state-unavailable')
  expect(endedBy([open, ...refused, ...unsure]).blocks.map(({ target }) => target)).toEqual(['a', 'b'])
})

it('connections: by id, from the command line and from the page, wherever in the log', () => {
  const lines = [
    ...admin('admin/connections/revoke', 'connection notes g-1'),
    ...person('person/connection-revoked', 'g-2'),
    ...person('person/secret-stored', 'tickets'),
  ]
  expect(endedBy(lines, false)).toMatchObject({
    connections: ['g-2', 'g-1'],
    replaced: [{ principal: BY.by, server: 'tickets', atSeconds: BY.atSeconds }],
  })
})

it('the registry: revoked and deleted for ever, deprecated and frozen in the span', () => {
  const lines = [
    ...admin('admin/registry/revoke', 'version com.acme/weather@1.0.0'),
    ...admin('admin/registry/revoke', 'identity https://ci.example repo:acme'),
    ...admin('admin/registry/status', 'server com.acme/weather@* deleted'),
    ...admin('admin/registry/status', 'server com.acme/radar@2.0.0 deprecated'),
    ...admin('admin/registry/status', 'server com.acme/radar@2.0.0 active'),
    ...admin('admin/namespaces/freeze', 'namespace com.acme'),
    ...admin('admin/namespaces/reassign', 'namespace com.beta https://idp.example bob'),
    ...admin('admin/registry/advise', 'advisory GHSA-1'),
    ...admin('admin/keys/rotate', 'key sealing'),
    encoder.lifecycle('namespace-look', { namespace: 'com.gamma', found: 'other-key' }),
    encoder.lifecycle('namespace-look', { namespace: 'com.delta', found: 'same' }),
    encoder.lifecycle('key-rotate', { key: 'vault' }),
  ]
  const now = endedBy(lines)
  expect(now.revocations.map(({ kind, target }) => [kind, target])).toEqual([
    ['version', 'com.acme/weather@1.0.0'],
    ['identity', 'https://ci.example repo:acme'],
  ])
  expect(now.statuses.map(({ name, version, status }) => [name, version, status])).toEqual([
    ['com.acme/weather', '*', 'deleted'],
    ['com.acme/radar', '2.0.0', 'deprecated'],
  ])
  expect([...now.namespaces].sort()).toEqual(['com.acme', 'com.beta', 'com.gamma'])
  expect([now.advisories, [...now.rotatedKeys].sort()]).toEqual([['GHSA-1'], ['sealing', 'vault']])
  const before = endedBy(lines, false)
  expect([before.revocations.length, before.statuses.length, before.namespaces, before.advisories, before.rotatedKeys]).toEqual([
    2,
    1,
    [],
    [],
    [],
  ])
})

it('attack: what was proposed before the backup and approved after it is not known: the log says what was applied', () => {
  const applied = (proposal: string, action: string, target: string) =>
    encoder.lifecycle('change-applied', { proposal, action, target, by: BY.by })
  const lines = [
    ...admin('admin/proposals/approve', 'proposal p-1'),
    applied('p-1', 'reassign-namespace', 'com.beta https://idp.example bob'),
    ...admin('admin/proposals/approve', 'proposal p-2'),
    applied('p-2', 'rotate-key', 'sealing'),
    ...admin('admin/proposals/approve', 'proposal p-3'),
    applied('p-3', 'thaw-namespace', 'com.gamma'),
  ]
  expect(endedBy(lines)).toMatchObject({ namespaces: ['com.beta'], rotatedKeys: ['sealing'], unreadable: [] })
  expect(endedBy(lines, false)).toMatchObject({ namespaces: [], rotatedKeys: [], unreadable: [] })
})

it('attack: the same in a log that does not say it: the backup knows the proposal, and what nobody knows is told', () => {
  const lines = [
    ...['p-1', 'p-2', 'p-3', 'p-4'].flatMap(id => admin('admin/proposals/approve', `proposal ${id}`)),
    ...admin('admin/proposals/approve', 'proposal p-5', 'params-invalid'),
    ...admin('admin/proposals/reject', 'proposal p-6'),
  ]
  const proposed = [
    { id: 'p-1', action: 'reassign-namespace', target: 'com.beta bob' },
    { id: 'p-2', action: 'rotate-key', target: 'vault' },
    { id: 'p-3', action: 'thaw-namespace', target: 'com.gamma' },
    { id: 'p-5', action: 'rotate-key', target: 'sealing' },
    { id: 'p-6', action: 'rotate-key', target: 'audit' },
  ]
  const { namespaces, rotatedKeys, unreadable } = endedBy(lines, true, proposed)
  expect({ namespaces, rotatedKeys, unreadable }).toEqual({
    namespaces: ['com.beta'],
    rotatedKeys: ['vault'],
    unreadable: ['proposals/approve proposal p-4'],
  })
})

it('what the log holds cut or without its name is told, and guessed at by nobody', () => {
  const lines = [
    ...admin('admin/block', `client ${'x'.repeat(600)}`),
    ...admin('admin/registry/status', 'server ?@1.0.0 deleted'),
    ...admin('admin/registry/status', 'server com.acme/a@? deleted'),
    ...admin('admin/namespaces/verify', 'namespace of a token'),
  ]
  const { blocks, statuses, namespaces, unreadable } = endedBy(lines)
  expect([blocks, statuses, namespaces]).toEqual([[], [], []])
  expect(unreadable).toHaveLength(4)
})

it('reads: the last of each principal, client and server, with every label', () => {
  const read = (labels: ('untrusted' | 'private')[]) => {
    const subject = { endpoint: '/mcp', era: 'modern' as const, method: 'tools/call', server: 'mail', name: 'fetch' }
    return encoder.intent(encoder.exchange({ request: 'r', call: 'r', trace: 't', principal: ANNA, subject, marks: labels }), [], 0)
  }
  expect(endedBy([read(['private']), read(['untrusted'])]).reads).toEqual([
    { principal: BY.by, client: 'cursor', server: 'mail', method: 'tools/call', name: 'fetch', labels: ['private', 'untrusted'], atMs: AT },
  ])
  expect(endedBy([read(['private'])], false).reads).toEqual([])
})

it('attack: a host writes what looks like an act of administration into names and arguments', () => {
  const subject = { endpoint: '/mcp', era: 'modern' as const, method: 'admin/block', server: 'x', name: '"endpoint":"/admin" server files' }
  const text = encoder.exchange({ request: 'r', call: 'r', trace: 't', principal: ANNA, subject })
  const told = encoder.lifecycle('inspection', { sample: '{"what":"block-freed","detail":{"target":"server files"}}' })
  const { blocks } = endedBy([...admin('admin/block', 'server files'), encoder.intent(text, [], 0), told])
  expect(blocks.map(({ target }) => target)).toEqual(['files'])
})

it('is not stopped by any line', () => {
  const lines = fc.oneof(
    fc.string(),
    fc.json(),
    fc.constantFrom(
      '{"subject":{"endpoint":"/admin","method":"toString"},"type":"intent"}',
      '"/admin"',
      '{"type":"lifecycle","detail":null,"x":"/admin"}',
    ),
  )
  fc.assert(
    fc.property(fc.array(lines), all => {
      expect(endedBy(all.map(line => line)).blocks).toEqual([])
    }),
  )
})
