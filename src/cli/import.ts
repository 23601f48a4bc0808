// `gatehouse import`: brings in the MCP servers that hosts on this machine have, and points the hosts at the gateway. Shows first, writes on --apply, takes back on --undo.

import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadText } from '../config/load.ts'
import { EXIT } from './command.ts'
import type { CommandArgs } from './command.ts'
import { faultText, shortName } from './config-check.ts'
import { readIfThere } from './files.ts'
import type { Host, Place } from './hosts/host.ts'
import { HOSTS } from './hosts/hosts.ts'
import { applyPlan } from './import/apply.ts'
import type { Plan, PlanInput } from './import/model.ts'
import { planImport } from './import/plan.ts'
import { maskedDiff, preview } from './import/preview.ts'
import { undoImport } from './import/undo.ts'

export async function run(args: CommandArgs): Promise<number> {
  const { io } = args
  const hosts = hostsOf(args.list('host'))
  const via = args.text('via')
  if (typeof hosts === 'string') return usage(args, hosts)
  if (via !== undefined && via !== 'http' && via !== 'stdio') return usage(args, '--via takes `http` or `stdio`')
  if (args.flag('apply') && args.flag('undo')) return usage(args, '--apply and --undo exclude each other')
  const config = await readIfThere(args.configFile)
  if (!config) {
    io.err(
      `gatehouse import: \`${shortName(args.configFile, io.cwd)}\` does not exist; \`gatehouse init\` writes a first one, --config names another\n`,
    )
    return EXIT.configInvalid
  }
  const loaded = await loadText(config.bytes, args.configFile, { env: io.env })
  if (!loaded.ok) {
    io.err(faultText(loaded, shortName(args.configFile, io.cwd)))
    return EXIT.configInvalid
  }
  if (args.flag('undo')) return undo(args, loaded.snapshot.dataDir)
  const inputs = await readInputs(args)
  if (typeof inputs === 'string') return usage(args, inputs)
  const place: Place = { platform: io.platform, home: io.home, project: resolve(io.cwd, args.text('project') ?? '.'), env: io.env }
  return bringIn(args, {
    place,
    hosts,
    snapshot: loaded.snapshot,
    configBytes: config.bytes,
    via,
    bridge: bridgeOf(args.configFile),
    inputs,
  })
}

async function bringIn(args: CommandArgs, input: PlanInput): Promise<number> {
  const { io } = args
  const plan = await planImport(input)
  if ('problem' in plan) {
    io.err(`gatehouse import: ${plan.problem}; nothing was changed\n${plan.loaded ? faultText(plan.loaded) : ''}`)
    return EXIT.conflict
  }
  const isEmpty = plan.config === undefined && plan.hosts.length === 0
  if (!args.json) io.out(preview(plan, io))
  if (!args.flag('apply') || isEmpty) {
    if (args.json) io.out(asJson(plan, { applied: false }))
    else if (!isEmpty) io.out('\nNothing was changed. `gatehouse import --apply` writes this; `gatehouse import --undo` takes it back.\n')
    return EXIT.ok
  }
  const applied = await applyPlan(plan, input.snapshot.dataDir, io.now())
  if ('changed' in applied) {
    io.err(`gatehouse import: \`${applied.changed}\` changed while the plan was made; nothing was changed, try again\n`)
    return EXIT.conflict
  }
  if (args.json) io.out(asJson(plan, { applied: true, ...applied }))
  else
    io.out(
      `\nDone. Backups:\n${applied.backups.map(file => `  ${shortName(file, io.cwd)}\n`).join('')}Restart the hosts so that they read their files again. \`gatehouse import --undo\` takes it back.\n`,
    )
  return EXIT.ok
}

async function undo(args: CommandArgs, dataDir: string): Promise<number> {
  const { io } = args
  const result = await undoImport(dataDir, { force: args.flag('force'), now: io.now() })
  if (args.json && result.kind !== 'refused') io.out(`${JSON.stringify(result, undefined, 2)}\n`)
  if (result.kind === 'nothing') {
    if (!args.json) io.out('there is no import to undo\n')
    return EXIT.ok
  }
  if (result.kind === 'undone') {
    if (args.json) return EXIT.ok
    const lines = (verb: string, files: readonly string[]): string => files.map(file => `${verb} ${shortName(file, io.cwd)}\n`).join('')
    io.out(
      lines('restored', result.restored) +
        lines('kept as a backup:', result.backups) +
        lines('left with the imported servers in it, because it was changed since:', result.left),
    )
    return EXIT.ok
  }
  for (const { path, now, backup } of result.files) {
    if (result.reason === 'backup') io.err(`\`${path}\` is not the backup that was made; put the host's file back by hand\n`)
    else if (!now) io.err(`\`${path}\` is gone since the import\n`)
    else
      io.err(
        `\`${path}\` was changed since the import. Undoing would do this:\n${maskedDiff(now.toString('utf8'), backup?.toString('utf8') ?? '')}\n`,
      )
  }
  io.err(
    result.reason === 'changed' ? 'nothing was changed; --force does it and keeps the present files as backups\n' : 'nothing was changed\n',
  )
  return EXIT.conflict
}

function usage({ io }: CommandArgs, problem: string): number {
  io.err(`gatehouse import: ${problem}\n`)
  return EXIT.usage
}

function hostsOf(names: readonly string[]): readonly Host[] | string {
  const unknown = names.find(name => !HOSTS.some(host => host.name === name))
  if (unknown !== undefined) return `no host \`${unknown.slice(0, 40)}\`; known: ${HOSTS.map(host => host.name).join(', ')}`
  return names.length === 0 ? HOSTS : HOSTS.filter(host => names.includes(host.name))
}

/** Values of `--input-file ID=FILE`; from files, because what stands on a command line can be read by others on the machine. */
async function readInputs(args: CommandArgs): Promise<ReadonlyMap<string, string> | string> {
  const inputs = new Map<string, string>()
  for (const pair of args.list('input-file')) {
    const at = pair.indexOf('=')
    if (at < 1) return '--input-file takes ID=FILE'
    const read = await readIfThere(resolve(args.io.cwd, pair.slice(at + 1)), 64 * 1024)
    const text = read?.bytes.toString('utf8').replace(/\r?\n$/, '')
    if (text === undefined || text === '') return `the file of the input \`${pair.slice(0, at)}\` is missing or empty`
    inputs.set(pair.slice(0, at), text)
  }
  return inputs
}

/** How a host starts `gatehouse stdio`: this Node and this script by their whole paths, because hosts started from a desktop have a bare PATH. */
function bridgeOf(configFile: string): PlanInput['bridge'] {
  const script = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../cli.ts' : '../cli.js', import.meta.url))
  return { command: process.execPath, args: [script, 'stdio', '--config', configFile] }
}

/** The plan without secrets, for programs. */
function asJson(plan: Plan, outcome: Readonly<Record<string, unknown>>): string {
  const servers = plan.servers.map(({ alias, name, label, file, isKnown, concerns, entry }) => ({
    alias,
    name,
    label,
    file,
    isKnown,
    concerns,
    ...(entry.kind === 'stdio'
      ? { command: entry.command, args: entry.args.map(value => (value.kind === 'plain' ? value.text : `(${value.kind})`)) }
      : { url: entry.url }),
  }))
  const files = [...(plan.config ? [plan.config] : []), ...plan.hosts].map(({ path, label, isShared }) => ({ path, label, isShared }))
  return `${JSON.stringify({ ...outcome, servers, skipped: plan.skipped, files, secrets: plan.secrets.map(({ file, what }) => ({ file, what })) }, undefined, 2)}\n`
}
