#!/usr/bin/env node
// The command line: `gatehouse <command>`. Everything else is in src/cli.

import { withEngineFlags } from './cli/engine-flags.ts'
import { processIo } from './cli/io.ts'
import { main } from './cli/main.ts'

// Before the gateway is loaded: what serves many calls runs with engine settings of its own.
if (process.argv[2] === 'serve') withEngineFlags(process)

process.exitCode = await main(process.argv.slice(2), processIo())
