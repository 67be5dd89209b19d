import { readFile } from 'node:fs/promises'
import type { Api } from '../endpoint.ts'

// Served from here, not from a CDN: people paste keys into this page, and a laptop may be offline.
const SCRIPT = new URL('../../../node_modules/@scalar/api-reference/dist/browser/standalone.js', import.meta.url)

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <title>Agent Orchestrator API</title>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <link rel="icon" href="data:," />
  </head>
  <body>
    <div id="reference"></div>
    <noscript>The description of the API is at <a href="/openapi.json">/openapi.json</a>.</noscript>
    <script src="/docs/scalar.js"></script>
    <script>
      Scalar.createApiReference('#reference', {
        url: '/openapi.json', withDefaultFonts: false, telemetry: false, agent: { disabled: true }, mcp: { disabled: true },
        showDeveloperTools: 'never', hideClientButton: true,
      })
    </script>
  </body>
</html>
`

export function docsRoutes({ app, world }: Api) {
  app.openAPIRegistry.registerComponent('securitySchemes', 'key', {
    type: 'http',
    scheme: 'bearer',
    description: 'npm run keys -- create --org <org> --scopes read,write',
  })
  const document = () =>
    app.getOpenAPI31Document({
      openapi: '3.1.0',
      info: {
        title: 'Agent Orchestrator',
        version: world.settings.version,
        description:
          'Autonomous agents that act only as a person approved: tasks by priority, plans, approvals, and the reasons for everything.',
      },
    })
  let json: string | undefined
  app.get('/openapi.json', (c) => {
    json ??= JSON.stringify(document())
    return c.body(json, 200, { 'content-type': 'application/json' })
  })
  app.get('/docs', (c) => c.html(PAGE))
  let script: NonSharedBuffer | undefined
  app.get('/docs/scalar.js', async (c) => {
    script ??= await readFile(SCRIPT)
    return c.body(script, 200, { 'content-type': 'text/javascript', 'cache-control': 'public, max-age=86400' })
  })
}
