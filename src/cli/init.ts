// `gatehouse init`: a first configuration, the data directory, and the first operator's name.

import { mkdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { gatehouseSchema } from '../config/json-schema.ts'
import { loadText } from '../config/load.ts'
import { EXIT } from './command.ts'
import type { CommandArgs } from './command.ts'
import { faultText, shortName } from './config-check.ts'
import { backUp, isThere, makePrivateFolder, readIfThere, writeAtomic } from './files.ts'
import { evaluationKeyFile, evaluationPublicKey } from './server/evaluation-key.ts'

/** The public half of the first reviewer's key, beside the configuration. */
const REVIEWER_KEY = 'reviewers/evaluation.pem'
/** Folders of the data directory; keys themselves are made when the gateway first starts. */
const FOLDERS = ['audit', 'keys', 'secrets', 'trust'] as const

export async function run(args: CommandArgs): Promise<number> {
  const { io } = args
  const [folder] = args.positionals
  const file = folder === undefined ? args.configFile : join(resolve(io.cwd, folder), 'gatehouse.yaml')
  const operator = args.text('operator') ?? defaultOperator(io.userName)
  if (!OPERATOR.test(operator)) {
    io.err('gatehouse init: expected an operator of at most 64 letters, digits and `._@-`\n')
    return EXIT.usage
  }
  const existing = (await isThere(file)) ? await readIfThere(file) : undefined
  if ((await isThere(file)) && !args.flag('force')) {
    io.err(
      `gatehouse init: \`${shortName(file, io.cwd)}\` exists and was left as it is\n--force replaces it and keeps a backup beside it\n`,
    )
    return EXIT.conflict
  }
  const text = firstConfiguration(operator)
  const reviewerKey = await evaluationPublicKey(io, file)
  const loaded = await loadText(Buffer.from(text), file, { env: io.env })
  if (!loaded.ok) {
    io.err(faultText(loaded))
    return EXIT.failed
  }
  const { dataDir } = loaded.snapshot
  await makePrivateFolder(dataDir)
  for (const name of FOLDERS) await makePrivateFolder(join(dataDir, name))
  // Keys and secrets lie below: whatever repository this is in, they are not for it.
  await writeAtomic(join(dataDir, '.gitignore'), '*\n')
  await writeAtomic(join(dataDir, 'gatehouse.schema.json'), `${JSON.stringify(gatehouseSchema())}\n`)
  await mkdir(join(dirname(file), 'reviewers'), { recursive: true })
  await writeAtomic(join(dirname(file), REVIEWER_KEY), reviewerKey, 0o644)
  const backup = existing && (await backUp(file, existing.bytes, io.now()))
  await writeAtomic(file, text)
  report(args, { file, dataDir, operator, reviewerKey: evaluationKeyFile(io, file), ...(backup === undefined ? {} : { backup }) })
  return EXIT.ok
}

type Report = {
  readonly file: string
  readonly dataDir: string
  readonly operator: string
  readonly reviewerKey: string
  readonly backup?: string
}

function report({ io, json }: CommandArgs, done: Report): void {
  if (json) {
    io.out(`${JSON.stringify(done, undefined, 2)}\n`)
    return
  }
  const name = shortName(done.file, io.cwd)
  io.out(
    [
      `wrote ${name}${done.backup === undefined ? '' : ` (the old one is ${shortName(done.backup, io.cwd)})`}`,
      `data directory: ${shortName(done.dataDir, io.cwd)}`,
      `first operator: ${done.operator}`,
      `first reviewer: evaluation, for trying things out: its private key lies on this machine (${done.reviewerKey})`,
      '',
      'next:',
      `  gatehouse import${configOption(done.file, io.cwd)}         shows the MCP servers of your hosts and what bringing them in would do`,
      `  gatehouse config check${configOption(done.file, io.cwd)}   checks the configuration`,
      `  gatehouse serve${configOption(done.file, io.cwd)}          runs the gateway`,
      '',
    ].join('\n'),
  )
}

const configOption = (file: string, cwd: string): string => (dirname(file) === cwd ? '' : ` -c ${shortName(file, cwd)}`)

const OPERATOR = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/

/** The person's name on this machine, as far as it fits; `DOMAIN\\name` and the like lose what does not. */
function defaultOperator(userName: string): string {
  const name = userName
    .replaceAll(/[^A-Za-z0-9._@-]/g, '')
    .replace(/^[._@-]+/, '')
    .slice(0, 64)
  return name === '' ? 'operator' : name
}

/** The commented first configuration. */
export function firstConfiguration(operator: string): string {
  return `# yaml-language-server: $schema=.gatehouse/gatehouse.schema.json
# Gatehouse. Every setting is described in docs/configuration.md; \`gatehouse config check\` says all that is wrong with this file.
version: 1

# This machine only. Anything else needs issuers, TLS and an https publicUrl, and the gateway does not start without them.
listen: 127.0.0.1:8400

# Audit log, keys, secrets. Relative paths start at the folder of this file.
dataDir: .gatehouse

identity:
  # Hosts get their tokens from the gateway itself. It sends people to the identity provider and asks them for each application.
  authorizationServer: {}
  # For trying things out: whoever sits at this machine signs in as one of these, without a password.
  # For anything else take this out and name your identity provider, where this gateway is registered with the redirect
  # <publicUrl>/oauth/login/callback:
  #   login:
  #     issuer: https://login.example.com
  #     clientId: gatehouse
  #     clientSecret: { fromEnv: GATEHOUSE_LOGIN_SECRET }
  evaluation:
    port: 8401
    users:
      - name: ${yamlText(operator)}
        groups: [operators]

# Who administers the gateway. The first one was named when this file was written.
operators: [${yamlText(operator)}]

# A server is not started and offers nothing until a reviewer has admitted how it starts and what it lists (docs/admission.md); admission: configured at a
# server lets this file do that.
admission: required

# Who may admit servers. This one is for trying things out: its private key lies in your settings folder on this machine, and every start says so. For anything
# else name a reviewer whose key lies elsewhere ({ publicKey: ann.pem }), or an identity ({ issuer: ..., san: ..., root: trusted_root.json }).
reviewers:
  evaluation: { publicKey: ${REVIEWER_KEY}, evaluation: true }

# The MCP servers behind the gateway. \`gatehouse import\` brings in those your hosts already have.
# Nobody may use anything that no rule under \`allow\` names.
upstreams: {}
#  files:
#    stdio:
#      command: npx
#      args: [-y, '@modelcontextprotocol/server-filesystem@2026.8.31', { path: . }]
#    allow:
#      - subjects: [${yamlText(operator)}]
#        tools: [list_directory, read_text_file, search_files]
`
}

/** Quoted where YAML would take the name for a number, a truth value or nothing. */
const yamlText = (name: string): string =>
  /^[A-Za-z][A-Za-z0-9._-]*$/.test(name) && !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(name) ? name : `'${name}'`
