// The built console as it is served: one page for all of its addresses, and files whose names change with their contents. Read once, from one folder, by exact names.

import { readdir, readFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { problemPage, sendPage } from '../pages/shell.ts'

export type ConsoleAssets = {
  /** the one page */
  sendPage(res: ServerResponse): void
  /** a file of `/console/assets/`; false = there is none of that name */
  sendFile(res: ServerResponse, name: string): boolean
}

const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml; charset=utf-8',
}

/**
 * Scripts and styles are files of ours; nothing inline runs, no other origin is asked for anything, nobody frames the page, and no text can become markup
 * (Trusted Types without any policy: `innerHTML` and its like throw).
 */
const PAGE_HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=(), publickey-credentials-get=()',
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
}

/** The files of `folder` as `console/build.js` leaves them. Where it is not built, the page says how to. */
export async function readAssets(folder: string): Promise<ConsoleAssets> {
  const page = await readFile(join(folder, 'index.html')).catch(() => undefined)
  const names = page ? await readdir(join(folder, 'assets')) : []
  const files = new Map(await Promise.all(names.map(async name => [name, await readFile(join(folder, 'assets', name))] as const)))
  return {
    sendPage(res) {
      if (page) res.writeHead(200, PAGE_HEADERS).end(page)
      else sendPage(res, NOT_BUILT)
    },
    sendFile(res, name) {
      const file = files.get(name)
      const type = TYPES[name.slice(name.lastIndexOf('.') + 1)]
      if (!file || type === undefined) return false
      res.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'public, max-age=31536000, immutable' }).end(file)
      return true
    },
  }
}

const NOT_BUILT = problemPage(503, 'The console is not built', {
  what: 'This gateway runs from a checkout whose console was not built yet.',
  mend: 'Run `npm run build:console`, then restart the gateway.',
})
