// npm run db:migrate: brings the database (DATABASE_URL, else the embedded one) to the newest migration.
import { readConfig } from '#platform/config.ts'
import { openDatabase } from '#platform/database.ts'
import { onFatal } from '#platform/process.ts'

onFatal(async () => {
  const database = await openDatabase(readConfig())
  console.log(`migrated: ${database.where}`)
  await database.stop()
})
