// The sessions of a gateway follow the configuration in force, not the one it started with.

import { expect, it } from 'vitest'
import { createSessions } from '../../src/compose/sessions.ts'
import { keyOf, type Principal } from '../../src/kernel/principal.ts'
import type { Endpoint } from '../../src/pipeline/path.ts'
import { MINIMAL, snapshot } from '../config/configs.ts'

const principal: Principal = {
  key: keyOf('https://i', 'a'),
  issuer: 'https://i',
  subject: 'a',
  groups: [],
  scopes: [],
  wildcards: [],
  kind: 'person',
  expiresAtSeconds: 1,
}
const endpoint: Endpoint = { kind: 'all', path: '/mcp', resource: 'http://g/mcp', aliases: [] }

it('a lower limit of sessions counts from the reload on', async () => {
  let current = await snapshot(`${MINIMAL}limits: { sessionsPerPrincipal: 3 }\n`)
  const ended: string[] = []
  const sessions = createSessions(
    () => current,
    session => ended.push(session.id),
  )
  const open = () => sessions.open(principal, endpoint, { version: '2025-11-25', capabilities: '{}' })
  for (let i = 0; i < 3; i++) open()
  expect(sessions.size).toBe(3)
  expect(ended).toEqual([])
  current = await snapshot(`${MINIMAL}limits: { sessionsPerPrincipal: 1 }\n`)
  open()
  expect(ended.length).toBeGreaterThan(0)
})
