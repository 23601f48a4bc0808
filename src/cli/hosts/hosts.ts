// Every host `import` knows.

import { claudeCode } from './claude-code.ts'
import { claudeDesktop } from './claude-desktop.ts'
import { cursor } from './cursor.ts'
import type { Host } from './host.ts'
import { vscode } from './vscode.ts'

export const HOSTS: readonly Host[] = [claudeDesktop, claudeCode, cursor, vscode]
