#!/usr/bin/env node
// The command line: `gatehouse <command>`. Everything else is in src/cli.

import { homedir } from 'node:os'
import { withCompileCache } from './cli/compile-cache.ts'
import { withEngineFlags } from './cli/engine-flags.ts'

// Before anything else is loaded: what serves many calls runs with engine settings of its own, and what is loaded then is kept compiled.
if (process.argv[2] === 'serve') withEngineFlags(process)
withCompileCache(process, homedir())

const [{ processIo }, { main }] = await Promise.all([import('./cli/io.ts'), import('./cli/main.ts')])
process.exitCode = await main(process.argv.slice(2), processIo())
// What a start that failed has opened would keep the process alive, and with it the lock of the audit log.
if (process.argv[2] === 'serve') process.exit()
