// Fuzz targets of what leaves the gateway sealed and comes back: request state, cursors, task ids; and of the names hosts send back.

import { mintRequestState, openRequestState } from '../../../src/bridge/request-state.ts'
import type { StateBinding } from '../../../src/bridge/request-state.ts'
import { mintTaskId, openTaskId } from '../../../src/bridge/task-id.ts'
import { qualifyName, qualifyUri, splitName, splitUri } from '../../../src/catalog/names.ts'
import { keyOf } from '../../../src/kernel/principal.ts'
import { contextOf, createSealer } from '../../../src/kernel/seal.ts'
import { must } from '../fuzz.ts'
import type { FuzzTarget } from '../fuzz.ts'

let drawn = 0
/** repeatable: nonces count up */
const nonces = (size: number): Buffer => {
  const bytes = Buffer.alloc(size)
  bytes.writeUInt32BE(++drawn, 0)
  return bytes
}
const sealer = createSealer({ current: Buffer.alloc(32, 1), previous: Buffer.alloc(32, 2) }, nonces)
const old = createSealer({ current: Buffer.alloc(32, 2) }, nonces)

const alice: StateBinding = {
  principal: keyOf('https://idp.example', 'alice'),
  endpoint: 'https://gw.example/mcp',
  alias: 'files',
  server: 'files 1',
  method: 'tools/call',
  paramsDigest: 'd',
}
const bob: StateBinding = { ...alice, principal: keyOf('https://idp.example', 'bob') }
const NOW = 1_000
const fields = (upstreamState: string) => ({
  call: 'c',
  round: 1,
  expiresAtSeconds: NOW + 60,
  asked: [{ key: 'k', method: 'elicitation/create' }],
  upstreamState,
})

const states = [sealer, sealer, old].map((s, i) => mintRequestState(s, alice, fields('x'.repeat(i * 100))) ?? '')
function requestState(input: Buffer): boolean {
  const text = input.toString('latin1')
  const opened = openRequestState(sealer, text, alice, NOW)
  must((opened !== undefined) === states.includes(text), 'a state that was not minted opens, or one that was does not')
  must(openRequestState(sealer, text, bob, NOW) === undefined, 'a state opens for somebody else')
  must(openRequestState(sealer, text, alice, NOW + 60) === undefined, 'an expired state opens')
  const minted = mintRequestState(sealer, bob, fields(input.toString('utf8')))
  must(
    minted !== undefined && openRequestState(sealer, minted, bob, NOW)?.upstreamState === input.toString('utf8'),
    'the upstream state changed',
  )
  return false // mutations stay close to what was minted
}

const CONTEXT = contextOf(['alice', 'https://gw.example/mcp', 'tools', 'modern', 'digest'])
const OTHER = contextOf(['bob', 'https://gw.example/mcp', 'tools', 'modern', 'digest'])
const cursors = [sealer, old].map((s, i) => s.seal('cursor', Buffer.from(String(i + 1)), CONTEXT))
function cursor(input: Buffer): boolean {
  const text = input.toString('latin1')
  must(
    (sealer.open('cursor', text, 512, CONTEXT) !== undefined) === cursors.includes(text),
    'a cursor that was not minted opens, or one that was does not',
  )
  must(sealer.open('cursor', text, 512, OTHER) === undefined, 'a cursor opens for somebody else')
  must(sealer.open('task-id', text, 512, CONTEXT) === undefined, 'a cursor opens as a task id')
  return false
}

const tasks = ['1', 'task-é', 'x'.repeat(500)].map(taskId => mintTaskId(sealer, alice, { alias: 'files', taskId }) ?? '')
function taskId(input: Buffer): boolean {
  const text = input.toString('latin1')
  must(
    (openTaskId(sealer, text, alice) !== undefined) === tasks.includes(text),
    'a task id that was not minted opens, or one that was does not',
  )
  must(openTaskId(sealer, text, bob) === undefined, 'a task id opens for somebody else')
  return false
}

function names(input: Buffer): boolean {
  const text = input.toString('utf8')
  const split = splitName(text)
  if (split?.name !== undefined) must(qualifyName(split.alias, split.name) === text, 'two exposed names for one tool')
  const uri = splitUri(text)
  if (uri) must(qualifyUri(uri.alias, uri.uri) === text, 'two exposed URIs for one resource')
  if (text !== '') {
    const exposed = qualifyName('files', text)
    must(/^[A-Za-z0-9_-]{1,48}$/.test(exposed), 'a name hosts refuse')
    const back = splitName(exposed)
    must(back?.alias === 'files' && (back.name === undefined || back.name === text), 'a name that leads elsewhere')
    const there = splitUri(qualifyUri('files', text))
    must(there?.alias === 'files' && there.uri === text, 'a URI that leads elsewhere')
  }
  return split !== undefined || uri !== undefined
}

const TOKENS = ['A', '_', '-', '=', '\n', '\u0000', 'AQ', '__', '--', '+', '://', 'ui://', 'files']
export const targets: readonly FuzzTarget[] = [
  { name: 'request-state', seeds: [...states, ...cursors, '', 'é"\\'], tokens: TOKENS, run: requestState },
  { name: 'cursor', seeds: [...cursors, ...states.slice(0, 1), ''], tokens: TOKENS, run: cursor },
  { name: 'task-id', seeds: [...tasks, ...cursors], tokens: TOKENS, run: taskId },
  {
    name: 'names',
    seeds: ['files__read_file', 'files--read-mfrggzdfmztwq2lk', 'files+file:///a', 'ui://files/clock.html', 'a__b__c', 'Ünicode 名'],
    tokens: TOKENS,
    run: names,
  },
]
