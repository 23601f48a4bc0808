// `gatehouse trust`: the ceremonies of a trust repository, as an exchange of files.

import { hash } from 'node:crypto'
import { resolve } from 'node:path'
import { beginEvaluation, beginTrust } from '../../adapters/tuf/begin.ts'
import { OFFLINE_ROLES, ONLINE_ROLES } from '../../adapters/tuf/ceremony.ts'
import { signAsKeyholder } from '../../adapters/tuf/keyholder.ts'
import { mergeSigned } from '../../adapters/tuf/keyholders-part.ts'
import { metadataBytes, namedKey, parseMetadata } from '../../adapters/tuf/metadata.ts'
import { replacedIndex } from '../../adapters/tuf/online-documents.ts'
import { publishTrust, revocationsFrom } from '../../adapters/tuf/publish.ts'
import { rotateKeys } from '../../adapters/tuf/rotation.ts'
import { stageDocuments } from '../../adapters/tuf/staging.ts'
import { TrustFolder } from '../../adapters/tuf/trust-folder.ts'
import { reportOf } from '../../adapters/tuf/trust-report.ts'
import type { DocumentName } from '../../adapters/tuf/trust-state.ts'
import { readIndex } from '../../trust/index-document.ts'
import { EXIT, type CommandArgs, type CommandModule } from '../command.ts'
import { writeAtomic } from '../files.ts'
import { required } from '../signing/presented.ts'
import { signerOf } from '../signing/signer.ts'
import { EVALUATION, metadataText, publicationText, reportText, stagedText } from './words.ts'
import { tellingUsage, UsageError } from '../usage.ts'

const KEY_ID = /^[0-9a-f]{64}$/
const MAX_BYTES = 8 * 1024 * 1024
const ROTATED = ['root', 'namespaces', ...ONLINE_ROLES] as const

const verb = (name: string, run: (args: CommandArgs) => Promise<number>): CommandModule => ({ run: tellingUsage(`trust ${name}`, run) })

const fileOf = (args: CommandArgs, name: string): Promise<Buffer> => required(resolve(args.io.cwd, name), MAX_BYTES)

function folderOf(args: CommandArgs): TrustFolder {
  const [name] = args.positionals
  if (name === undefined) throw new UsageError('expected the folder of the trust repository')
  return new TrustFolder(resolve(args.io.cwd, name))
}

/** The documents that options name. */
async function documentsOf(args: CommandArgs, options: Readonly<Record<string, DocumentName>>): Promise<ReadonlyMap<DocumentName, Buffer>> {
  const documents = new Map<DocumentName, Buffer>()
  for (const [option, name] of Object.entries(options)) {
    const file = args.text(option)
    if (file !== undefined) documents.set(name, await fileOf(args, file))
  }
  return documents
}
const STAGED = { 'trusted-root': 'trustedRoot', policies: 'policies', floors: 'floors' } as const

const keysOf = (args: CommandArgs, option: string): Promise<string[]> =>
  Promise.all(args.list(option).map(async name => (await fileOf(args, name)).toString('utf8')))

/** One at a time: two that publish would give two things one version. */
async function locked<T>(folder: TrustFolder, work: () => T | Promise<T>): Promise<T> {
  const unlock = folder.lock()
  try {
    return await work()
  } finally {
    unlock()
  }
}

function tell({ io, json }: CommandArgs, value: object, words: string): number {
  io.out(json ? `${JSON.stringify(value)}\n` : words)
  return EXIT.ok
}

export const init = verb('init', async args => {
  const folder = folderOf(args)
  const documents = await documentsOf(args, STAGED)
  const keyholders = { root: await keysOf(args, 'root'), namespaces: await keysOf(args, 'namespaces') }
  const isEvaluation = args.flag('evaluation')
  if (isEvaluation && keyholders.root.length + keyholders.namespaces.length > 0)
    throw new UsageError('--evaluation makes its one key itself: leave --root and --namespaces away')
  if (folder.isUsed()) {
    args.io.err(`gatehouse trust init: \`${folder.path}\` is not empty and was left as it is\n`)
    return EXIT.conflict
  }
  const nowMs = args.io.now()
  if (isEvaluation) beginEvaluation(folder, documents, nowMs)
  else beginTrust(folder, keyholders, documents, nowMs)
  if (isEvaluation) args.io.err(EVALUATION)
  return tell(args, { folder: folder.path, isEvaluation, staged: OFFLINE_ROLES }, stagedText(folder, OFFLINE_ROLES, isEvaluation))
})

export const stage = verb('stage', async args => {
  const folder = folderOf(args)
  const documents = await documentsOf(args, STAGED)
  if (documents.size === 0) throw new UsageError('expected at least one of --trusted-root, --policies, --floors')
  const staged = await locked(folder, () => stageDocuments(folder, documents, args.io.now()))
  return tell(args, { staged }, stagedText(folder, staged, false))
})

export const rotate = verb('rotate', async args => {
  const folder = folderOf(args)
  const role = ROTATED.find(each => each === args.text('role'))
  if (!role) throw new UsageError(`--role: expected one of ${ROTATED.join(', ')}`)
  const remove = await Promise.all(
    args.list('remove').map(async key => (KEY_ID.test(key) ? key : namedKey((await fileOf(args, key)).toString('utf8')).id)),
  )
  const change = { role, add: await keysOf(args, 'add'), remove }
  const staged = await locked(folder, () => rotateKeys(folder, change, args.io.now()))
  return tell(args, { staged }, stagedText(folder, staged, false))
})

export const sign = verb('sign', async args => {
  const [name] = args.positionals
  if (name === undefined) throw new UsageError('expected the staged file to sign')
  if (args.text('key') === undefined && args.text('key-command') === undefined) throw new UsageError('expected --key or --key-command')
  const { signer } = await signerOf(args)
  const metadata = parseMetadata(await fileOf(args, name))
  const id = await signAsKeyholder(metadata, signer)
  const bytes = metadataBytes(metadata)
  await writeAtomic(resolve(args.io.cwd, name), bytes, 0o644)
  const { type, version, expires } = metadata.signed
  return tell(args, { type, version, expires, key: id, sha256: hash('sha256', bytes) }, `${metadataText(metadata)}signed with key ${id}\n`)
})

export const publish = verb('publish', async args => {
  const folder = folderOf(args)
  const index = args.text('index')
  const revocations = args.text('revocations')
  const whole = index === undefined ? undefined : readIndex(await fileOf(args, index))
  const revoked = revocations === undefined ? undefined : revocationsFrom(await fileOf(args, revocations))
  const copies = await Promise.all(args.positionals.slice(1).map(async name => parseMetadata(await fileOf(args, name))))
  const publication = await locked(folder, () => {
    mergeSigned(folder, copies)
    const role = folder.published().roles.get('index')
    const documents = { ...(whole && { index: replacedIndex(role, whole) }), ...(revoked && { revocations: revoked }) }
    return publishTrust(folder, documents, args.io.now())
  })
  return tell(args, publication, publicationText(publication))
})

export const status = verb('status', async args => {
  const report = await reportOf(folderOf(args), args.io.now())
  if (report.isEvaluation) args.io.err(EVALUATION)
  tell(args, report, reportText(report, args.io.now()))
  return report.refused.length === 0 ? EXIT.ok : EXIT.failed
})
