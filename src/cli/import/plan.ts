// What an import would do, worked out in full before anything is written: the same plan is shown and, with --apply, carried out.

import { dirname, join, relative, sep } from 'node:path'
import { addUpstreams } from '../../config/edit.ts'
import type { NewUpstream } from '../../config/edit.ts'
import { launchConcerns } from '../../config/launch.ts'
import { loadText } from '../../config/load.ts'
import type { Snapshot } from '../../config/schema.ts'
import { readIfThere } from '../files.ts'
import { aliasFor } from './alias.ts'
import type { Entry } from './entry.ts'
import { keyOfEntry, keyOfTransport } from './launch-key.ts'
import type { Broken, FoundServer, PlanInput, PlannedSecret, PlannedServer, PlanResult } from './model.ts'
import type { Value } from './placeholders.ts'
import { rewire } from './rewire.ts'
import { readHosts } from './read-hosts.ts'

export async function planImport(input: PlanInput): Promise<PlanResult> {
  const found = await readHosts(input)
  const { servers, added } = nameServers(found.servers, input)
  const secrets: PlannedSecret[] = []
  const upstreams: NewUpstream[] = []
  for (const server of added) upstreams.push(await newUpstream(server, input, secrets))
  const before = input.configBytes.toString('utf8')
  const edited = addUpstreams(before, upstreams)
  if ('problem' in edited) return { problem: `gatehouse.yaml cannot be added to: ${edited.problem}` }
  const problem = await verify(edited.text, { input, added, secrets })
  if (problem) return problem
  return {
    servers,
    skipped: found.skipped,
    config:
      added.length === 0
        ? undefined
        : { path: input.snapshot.file, label: 'gatehouse.yaml', before: input.configBytes, after: edited.text, isShared: false },
    hosts: rewire(found.files, servers, input),
    secrets,
    operator: operatorOf(input.snapshot)?.subject,
  }
}

function nameServers(
  found: readonly FoundServer[],
  input: PlanInput,
): { servers: readonly PlannedServer[]; added: readonly PlannedServer[] } {
  const byKey = new Map([...input.snapshot.upstreams].map(([alias, upstream]) => [keyOfTransport(upstream.transport), alias]))
  const taken = new Set(input.snapshot.upstreams.keys())
  const servers: PlannedServer[] = []
  const added: PlannedServer[] = []
  for (const server of found) {
    const key = keyOfEntry(server.entry, input.place.env)
    const known = byKey.get(key)
    const alias = known ?? aliasFor(server.name, taken)
    const planned = { ...server, alias, isKnown: known !== undefined, concerns: concernsOf(server.entry) }
    servers.push(planned)
    if (known !== undefined) continue
    byKey.set(key, alias)
    taken.add(alias)
    added.push(planned)
  }
  return { servers, added }
}

function concernsOf(entry: Entry): readonly string[] {
  if (entry.kind !== 'stdio') return []
  const words = entry.args.map(value => (value.kind === 'plain' ? value.text : ''))
  return launchConcerns([entry.command, ...words], [...entry.env.keys()])
}

/**
 * Who may use an imported server. `subjects: ['*']` would open one person's servers, with that person's credentials, to everybody who can sign in; no rule
 * at all would break the host that is pointed at the gateway in the same step. So: everything, for the first operator alone, which is what that person had
 * before; what the server may ask of the host (sampling, elicitation, roots) stays off, because nobody has agreed to that yet.
 */
function allowOf(snapshot: Snapshot): Pick<NewUpstream, 'allow' | 'allowComments'> {
  const operator = operatorOf(snapshot)
  if (!operator) {
    return {
      allow: [],
      allowComments: ['Nobody may use it yet: `operators` names nobody. For example:', '  - subjects: [alice]', "    tools: ['*']"],
    }
  }
  const issuers = snapshot.issuers.length > 1 ? { issuers: [operator.issuer] } : {}
  return {
    allow: [{ subjects: [operator.subject], ...issuers, tools: ['*'], prompts: ['*'], resources: ['*'] }],
    allowComments: [
      'The first operator alone may use it, all of it, also what it offers later. Name tools to narrow this, people to widen it.',
    ],
  }
}

function operatorOf(snapshot: Snapshot): { readonly issuer: string; readonly subject: string } | undefined {
  const [issuer, subject] = snapshot.operators?.[0]?.split(' ') ?? []
  return issuer === undefined || subject === undefined ? undefined : { issuer, subject }
}

