// Reads what an OCI registry answers for a digest: an image, or an index of images, of which one is for this machine.

import { deny, type Denial } from '../../trust/denial.ts'
import { integerAt, jsonAt, listAt, objectAt, reading, textAt, wrong, type TextRule } from '../../trust/shape.ts'

/** `of`: the image for this machine, where the document is an index; SHA-256 in hexadecimal. */
export type OciManifest = { readonly bytes: number; readonly of?: { readonly sha256: string; readonly bytes: number } }

const DIGEST: TextRule = { pattern: /^sha256:[0-9a-f]{64}$/, what: 'a SHA-256 digest' }
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' }

/** `cpu`: as Node.js calls it. */
export function readOciManifest(bytes: Buffer, cpu: string): OciManifest | Denial {
  return reading(
    () => {
      const { manifests, layers, config } = objectAt(jsonAt(bytes, 'manifest'), 'manifest')
      // CVE-2021-41190: what is an index for one reader must not be an image for another
      if (manifests !== undefined && (layers !== undefined || config !== undefined))
        throw wrong('manifest', 'an index or an image, not both')
      if (manifests === undefined) {
        objectAt(config, 'config')
        return { bytes: bytes.length }
      }
      const architecture = ARCHITECTURES[cpu] ?? cpu
      for (const [i, each] of listAt(manifests, 'manifests', 1000).entries()) {
        const { platform, digest, size } = objectAt(each, `manifests[${i}]`)
        const { os, architecture: its } = objectAt(platform ?? {}, `manifests[${i}].platform`)
        if (os !== 'linux' || its !== architecture) continue
        const sha256 = textAt(digest, `manifests[${i}].digest`, DIGEST).slice('sha256:'.length)
        return { bytes: bytes.length, of: { sha256, bytes: integerAt(size, `manifests[${i}].size`, 0) } }
      }
      return deny('manifest-invalid', `the index has no image for linux/${architecture}`)
    },
    detail => deny('manifest-invalid', detail),
  )
}
