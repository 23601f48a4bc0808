// Every limit that counts requests, calls and bytes of somebody known, in one table: what is spent where, and under which key.

import { addressBlock } from '../kernel/address-block.ts'
import { digestOf } from '../kernel/digest.ts'
import type { Stop } from '../kernel/errors.ts'
import type { Principal } from '../kernel/principal.ts'
import { giveBackAll, spendAll, type Charge } from './charges.ts'
import type { Window } from './counter.ts'
import type { LeaseBook } from './lease-book.ts'
import type { Leases } from './leases.ts'
import { NO_PLACE, Places, type Place, type Wanted } from './places.ts'
import { fullStop, limitStop, type Limit } from './words.ts'

type LimitSettings = {
  readonly rates: Readonly<Record<'address' | 'principal' | 'client' | 'server' | 'tool', Window>>
  /** bytes */
  readonly payload: { readonly principal: Window; readonly client: Window }
  /** calls at once */
  readonly concurrency: { readonly principal: number; readonly client: number; readonly server: number }
}
/** What an upstream has of its own instead. */
type ServerSettings = { readonly rate?: Window; readonly toolRate?: Window; readonly atOnce?: number }

/** What counts per which of a call's members. */
type Per = readonly ('address' | 'client' | 'principal' | 'server' | 'tool')[]
export type Demands = {
  readonly rates: readonly (Window & { readonly per: Per })[]
  readonly concurrency: readonly { readonly count: number; readonly per: Per }[]
}

/** Whose call counts towards limits. */
export type Spender = {
  readonly principal: Principal
  readonly address: string
  readonly alias: string
  /** a tool or prompt by its name; of resources, tasks and methods the kind alone, for callers choose what stands behind it */
  readonly tool: string
}

type LimitParts = {
  readonly book: LeaseBook
  readonly settings: () => LimitSettings
  readonly server: (alias: string) => ServerSettings | undefined
}

const LIMITS: Readonly<Record<'address' | 'principal' | 'client' | 'payload' | 'client-payload', Limit>> = {
  address: { kind: 'address' },
  principal: { kind: 'principal' },
  client: { kind: 'client' },
  payload: { kind: 'payload' },
  'client-payload': { kind: 'client-payload' },
}

export class Limits {
  readonly #parts: LimitParts
  readonly #places = new Places()
  readonly #names = new WeakMap<Principal, Names>()

  constructor(parts: LimitParts) {
    this.#parts = parts
  }

  /** calls that hold a place */
  get callsAtOnce(): number {
    return this.#places.size
  }
  /** keys remembered, of all limits */
  get keys(): number {
    return this.#parts.book.size + this.#places.keys
  }

  /** One request of an address, before anything of it is looked at. */
  address(address: string): Stop | undefined | Promise<Stop | undefined> {
    const { book, settings } = this.#parts
    const key = addressBlock(address)
    return spendAll([{ leases: book.of('address', settings().rates.address), key, group: key, limit: LIMITS.address }])
  }

