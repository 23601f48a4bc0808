// The documented external signer: a program that reads what is to be signed and prints the signature. The private key never is in this process.

import { spawn } from 'node:child_process'
import { Fault } from '../../kernel/errors.ts'

/** Where it runs, and what it gets: a key service's credentials are in the environment. */
export type CommandPlace = { readonly cwd: string; readonly env: Readonly<Record<string, string | undefined>> }

const COMMAND_MS = 60_000 // somebody may have to touch a token
const MAX_SIGNATURE_BYTES = 1024

/**
 * Runs the program without a shell, hands it `data` on standard input and answers what it printed. Its standard error is dropped: it may quote a PIN.
 * Throws Fault `signing-failed`.
 */
export function runCommand([program = '', ...args]: readonly string[], data: Buffer, { cwd, env }: CommandPlace): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new Fault('signing-failed', `the command \`${program}\` ${why}`))
    const child = spawn(program, args, { cwd, env, stdio: ['pipe', 'pipe', 'ignore'], timeout: COMMAND_MS, killSignal: 'SIGKILL' })
    const chunks: Buffer[] = []
    let size = 0
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= MAX_SIGNATURE_BYTES) chunks.push(chunk)
      else child.kill('SIGKILL')
    })
    child.once('error', error => fail(`cannot be run (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`))
    child.once('close', (code, signal) => {
      if (size > MAX_SIGNATURE_BYTES) fail('printed more than a signature')
      else if (code !== 0) fail(code === null ? `was ended (${signal ?? 'unknown signal'})` : `failed with code ${code}`)
      else resolve(Buffer.concat(chunks))
    })
    child.stdin.on('error', () => {}) // it may not read to the end; its code and signature say whether that mattered
    child.stdin.end(data)
  })
}
