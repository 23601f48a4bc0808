// What each reviewer of the configuration must be: a key, or an identity with the root it is verified against. A key that lies on this machine is for trying out.

import { exposure, isExposed } from './exposure.ts'
import type { Reading } from './reading.ts'
import type { ConfigDocument } from './table.ts'

export function checkReviewers(doc: ConfigDocument, reading: Reading): void {
  for (const [name, { publicKey, evaluation, issuer, san, sanPattern, root }] of doc.reviewers) {
    const at = `reviewers.${name}`
    if (reading.isFaulty(at)) continue
    const fault = (message: string, fix: string): void => reading.fault('conflict', at, message, fix)
    if ((publicKey === undefined) === (issuer === undefined))
      fault(
        'expected exactly one of `publicKey` and `issuer`',
        'keep one of them: a reviewer signs with a key or as an identity, never either',
      )
    else if (publicKey !== undefined && [san, sanPattern, root].some(value => value !== undefined))
      fault('`san`, `sanPattern` and `root` go with `issuer`', 'take them out')
    else if (issuer !== undefined && (san === undefined) === (sanPattern === undefined))
      fault('expected exactly one of `san` and `sanPattern`', 'name whom certificates of the issuer have to be for')
    else if (issuer !== undefined && root === undefined)
      fault('expected `root`: a certificate counts through a trusted root', 'name trusted_root.json of the Sigstore instance')
    else if (sanPattern !== undefined && !/^[^*]*(?:\*[^*]*){1,4}$/.test(sanPattern))
      fault('expected one to four `*` in `sanPattern`', 'without one it is a `san`')
    else if (evaluation && issuer !== undefined) fault('`evaluation` goes with `publicKey`', 'take it out')
    else if (evaluation) checkEvaluation(doc, at, reading)
  }
}

function checkEvaluation(doc: ConfigDocument, at: string, reading: Reading): void {
  if (isExposed(doc))
    reading.fault(
      'exposed',
      `${at}.evaluation`,
      `the private half of this reviewer's key lies on this machine, and ${exposure(doc).why}`,
      'name a reviewer whose key does not lie here, or listen on 127.0.0.1',
    )
  else
    reading.warn(
      'evaluation-reviewer',
      at,
      'its private key lies on this machine, for trying things out: whoever can read your files can admit servers',
      'name a reviewer whose key does not lie here',
    )
}
