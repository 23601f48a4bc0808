// The request that `gatehouse policy explain` is asked about: of a file, of a case, or put together from options.

import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { nearest } from '../../kernel/nearest.ts'
import { PlainReader } from '../../policy/plain.ts'
import { Recollection } from '../../policy/recollection.ts'
import type { PolicyRequest } from '../../policy/request.ts'
import { concernsAction } from '../../policy/scope.ts'
import { readRequest, readWorld, REQUEST_MEMBERS } from '../../policy/spec.ts'
import type { CommandArgs } from '../command.ts'
import { readYaml } from './cases-file.ts'
import { faultText, type Loaded } from './folder.ts'
import { bareEvent, eachRecorded, refusalIn, type Recorded } from './recorded.ts'

/** A request, or why there is none. */
export type Asked = PolicyRequest | { readonly problem: string }
export const isProblem = (asked: Asked): asked is { readonly problem: string } => 'problem' in asked

export async function requestOf(args: CommandArgs, loaded: Loaded): Promise<Asked> {
  const { cases } = loaded
  const log = args.text('recorded')
  if (log !== undefined) return fromRecord(args, log, loaded)
  const file = args.text('request')
  if (file !== undefined) return fromFile(args, file)
  const name = args.text('case')
  if (name === undefined) return fromOptions(args)
  const found = cases.find(({ case: each }) => each.name === name)?.case.request
  const near = nearest(
    name,
    cases.map(({ case: each }) => each.name),
  )
  return found ?? { problem: `no case \`${name}\`${near ? `; did you mean \`${near}\`?` : ''}\n` }
}

/** What is known of a recorded request; where the rules ask for more, the answer would be a guess. */
async function fromRecord(args: CommandArgs, place: string, { bundle }: Loaded): Promise<Asked> {
  const wanted = args.text('event')
  if (wanted === undefined)
    return { problem: 'with --recorded expected --event: the id of an event, of a request, or the number of a line\n' }
  let found: Recorded | undefined
  const problem = await eachRecorded(args.io, place, recorded => {
    if (String(recorded.line) === wanted || recorded.ids.includes(wanted)) found ??= recorded
  })
  if (problem !== undefined) return { problem: `${problem}\n` }
  if (!found) {
    const bare = await bareEvent(args.io, place, wanted)
    return { problem: `${bare ?? `no event, request or line \`${wanted}\` in ${place}`}\n` }
  }
  const { file, line, record } = found
  if (!record) return { problem: `${file}:${line} is no recorded decision\n` }
  const by = record.rules.length > 0 ? ` by ${record.rules.join(', ')}` : ''
  const then = `${file}:${line} decided then: ${record.outcome} (${record.code})${by}`
  if (!record.facts) return { problem: `${then}; no facts were recorded, so nothing more can be said\n` }
  // Rules may have permitted what something else refused: whoever asks why is told that first.
  const refused = record.outcome === 'allow' ? await refusalIn(args.io, place, found.ids) : undefined
  if (refused !== undefined) args.io.err(`the rules permitted it; it was refused all the same: ${refused}\n`)
  const known = new Recollection(record.facts)
  const concerned = bundle?.policies.filter(({ ast }) => concernsAction(ast, known.request.action)) ?? []
  const missing = new Set(concerned.filter(policy => !known.rulesOut(policy)).flatMap(policy => known.lacks(policy)))
  if (missing.size > 0) return { problem: `${then}; these rules ask for what was not recorded: ${[...missing].sort().join(', ')}\n` }
  if (bundle && record.digest !== bundle.digest) args.io.err(`${then}, under other rules\n`)
  return known.request
}

async function fromFile({ io }: CommandArgs, file: string): Promise<Asked> {
  const bytes = await readFile(resolve(io.cwd, file)).catch(() => undefined)
  if (!bytes) return { problem: `\`${file}\` cannot be read\n` }
  const yaml = readYaml(file, bytes)
  const read = new PlainReader()
  const data = yaml.data === undefined ? undefined : read.record(yaml.data, '', ['servers', 'principals', 'request'])
  const world = readWorld(read, data)
  const asked = data && read.record(data['request'], 'request', REQUEST_MEMBERS)
  const request = asked && readRequest(read, asked, 'request', world)
  const faults = [...yaml.faults, ...yaml.placed(read.faults)]
  if (request && faults.length === 0) return request
  return { problem: faults.map(fault => faultText('.', fault).slice(2)).join('') }
}

const TARGETS = ['tool', 'prompt', 'resource', 'template', 'server', 'endpoint'] as const

function fromOptions(args: CommandArgs): Asked {
  const [kind, ...others] = TARGETS.filter(name => args.text(name) !== undefined)
  if (!kind || others.length > 0)
    return { problem: `expected --recorded, --request, --case, or one of ${TARGETS.map(name => `--${name}`).join(', ')}\n` }
  const target = args.text(kind) ?? ''
  const alias = kind === 'server' ? target : target.slice(0, Math.max(target.indexOf('/'), 0))
  const publisher = args.text('publisher')
  const client = args.text('client')
  const subject = args.text('user')
  const read = new PlainReader()
  const labels = args.list('label')
  const server = { ...(publisher !== undefined && { publisher, signature: 'verified' }), labels }
  const world = readWorld(read, kind === 'endpoint' ? {} : { servers: { [alias]: server } })
  const given = args.list('arg').map(pair => [pair.slice(0, Math.max(pair.indexOf('='), 0)), pair.slice(pair.indexOf('=') + 1)])
  const data = {
    principal: { groups: args.list('group'), ...(subject !== undefined && { subject }), ...(client !== undefined && { client }) },
    action: args.text('action') ?? DEFAULT_ACTIONS[kind],
    [kind]: target,
    ...(kind === 'tool' && { hints: Object.fromEntries(args.list('hint').map(hintOf)) }),
    ...(given.length > 0 && { arguments: Object.fromEntries(given) as unknown }),
    context: {
      ...(args.flag('read-untrusted') && { readUntrusted: true }),
      ...(args.flag('approved') && { approval: 1 }),
    },
  }
  const request = readRequest(read, data, '', world)
  if (request && read.faults.length === 0) return request
  return { problem: read.faults.map(({ path, message, fix }) => `--${path}: ${message}${fix === undefined ? '' : `; ${fix}`}\n`).join('') }
}

const DEFAULT_ACTIONS: Readonly<Record<(typeof TARGETS)[number], string>> = {
  tool: 'tools/call',
  prompt: 'prompts/get',
  resource: 'resources/read',
  template: 'resources/templates/list',
  server: 'tasks/get',
  endpoint: 'initialize',
}

/** `readOnlyHint`, or `destructiveHint=false`. */
function hintOf(text: string): readonly [string, boolean] {
  const [name = '', value] = text.split('=')
  return [name, value !== 'false']
}
