// Who may administer: names that can exist, groups of an issuer that is meant, and somebody who is left. A configuration that locks everybody out is no configuration.

import { ROLES } from '../administration/roles.ts'
import { exposure, isExposed } from './exposure.ts'
import { evaluationIssuer } from './schema.ts'
import type { Reading } from './reading.ts'
import type { ConfigDocument } from './table.ts'

type RoleDocument = ConfigDocument['administration']['roles']['operator']

export function checkAdministration(doc: ConfigDocument, reading: Reading, issuers: readonly string[]): void {
  doc.operators.forEach((subject, index) => checkSubject(subject, `operators[${index}]`, reading, issuers))
  for (const name of ROLES) {
    const key = name === 'policy-author' ? 'policyAuthor' : name
    checkRole(doc.administration.roles[key], `administration.roles.${key}`, reading, issuers)
  }
  if (reading.isFaulty('operators') || reading.isFaulty('administration') || reading.isFaulty('identity')) return
  checkSomebodyIsLeft(doc, reading)
  checkSecondPerson(doc, reading)
}

function checkSubject(text: string, at: string, reading: Reading, issuers: readonly string[]): void {
  const [issuer, subject] = text.split(' ')
  if (subject === undefined) {
    if (issuers.length > 1) reading.fault('conflict', at, 'several issuers may have a subject of this name', 'write `<issuer> <subject>`')
  } else if (!issuers.includes(issuer ?? '') && !reading.isFaulty('identity')) {
    reading.fault('value', at, 'names an issuer that is not configured', `configured: ${issuers.join(', ')}`)
  }
}

function checkRole(role: RoleDocument, at: string, reading: Reading, issuers: readonly string[]): void {
  role.subjects.forEach((subject, index) => checkSubject(subject, `${at}.subjects[${index}]`, reading, issuers))
  role.issuers?.forEach((issuer, index) => {
    if (!issuers.includes(issuer) && !reading.isFaulty('identity'))
      reading.fault('value', `${at}.issuers[${index}]`, 'names an issuer that is not configured', `configured: ${issuers.join(', ')}`)
  })
  if (role.groups.length > 0 && role.issuers === undefined && issuers.length > 1)
    reading.fault('conflict', at, 'several issuers may have groups of these names', 'add `issuers`')
}

/** A group may have members; a named subject may exist, unless the evaluation provider would have to know it and does not. */
function checkSomebodyIsLeft(doc: ConfigDocument, reading: Reading): void {
  const { operator } = doc.administration.roles
  const named = [...doc.operators, ...operator.subjects]
  if (named.length === 0 && operator.groups.length === 0) {
    const mend = 'name your own subject in `operators`, or a group in `administration.roles.operator.groups`'
    if (isExposed(doc)) reading.fault('exposed', 'operators', `nobody could administer this gateway, and ${exposure(doc).why}`, mend)
    else if (reading.has('administration')) reading.fault('missing', 'administration', 'roles are given, but nobody is an operator', mend)
    return
  }
  const { evaluation } = doc.identity
  if (!evaluation || doc.identity.issuers.length > 0) return
  const own = evaluationIssuer(evaluation.port)
  const isKnown = (text: string): boolean => evaluation.users.some(user => text === user.name || text === `${own} ${user.name}`)
  const isMember = evaluation.users.some(user => user.groups.some(group => operator.groups.includes(group)))
  if (!named.some(isKnown) && !isMember)
    reading.fault(
      'conflict',
      reading.has('operators') ? 'operators' : 'administration.roles.operator',
      'names nobody whom the evaluation identity provider knows, so nobody could administer this gateway',
      `its users: ${evaluation.users
        .map(user => user.name)
        .slice(0, 20)
        .join(', ')}`,
    )
}

/** With the two-person rule on, one named operator alone could never have anything approved. */
function checkSecondPerson(doc: ConfigDocument, reading: Reading): void {
  const { roles, twoPerson } = doc.administration
  if (!(twoPerson ?? isExposed(doc))) return
  const { operator, approver } = roles
  if (operator.groups.length > 0 || approver.groups.length > 0) return
  const people = new Set([...doc.operators, ...operator.subjects, ...approver.subjects])
  if (people.size === 1)
    reading.warn(
      'two-person',
      reading.has('administration.twoPerson') ? 'administration.twoPerson' : 'operators',
      'the two-person rule is on, and there is only one person: nothing can be approved, but by break-glass',
      'name an approver in `administration.roles.approver`, or set `administration.twoPerson: false`',
    )
}