  /** One request of a principal, and of its client; nothing while the bytes of either are used up. */
  admit(principal: Principal): Stop | undefined | Promise<Stop | undefined> {
    const { rates } = this.#parts.settings()
    const { key } = principal
    const charges: Charge[] = [{ leases: this.#parts.book.of('principal', rates.principal), key, group: key, limit: LIMITS.principal }]
    const { client } = this.#namesOf(principal)
    if (client !== undefined)
      charges.push({ leases: this.#parts.book.of('client', rates.client), key: client, group: client, limit: LIMITS.client })
    // Bytes are counted afterwards: of whom none was charged lately, none has to be remembered.
    for (const { leases, key: whose, limit } of this.#payloads(principal))
      if (leases.knows(whose)) charges.push({ leases, key: whose, group: whose, limit })
    return spendAll(charges)
  }

  /** Bytes that were read of somebody, or sent. */
  charge(principal: Principal, bytes: number): void {
    for (const { leases, key } of this.#payloads(principal)) leases.charge(key, bytes)
  }

  /** Why a body of somebody is not even read: what is known without asking. */
  whyNoPayload(principal: Principal): Stop | undefined {
    for (const { leases, key, limit } of this.#payloads(principal)) {
      const seconds = leases.secondsSpent(key)
      if (seconds !== undefined) return limitStop(limit, leases.window, seconds)
    }
    return undefined
  }

  /**
   * What one call spends right before it goes upstream, and a place for as long as it runs. `isGoingOn`: it is a later round of a call that holds its place. All
   * of it or nothing: whoever is refused has spent nothing here.
   */
  reserve(spender: Spender, demands: Demands | undefined, isGoingOn: boolean): Place | Stop | Promise<Place | Stop> {
    const charges = this.#charges(spender, demands)
    const spent = spendAll(charges)
    const place = (stop: Stop | undefined): Place | Stop => {
      if (stop) return stop
      if (isGoingOn) return NO_PLACE
      const taken = this.#places.take(this.#wanted(spender, demands))
      if (!('most' in taken)) return taken
      giveBackAll(charges)
      return fullStop(taken)
    }
    return spent instanceof Promise ? spent.then(place) : place(spent)
  }

  #charges(spender: Spender, demands: Demands | undefined): Charge[] {
    const { book, settings, server } = this.#parts
    const { rates } = settings()
    const { alias } = spender
    const own = server(alias)
    const group = spender.principal.key
    const charges: Charge[] = [
      { leases: book.of('server', own?.rate ?? rates.server), key: alias, group, limit: { kind: 'server', of: alias } },
      { leases: book.of('tool', own?.toolRate ?? rates.tool), key: toolKey(spender), group, limit: { kind: 'tool', of: alias } },
    ]
    for (const rate of demands?.rates ?? [])
      charges.push({
        leases: book.of(`obligation ${rate.per.join()}`, rate),
        key: shortened(valuesOf(spender, this.#namesOf(spender.principal), rate.per)),
        group,
        limit: { kind: 'obligation', of: rate.per.join(' and ') },
      })
    return charges
  }

  #wanted(spender: Spender, demands: Demands | undefined): Wanted[] {
    const { concurrency } = this.#parts.settings()
    const { principal, alias } = spender
    const names = this.#namesOf(principal)
    const wanted: Wanted[] = [
      { key: names.principal, most: concurrency.principal, what: 'of one principal' },
      { key: `server ${alias}`, most: this.#parts.server(alias)?.atOnce ?? concurrency.server, what: `to \`${alias}\`` },
    ]
    if (names.client !== undefined)
      wanted.push({ key: names.clientPlace, most: concurrency.client, what: 'of one application, all its users together' })
    for (const { count, per } of demands?.concurrency ?? [])
      wanted.push({ key: `${count} ${per.join()} ${valuesOf(spender, names, per)}`, most: count, what: `per ${per.join(' and ')}` })
    return wanted
  }

  #payloads(principal: Principal): { readonly leases: Leases; readonly key: string; readonly limit: Limit }[] {
    const { book, settings } = this.#parts
    const { payload } = settings()
    const { client } = this.#namesOf(principal)
    const own = { leases: book.of('payload', payload.principal), key: principal.key, limit: LIMITS.payload }
    if (client === undefined) return [own]
    return [own, { leases: book.of('client payload', payload.client), key: client, limit: LIMITS['client-payload'] }]
  }

  /** A verified token's principal is one object while it is remembered. */
  #namesOf(principal: Principal): Names {
    let names = this.#names.get(principal)
    if (!names) this.#names.set(principal, (names = namesOf(principal)))
    return names
  }
}

type Names = { readonly principal: string; readonly client: string | undefined; readonly clientPlace: string }

/** A client is one issuer's: another's may have the same name. Tokens that name none are their principals' alone. */
function namesOf({ key, issuer, client }: Principal): Names {
  const name = client === undefined ? undefined : `${issuer} ${client}`
  return { principal: `principal ${key}`, client: name, clientPlace: `client ${name ?? ''}` }
}

/** A name can be as long as a message. */
const MAX_NAME = 128
const shortened = (text: string): string => (text.length > MAX_NAME ? digestOf(text) : text)
const toolKey = ({ alias, tool }: Spender): string => `${alias}/${shortened(tool)}`

/** Lengths keep the values apart: names are their servers'. */
function valuesOf(spender: Spender, { client }: Names, per: Per): string {
  let text = ''
  for (const part of per) {
    const value = valueOf(spender, client, part)
    text += `${value.length}:${value}`
  }
  return text
}
function valueOf(spender: Spender, client: string | undefined, part: Per[number]): string {
  switch (part) {
    case 'principal':
      return spender.principal.key
    case 'client':
      return client ?? ''
    case 'address':
      return addressBlock(spender.address)
    case 'server':
      return spender.alias
    case 'tool':
      return toolKey(spender)
  }
}
