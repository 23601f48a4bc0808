// What a server of `npm run demo -- approvals` saw: every message that reached its process and every one that it wrote, as they were, into the file that $DIARY names.

import { appendFileSync } from 'node:fs'

export function keepDiary(): void {
  // eslint-disable-next-line no-restricted-syntax -- a server of its own, not the gateway
  const file = process.env['DIARY']
  if (file === undefined) return
  const note = (direction: 'heard' | 'said'): ((text: string) => void) => {
    let rest = ''
    return text => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      // eslint-disable-next-line no-restricted-syntax -- nobody hands the time in
      const at = Date.now()
      for (const line of lines) if (line !== '') appendFileSync(file, `{"at":${at},"${direction}":${line}}\n`)
    }
  }
  const [heard, said] = [note('heard'), note('said')]
  process.stdin.on('data', (chunk: Buffer) => heard(chunk.toString()))
  const write = process.stdout.write.bind(process.stdout)
  process.stdout.write = (chunk: string | Uint8Array, ...rest: never[]) => {
    said(chunk.toString())
    return write(chunk, ...rest)
  }
}
