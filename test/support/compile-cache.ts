// For every test file (vitest.config.ts): threads that gateways start here compile their modules once per machine, as they do in a process of their own.

import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/gatehouse-tests'))
