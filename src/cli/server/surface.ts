// `gatehouse server surface`: the surface file that `gatehouse sign --surface` and a publisher's CI take, and the definitions behind it, from what was seen of a server.

import { digestOfSurface, surfaceJson, SURFACE_MODES, type SurfaceMode } from '../../admission/pinned-surface.ts'
import { definitionsText } from '../../admission/definitions.ts'
import { surfaceSeen } from '../../admission/seen-surface.ts'
import { canonicalJson } from '../../kernel/canonical-json.ts'
import { EXIT, type CommandArgs } from '../command.ts'
import { isServed } from './served.ts'
import { reviewedOf, serverOf, type Server } from './surfaces.ts'

export async function run(args: CommandArgs): Promise<number> {
  const { io } = args
  const server = await serverOf(args)
  if (typeof server === 'number') return server
  const mode = args.text('mode') ?? 'subset'
  if (!isMode(mode)) {
    io.err(`expected --mode ${SURFACE_MODES.join(' or ')}\n`)
    return EXIT.usage
  }
  const { seen } = await reviewedOf(server)
  if (!seen || seen.isCut) {
    io.err(
      seen
        ? `\`${server.alias}\` lists more than is kept: its surface is not whole\n`
        : `nothing was seen of \`${server.alias}\` yet: ${whereToLook(server)}\n`,
    )
    return EXIT.conflict
  }
  const surface = surfaceSeen(seen, mode)
  if (args.flag('definitions')) {
    io.out(`${definitionsText(seen)}\n`)
    return EXIT.ok
  }
  io.out(`${canonicalJson(surfaceJson(surface)) ?? ''}\n`)
  io.err(`surface ${digestOfSurface(surface)}\n`)
  return EXIT.ok
}

/** Of a version of the registry nothing is kept that is as it was reviewed. */
const whereToLook = ({ alias, settings }: Server): string =>
  isServed(settings)
    ? `the registry has what was reviewed, at /v1/servers/${encodeURIComponent(settings.transport.name)}/versions/${encodeURIComponent(settings.transport.version)}/surface`
    : `\`gatehouse server review ${alias}\` looks now`

const isMode = (text: string): text is SurfaceMode => (SURFACE_MODES as readonly string[]).includes(text)
