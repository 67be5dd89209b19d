// Preloaded by npm start, before the first TypeScript: keeps what Node strips and compiles, which halves the next start.
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compile', import.meta.url)))