async function newUpstream(server: PlannedServer, input: PlanInput, secrets: PlannedSecret[]): Promise<NewUpstream> {
  const { entry, alias } = server
  const write = (value: Value, slot: string): Promise<unknown> =>
    yamlOf(value, { slot: `${alias}-${slot}`, what: `${alias}: ${slot}`, input, secrets })
  const named = async (values: ReadonlyMap<string, Value>): Promise<Record<string, unknown>> => {
    const record: [string, unknown][] = []
    for (const [name, value] of values) record.push([name, await write(value, name)])
    return Object.fromEntries(record)
  }
  let settings: Readonly<Record<string, unknown>>
  if (entry.kind === 'stdio') {
    const args: unknown[] = []
    for (const [index, value] of entry.args.entries()) args.push(await write(value, `argument-${index + 1}`))
    settings = {
      stdio: {
        command: entry.command,
        ...(args.length > 0 ? { args } : {}),
        ...(entry.env.size > 0 ? { env: await named(entry.env) } : {}),
        ...(entry.cwd === undefined ? {} : { cwd: entry.cwd }),
      },
    }
  } else {
    settings = { [entry.kind]: { url: entry.url, ...(entry.headers.size > 0 ? { headers: await named(entry.headers) } : {}) } }
  }
  const title = server.name === alias ? {} : { title: server.name.replaceAll(/[\u0000-\u001f\u007f]/g, ' ').slice(0, 128) || alias }
  return {
    alias,
    comments: [`From ${server.label}.`],
    settings: { ...title, ...settings, admission: 'configured' },
    ...allowOf(input.snapshot),
  }
}

type Slot = { readonly slot: string; readonly what: string; readonly input: PlanInput; readonly secrets: PlannedSecret[] }

async function yamlOf(value: Value, slot: Slot): Promise<unknown> {
  if (value.kind === 'plain') return value.text
  if (value.kind === 'env') return { fromEnv: value.name, ...(value.prefix === '' ? {} : { prefix: value.prefix }) }
  const file = await secretFile(value.text, slot)
  if (!slot.secrets.some(secret => secret.file === file)) slot.secrets.push({ file, text: value.text, what: slot.what })
  const folder = dirname(slot.input.snapshot.file)
  const near = relative(folder, file)
  return { fromFile: near.startsWith('..') ? file : near.split(sep).join('/') }
}

/** A file of the data directory for this secret; one that holds another secret is left alone. */
async function secretFile(text: string, { slot, input, secrets }: Slot): Promise<string> {
  const name = slot.replaceAll(/[^A-Za-z0-9_-]/g, '-').slice(0, 100)
  for (let count = 1; ; count++) {
    const file = join(input.snapshot.dataDir, 'secrets', count === 1 ? name : `${name}-${count}`)
    const planned = secrets.find(secret => secret.file === file)
    const existing = planned?.text ?? (await readIfThere(file))?.bytes.toString('utf8').replace(/\n$/, '')
    if (existing === undefined || existing === text) return file
  }
}

/** Loads what would be written: it must load, leave every upstream as it was, and start exactly what the hosts start. */
async function verify(
  text: string,
  {
    input,
    added,
    secrets,
  }: { readonly input: PlanInput; readonly added: readonly PlannedServer[]; readonly secrets: readonly PlannedSecret[] },
): Promise<Broken | undefined> {
  const readSource = async (file: string): Promise<{ readonly bytes: Buffer; readonly isLoose: boolean }> => {
    const planned = secrets.find(secret => secret.file === file)
    const bytes = planned ? Buffer.from(planned.text) : (await readIfThere(file))?.bytes
    if (!bytes) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
    return { bytes, isLoose: false }
  }
  const loaded = await loadText(Buffer.from(text), input.snapshot.file, { env: input.place.env, readSource })
  if (!loaded.ok) return { problem: 'gatehouse.yaml would not load with these servers in it', loaded }
  for (const [alias, upstream] of input.snapshot.upstreams) {
    if (JSON.stringify(loaded.snapshot.upstreams.get(alias)) !== JSON.stringify(upstream))
      return { problem: `adding to gatehouse.yaml would change \`${alias}\`` }
  }
  for (const server of added) {
    const transport = loaded.snapshot.upstreams.get(server.alias)?.transport
    if (!transport || keyOfTransport(transport) !== keyOfEntry(server.entry, input.place.env))
      return { problem: `\`${server.alias}\` would not come out as ${server.label} has it` }
  }
  return undefined
}
