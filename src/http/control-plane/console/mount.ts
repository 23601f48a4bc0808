// The console's addresses: its one page, its files, the way in, and its API.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Express } from 'express'
import { problemPage, sendPage } from '../pages/shell.ts'
import { isApiPath, serveConsoleApi, type ConsoleApiDeps } from './api.ts'
import { readAssets, type ConsoleAssets } from './assets.ts'
import { ENTER_PATH } from './session.ts'

export type ConsoleDeps = ConsoleApiDeps & {
  /** where `console/build.js` leaves what it builds */
  readonly folder: string
  readonly onFault: (cause: unknown) => void
}

const ASSETS = '/console/assets/'
/** attacker-controlled: addresses as pages have them, compared as a whole */
const PAGES = /^\/console(?:\/[a-z]{1,16}(?:\/[A-Za-z0-9_-]{1,128})?)?$/

export function mountConsole(app: Express, deps: ConsoleDeps): void {
  let assets: Promise<ConsoleAssets> | undefined
  // A folder that cannot be read is read again at the next request.
  const built = (): Promise<ConsoleAssets> =>
    (assets ??= readAssets(deps.folder).catch((cause: unknown) => {
      assets = undefined
      throw cause
    }))
  app.use(async (req, res, next) => {
    const path = req.url.split('?', 1)[0] ?? ''
    if (path !== '/console' && !path.startsWith('/console/')) {
      next()
      return
    }
    try {
      if (!(await serve(path, req, res))) next()
    } catch (error) {
      deps.onFault(error)
      if (res.headersSent) res.destroy()
      else sendPage(res, FAULT)
    }
  })

  /** False = nothing is here. */
  async function serve(path: string, req: IncomingMessage, res: ServerResponse): Promise<boolean> {
    if (isApiPath(path)) {
      await serveConsoleApi(deps, req, res)
      return true
    }
    if (req.method !== 'GET' && req.method !== 'HEAD') return false
    if (path.startsWith(ASSETS)) return (await built()).sendFile(res, path.slice(ASSETS.length))
    if (path === ENTER_PATH || path.startsWith(`${ENTER_PATH}/`)) {
      if (req.method !== 'GET' || !PAGES.test(`/console${path.slice(ENTER_PATH.length)}`)) return false
      await (await deps.sessions()).enter(req, res)
      return true
    }
    if (!PAGES.test(path)) return false
    ;(await built()).sendPage(res)
    return true
  }
}

const FAULT = problemPage(500, 'Something went wrong here', {
  what: 'The request ended in a fault of the gateway. Nothing was changed.',
  mend: 'Try again; if it stays like this, the gateway’s log says what it was.',
})
