// What a configuration must satisfy as a whole. The fail-closed rules of the design stand here: reachable from elsewhere means identity, TLS and confinement.

import { checkAdministration } from './administration-checks.ts'
import { checkArtifacts } from './artifact-checks.ts'
import { checkCollisions } from './collision-checks.ts'
import { exposure, isExposed } from './exposure.ts'
import { checkIdentity, hasOwnServer, issuersOf } from './identity-checks.ts'
import { checkMirrors } from './mirror-checks.ts'
import { checkProofs } from './proof-checks.ts'
import type { Reading } from './reading.ts'
import { checkReviewers } from './reviewer-checks.ts'
import type { ConfigDocument } from './table.ts'
import { checkTelemetry } from './telemetry-checks.ts'
import { checkSinks } from './sink-checks.ts'
import { checkUpstreams } from './upstream-checks.ts'

/** Reports every contradiction and every fail-closed rule that is broken. `ownUid` is the gateway's own user, where the system has such numbers. */
export function checkDocument(doc: ConfigDocument, reading: Reading, ownUid: number | undefined): void {
  checkExposure(doc, reading)
  checkPublicUrl(doc, reading)
  checkIdentity(doc, reading)
  checkAdministration(doc, reading, issuersOf(doc))
  checkSets(doc, reading)
  checkKeys(doc, reading)
  checkRegistry(doc, reading)
  checkArtifacts(doc, reading)
  checkProofs(doc, reading)
  checkMirrors(doc, reading)
  checkCollisions(doc, reading)
  checkReviewers(doc, reading)
  checkTelemetry(doc, reading)
  checkSinks(doc, reading)
  checkLimits(doc, reading)
  checkUpstreams(doc, reading, { issuers: issuersOf(doc), isExposed: isExposed(doc), ownUid })
}

function checkExposure(doc: ConfigDocument, reading: Reading): void {
  if (!isExposed(doc)) return
  const { path, why } = exposure(doc)
  if (doc.identity.issuers.length === 0 && !hasOwnServer(doc) && !reading.isFaulty('identity.issuers')) {
    reading.fault(
      'exposed',
      path,
      `${why}, and \`identity.issuers\` names nobody who may vouch for callers`,
      'add your identity provider there, or listen on 127.0.0.1',
    )
  }
  if (!doc.tls && doc.trustedProxies.length === 0 && !reading.isFaulty('tls') && !reading.isFaulty('trustedProxies')) {
    reading.fault(
      'exposed',
      path,
      `${why} without TLS`,
      'set `tls`, or declare the proxy that ends TLS in `trustedProxies`, or listen on 127.0.0.1',
    )
  }
  if (!doc.publicUrl?.startsWith('https://') && !reading.isFaulty('publicUrl')) {
    reading.fault(
      'exposed',
      doc.publicUrl === undefined ? path : 'publicUrl',
      `${why}, which needs an https \`publicUrl\``,
      'set it to the origin hosts use, such as `https://gateway.example.com`',
    )
  }
  if (doc.identity.evaluation) {
    reading.fault(
      'exposed',
      'identity.evaluation',
      `the evaluation identity provider asks for no password, and ${why}`,
      'take it out, or listen on 127.0.0.1',
    )
  }
}

function checkPublicUrl(doc: ConfigDocument, reading: Reading): void {
  if (doc.publicUrl === undefined) return
  if (doc.tls && doc.publicUrl.startsWith('http://'))
    reading.fault('conflict', 'publicUrl', 'is http, but `tls` is set', 'write it with https://')
  if (!isExposed(doc) && !doc.tls && doc.publicUrl.startsWith('https://')) {
    reading.fault('conflict', 'publicUrl', 'is https, but nothing ends TLS', 'set `tls` or `trustedProxies`, or write it with http://')
  }
}

function checkKeys({ keys: { vault } }: ConfigDocument, reading: Reading): void {
  if (!vault || reading.isFaulty('keys.vault')) return
  const given = [vault.fromFile, vault.fromEnv, vault.fromCommand].filter(source => source !== undefined)
  if (given.length !== 1)
    reading.fault('conflict', 'keys.vault', 'expected exactly one of `fromFile`, `fromEnv` and `fromCommand`', 'keep one of them')
  else if (vault.fromCommand?.length === 0) reading.fault('value', 'keys.vault.fromCommand', 'expected a program')
}

function checkRegistry({ registry: { trust, repository } }: ConfigDocument, reading: Reading): void {
  if (!repository || reading.isFaulty('registry.repository')) return
  if ((repository.folder === undefined) === (repository.url === undefined))
    reading.fault('conflict', 'registry.repository', 'expected exactly one of `folder` and `url`', 'keep one of them')
  if (repository.publish && repository.folder === undefined)
    reading.fault(
      'conflict',
      'registry.repository.publish',
      'needs `folder`: what is elsewhere is signed elsewhere',
      'set `folder`, or take it out',
    )
  // The file would count while the repository says that it is revoked.
  if (trust) reading.fault('conflict', 'registry.trust', 'stands beside `registry.repository`, which takes its place', 'keep one of them')
}

function checkSets(doc: ConfigDocument, reading: Reading): void {
  const known = reading.keysOf('upstreams')
  for (const [name, aliases] of doc.sets) {
    if (aliases.length === 0 && !reading.isFaulty(`sets.${name}`)) reading.fault('value', `sets.${name}`, 'expected at least one alias')
    aliases.forEach((alias, index) => {
      if (!known.includes(alias))
        reading.fault(
          'value',
          `sets.${name}[${index}]`,
          `no upstream \`${alias.slice(0, 24)}\``,
          known.length > 0 ? `known: ${known.slice(0, 20).join(', ')}` : undefined,
        )
    })
  }
}

function checkLimits(doc: ConfigDocument, reading: Reading): void {
  const l = doc.limits
  const pairs = [
    ['bodySize', l.bodySize, 'bodyTotalSize', l.bodyTotalSize],
    ['connectionsPerAddress', l.connectionsPerAddress, 'connections', l.connections],
    ['sessionsPerPrincipal', l.sessionsPerPrincipal, 'sessions', l.sessions],
    ['streamsPerPrincipal', l.streamsPerPrincipal, 'streams', l.streams],
    ['parkedPerPrincipal', l.parkedPerPrincipal, 'parked', l.parked],
    ['replaySize', l.replaySize, 'replayTotalSize', l.replayTotalSize],
  ] as const
  for (const [part, of, whole, total] of pairs) {
    if (of > total)
      reading.fault(
        'conflict',
        reading.has(`limits.${part}`) ? `limits.${part}` : `limits.${whole}`,
        `\`${part}\` is larger than \`${whole}\``,
        `lower \`${part}\` or raise \`${whole}\``,
      )
  }
}
