// `gatehouse demo supply-chain`: publishes a real server signed, runs it through a gateway with the configuration of examples/supply-chain, and attacks its way (src/demo/supply-chain).

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { attacksOf, settled } from '../demo/supply-chain/attacks.ts'
import { House } from '../demo/supply-chain/house.ts'
import { attackText, closing, firstUse, opening, type Told } from '../demo/supply-chain/report.ts'
import { openWorkshop } from '../demo/supply-chain/workshop.ts'
import { requestToken } from '../evaluation/request-token.ts'
import { EXIT, type CommandArgs } from './command.ts'
import { freePorts } from './free-ports.ts'
import { ownCommands } from './own-commands.ts'
import { serve } from './serve.ts'

/** Exit code 0 only when the server was used and every attack was made and stopped. */
export async function run(args: CommandArgs): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-supply-chain-'))
  try {
    return (await show(args, folder)) ? EXIT.ok : EXIT.failed
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function show({ io, json }: CommandArgs, folder: string): Promise<boolean> {
  const examples = fileURLToPath(new URL('../../examples/supply-chain', import.meta.url))
  const root = resolve(fileURLToPath(new URL('../..', import.meta.url)))
  const [port, identityPort] = await freePorts()
  const place = {
    template: join(examples, 'gatehouse.yaml'),
    file: join(folder, 'gatehouse.yaml'),
    dataDir: join(folder, 'data'),
    port,
    identityPort,
  }
  const house = new House(
    { ...place, env: io.env },
    snapshot => serve(snapshot, () => {}),
    async (snapshot, user, resource) => (await requestToken(snapshot, { user, resource })).token,
  )
  const gatehouse = ownCommands(io, folder)
  const progress = (words: string): void => {
    if (io.isTerminal) io.err(`${words}\n`)
  }
  progress('packing the server and what it depends on ...')
  const shop = await openWorkshop(gatehouse, { folder, root, examples, publicUrl: house.publicUrl })
  try {
    progress('starting the gateway ...')
    await house.start('1.0.0', shop.npm.url)
    await gatehouse(['namespace', 'register', 'com.example', 'pat', '--why', 'ours', '--user', 'olga', '--config', place.file], folder)
    await shop.release('1.0.0', 1)
    if (!json) io.out(opening(house.publicUrl, shop.log))
    const use = await firstCall(house)
    if (!json) io.out(use === undefined ? '\nThe server could not be used.\n' : firstUse(use.tools, use.text))
    const attacks = attacksOf({ house, shop, gatehouse })
    const told: Told[] = []
    for (const { title, prize, run: attack } of use === undefined ? [] : attacks) {
      progress(`${told.length + 1} of ${attacks.length} ...`)
      const end: Told = { title, prize, ...(await attack()) }
      told.push(end)
      if (!json) io.out(attackText(told.length, end))
    }
    const isGood = told.length === attacks.length && told.every(({ isHeld }) => isHeld)
    io.out(json ? `${JSON.stringify({ ok: isGood, attacks: told }, undefined, 2)}\n` : closing(told, attacks.length))
    return isGood
  } finally {
    await house.stop()
    await shop.npm.close()
  }
}

async function firstCall(house: House): Promise<{ readonly tools: readonly string[]; readonly text: string } | undefined> {
  const entities = [{ name: 'tea', entityType: 'drink', observations: ['hot'] }]
  // Its reviewer's signature came a moment ago: the version is fetched, compared and installed.
  const answer = await settled(() => house.call('alice', 'create_entities', { entities }))
  const tools = await house.tools('alice')
  return answer.result && tools ? { tools, text: 'create_entities made one note' } : undefined
}
