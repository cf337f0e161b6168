// Writes `schema/`; run it after a change of `mesh-schema.ts`: npm run schema -w model
import { writeFile } from 'node:fs/promises';
import { jsonSchemas } from './json-schema.js';

for (const [name, schema] of Object.entries(jsonSchemas())) {
  await writeFile(
    new URL(`../schema/${name}.schema.json`, import.meta.url),
    `${JSON.stringify(schema, null, 2)}\n`,
  );
}
