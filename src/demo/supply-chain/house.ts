// The gateway of the supply-chain demo: started, stopped, started again on the same data, and told another pin.

import { readFile, writeFile } from 'node:fs/promises'
import { setValues } from '../../config/edit.ts'
import { loadConfig } from '../../config/load.ts'
import type { Snapshot } from '../../config/schema.ts'
import { Fault } from '../../kernel/errors.ts'
import { send, type RawAnswer } from '../deputy/raw-host.ts'

/** A gateway and its evaluation provider, as `gatehouse serve` runs them. */
export type Serve = (snapshot: Snapshot) => Promise<{
  readonly gateway: { readonly url: string; reload(snapshot: Snapshot): Promise<string | undefined> }
  stop(): Promise<void>
}>
export type Token = (snapshot: Snapshot, user: string, resource: string) => Promise<string>

export type HousePlace = {
  /** the committed configuration */
  readonly template: string
  /** where the one of this run is written */
  readonly file: string
  readonly dataDir: string
  readonly port: number
  readonly identityPort: number
  readonly env: Readonly<Record<string, string | undefined>>
}

const PATH = '/servers/notes/mcp'

export class House {
  readonly #place: HousePlace
  readonly #serve: Serve
  readonly #token: Token
  #running: Awaited<ReturnType<Serve>> | undefined
  #snapshot: Snapshot | undefined
  #npm = ''

  constructor(place: HousePlace, serve: Serve, token: Token) {
    this.#place = place
    this.#serve = serve
    this.#token = token
  }

  get publicUrl(): string {
    return `http://127.0.0.1:${this.#place.port}`
  }
  get dataDir(): string {
    return this.#place.dataDir
  }

  /** `npm`: where packages come from, once it is known. Throws Fault `demo-configuration` where the committed file does not fit any more. */
  async start(version: string, npm = this.#npm): Promise<void> {
    this.#npm = npm
    this.#snapshot = await this.#configured(version)
    this.#running = await this.#serve(this.#snapshot)
  }
  async stop(): Promise<void> {
    await this.#running?.stop()
    this.#running = undefined
  }
  /** The operator changes the pin; undefined = taken over. */
  async pin(version: string): Promise<string | undefined> {
    this.#snapshot = await this.#configured(version)
    return this.#running?.gateway.reload(this.#snapshot)
  }

  /** One request of a host. */
  async ask(user: 'alice' | 'bob', method: string, params: Readonly<Record<string, unknown>> = {}): Promise<RawAnswer> {
    if (!this.#snapshot) throw new TypeError('not started')
    return send(this.publicUrl, { path: PATH, token: await this.#token(this.#snapshot, user, PATH), method, params })
  }
  call(user: 'alice' | 'bob', name = 'read_graph', args: Readonly<Record<string, unknown>> = {}): Promise<RawAnswer> {
    return this.ask(user, 'tools/call', { name, arguments: args })
  }
  /** The names of the tools a host is shown; undefined = it was refused. */
  async tools(user: 'alice' | 'bob'): Promise<readonly string[] | undefined> {
    const { result } = await this.ask(user, 'tools/list')
    return (result?.['tools'] as readonly { readonly name: string }[] | undefined)?.map(({ name }) => name)
  }

  async #configured(version: string): Promise<Snapshot> {
    const { template, file, dataDir, port, identityPort, env } = this.#place
    const text = await readFile(template, 'utf8').catch((cause: unknown) => {
      throw new Error(`the demo needs the examples of the repository: \`${template}\` cannot be read`, { cause })
    })
    const values = setValues(text, [
      { path: ['listen'], value: `127.0.0.1:${port}` },
      { path: ['dataDir'], value: dataDir },
      { path: ['identity', 'evaluation', 'port'], value: identityPort },
      { path: ['registry', 'artifacts', 'npm'], value: this.#npm },
      { path: ['upstreams', 'notes', 'server', 'version'], value: version },
    ])
    if ('problem' in values) throw unfit(values.problem)
    await writeFile(file, values.text, { mode: 0o600 })
    const loaded = await loadConfig(file, { env })
    if (!loaded.ok) throw unfit(loaded.faults.map(({ message }) => message).join('; '))
    return loaded.snapshot
  }
}

const unfit = (why: string): Fault => new Fault('demo-configuration', `examples/supply-chain/gatehouse.yaml does not fit the demo: ${why}`)
