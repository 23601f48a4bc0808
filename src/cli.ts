#!/usr/bin/env node
// The command line: `gatehouse <command>`. Everything else is in src/cli.

import { processIo } from './cli/io.ts'
import { main } from './cli/main.ts'

process.exitCode = await main(process.argv.slice(2), processIo())
