// Builds the console into dist/console, unless what is there was built from these very sources. Plain JavaScript: `npm ci` runs it, too (package.json, `prepare`),
// under whatever Node the machine has. Without Vite (an installation without development packages) there is nothing to build from, and nothing to do.
//
//   node console/build.js            build where it is stale
//   node console/build.js --force    build

import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'dist/console')
const stampFile = join(folder, 'built-from')

/** What the result depends on: the console, what it takes of the gateway's own words, and Vite. */
function stamp(vite) {
  const sum = createHash('sha256').update(vite)
  const files = ['console/**/*.{ts,css,html,svg,js}', 'src/{kernel,approvals}/**/*.ts'].flatMap(pattern => globSync(pattern, { cwd: root }))
  for (const file of files.sort()) sum.update(`\n${file}\n`).update(readFileSync(join(root, file)))
  return sum.digest('hex')
}

async function build(from) {
  const { build: bundle } = await import('vite')
  // Beside its place first: whoever reads meanwhile finds the old files or the new ones.
  const fresh = `${folder}.${process.pid}`
  await bundle({
    configFile: false,
    root: join(root, 'console'),
    base: '/console/',
    publicDir: false,
    logLevel: 'warn',
    build: {
      outDir: fresh,
      emptyOutDir: true,
      target: 'es2022',
      // The policy of the page allows files of ours alone: nothing inline, no data: URLs.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      sourcemap: false,
    },
  })
  writeFileSync(join(fresh, 'built-from'), from)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(root, 'dist'), { recursive: true })
  try {
    renameSync(fresh, folder)
  } catch (error) {
    // Somebody else was faster, with the same sources.
    rmSync(fresh, { recursive: true, force: true })
    if (!existsSync(stampFile)) throw error
  }
}

const viteFile = join(root, 'node_modules/vite/package.json')
if (existsSync(viteFile)) {
  const from = stamp(readFileSync(viteFile))
  const isBuilt = existsSync(stampFile) && readFileSync(stampFile, 'utf8') === from
  if (!isBuilt || process.argv.includes('--force')) await build(from)
}
