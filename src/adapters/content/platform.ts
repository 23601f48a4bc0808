// What npm calls this machine.

import type { Platform } from './npm-lock.ts'

let known: Platform | undefined

export function thisPlatform(): Platform {
  return (known ??= {
    os: process.platform,
    cpu: process.arch,
    ...(process.platform === 'linux' && { libc: isGlibc() ? ('glibc' as const) : ('musl' as const) }),
  })
}

function isGlibc(): boolean {
  // Node.js has it, its types do not
  const report = process.report as typeof process.report & { excludeNetwork: boolean }
  const before = report.excludeNetwork
  report.excludeNetwork = true // else it asks the resolver for every open connection
  try {
    const { header } = report.getReport() as { readonly header?: { readonly glibcVersionRuntime?: string } }
    return header?.glibcVersionRuntime !== undefined
  } finally {
    report.excludeNetwork = before
  }
}
