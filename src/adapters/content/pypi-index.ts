// Reads a page of a PyPI index (PEP 691): where the file with the signed digest is. Pages are large, so it runs in the thread.

import { deny, type Denial } from '../../trust/denial.ts'
import { jsonAt, listAt, objectAt, reading } from '../../trust/shape.ts'

/** The absolute URL of the file with this SHA-256; `page` is the URL of the index. */
export function fileInIndex(index: Buffer, page: string, sha256: string): string | Denial {
  return reading(
    () => {
      const { files } = objectAt(jsonAt(index, 'index'), 'index')
      for (const [i, each] of listAt(files, 'files', 100_000).entries()) {
        const { url, hashes } = objectAt(each, `files[${i}]`)
        if (objectAt(hashes ?? {}, `files[${i}].hashes`)['sha256'] !== sha256) continue
        const target = typeof url === 'string' ? URL.parse(url, page) : null
        return target?.href ?? deny('artifact-unreachable', 'the index names no URL for its file')
      }
      return deny('artifact-mismatch', 'the index has no file with the signed SHA-256')
    },
    detail => deny('artifact-unreachable', `the index cannot be read (${detail})`),
  )
}
