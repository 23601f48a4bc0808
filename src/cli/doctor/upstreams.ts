// Upstreams: the program is there, may be run as configured, and answers.

import { access, constants, stat } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { AdmissionFolder } from '../../adapters/admission/admission-folder.ts'
import { floorsFor } from '../../adapters/admission/floor-file.ts'
import { readReviewers } from '../../adapters/admission/reviewers.ts'
import { whyNotLaunched } from '../../admission/launch.ts'
import { inertSentence } from '../../admission/inert-text.ts'
import { readServedReport, type ServedRow } from '../../adapters/served-report.ts'
import type { ConfiguredUpstream, Snapshot, UpstreamTransport } from '../../config/schema.ts'
import { fail, ok, warn } from './check.ts'
import type { Check, World } from './check.ts'

export async function checkUpstreams(world: World, snapshot: Snapshot): Promise<Check[]> {
  if (snapshot.upstreams.size === 0) return [warn('upstreams', 'none is configured', '`gatehouse import` brings in those your hosts have')]
  const checks = await Promise.all([...snapshot.upstreams.values()].map(upstream => checkUpstream(world, snapshot, upstream)))
  return checks.flat()
}

async function checkUpstream(world: World, snapshot: Snapshot, upstream: ConfiguredUpstream): Promise<Check[]> {
  const name = `upstream ${upstream.alias}`
  const { transport } = upstream
  const isIdle = upstream.allow.length === 0 && !snapshot.policies
  const allowed = isIdle ? [warn(name, 'no rule allows anybody to use it', 'add one under `allow`')] : []
  if (transport.kind === 'server') return [...(await checkServed(name, snapshot, upstream.alias)), ...allowed]
  const checks = transport.kind === 'stdio' ? await checkProgram(world, name, transport) : []
  const admission = upstream.admission === 'required' ? await checkAdmission(name, snapshot, upstream) : []
  // A program that cannot be started need not be tried, and one whose start nobody has admitted must not be.
  if (!checks.some(check => check.status === 'fail') && admission.length === 0 && world.probe) {
    const probe = await world.probe({ ...upstream, transport })
    checks.push(probe.ok ? ok(name, probe.detail) : fail(name, `it does not answer: ${probe.detail}`, mendFor(transport)))
  }
  return [...checks, ...admission, ...allowed]
}

/** A server without a usable admission offers nothing, which looks like a server that has nothing. */
async function checkAdmission(
  name: string,
  { admissions, dataDir, reviewers }: Snapshot,
  { alias, launch }: ConfiguredUpstream,
): Promise<Check[]> {
  const folder = new AdmissionFolder({ record: () => Promise.resolve(), floors: floorsFor(dataDir) })
  await folder.look({ folder: admissions, aliases: [alias], reviewers: readReviewers(reviewers) })
  const admission = folder.of(alias)
  const mend = `\`gatehouse server review ${alias}\`, then \`gatehouse server approve ${alias}\``
  if (admission === undefined) return [warn(name, 'nobody has reviewed it, so it offers nothing', mend)]
  if ('unreadable' in admission) return [fail(name, `${admission.unreadable}, so it offers nothing`, mend)]
  if (admission.verdict === 'failed') return [warn(name, 'a reviewer has put it in quarantine', mend)]
  const held = whyNotLaunched(alias, launch, admission)
  return held ? [fail(name, `it is not started: ${held.detail ?? held.stop}`, held.fix ?? mend)] : []
}

/** What the gateway that runs, or ran last, said of it: from outside nothing can be judged that it would not judge anew. */
async function checkServed(name: string, { dataDir }: Snapshot, alias: string): Promise<Check[]> {
  const row = (await readServedReport(dataDir).catch(() => new Map<string, ServedRow>())).get(alias)
  const text = (key: string): string => inertSentence(typeof row?.[key] === 'string' ? row[key] : '')
  if (!row) return [warn(name, 'no gateway has judged this version yet', 'start the gateway; `gatehouse server list` says how it stands')]
  const version = `${text('name')}@${text('version')}`
  if (row.is === 'in-force') return [ok(name, `${version} is in force`)]
  return [fail(name, `${version} is not used: ${text('rule')}: ${text('why')}`, text('fix'))]
}

function mendFor(transport: UpstreamTransport): string {
  return transport.kind === 'stdio'
    ? 'run its command by hand and see what it says'
    : 'see that the URL and the headers are right, and that it can be reached from here'
}

async function checkProgram(world: World, name: string, transport: UpstreamTransport & { kind: 'stdio' }): Promise<Check[]> {
  const checks: Check[] = []
  const [first = transport.command] = transport.launcher ?? []
  for (const program of transport.launcher ? [first, transport.command] : [transport.command]) {
    if (!(await findProgram(world, program, transport.env['PATH']))) {
      checks.push(
        fail(
          name,
          `the program \`${program}\` is not there or may not be run`,
          program.includes('/')
            ? 'check the path and its permissions'
            : 'install it, or write its whole path: it is looked up on the gateway’s PATH',
        ),
      )
    }
  }
  if (transport.cwd !== undefined && !(await isFolder(transport.cwd)))
    checks.push(fail(name, `its folder ${transport.cwd} is not there`, 'make it, or change `cwd`'))
  if (transport.uid !== undefined && world.uid !== undefined && world.uid !== 0 && world.uid !== transport.uid) {
    checks.push(
      fail(
        name,
        `it should run as user ${transport.uid}, which user ${world.uid} may not switch to`,
        'run the gateway with the right to (CAP_SETUID and CAP_SETGID, or root), or use a `launcher`',
      ),
    )
  }
  return checks
}

/** Looks a program up as the system does. */
async function findProgram(world: World, program: string, ownPath: string | undefined): Promise<boolean> {
  const isRunnable = async (path: string): Promise<boolean> => {
    try {
      await access(path, constants.X_OK)
      return (await stat(path)).isFile()
    } catch {
      return false
    }
  }
  if (/[\\/]/.test(program)) return isRunnable(program)
  const endings = world.platform === 'win32' ? ['', ...(world.env['PATHEXT'] ?? '.EXE;.CMD;.BAT').split(';')] : ['']
  for (const folder of (ownPath ?? world.env['PATH'] ?? '').split(delimiter)) {
    for (const ending of endings) if (folder !== '' && (await isRunnable(join(folder, program + ending)))) return true
  }
  return false
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false
}
