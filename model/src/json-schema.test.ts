import { readFile } from 'node:fs/promises';
import { expect, it } from '@jest/globals';
import { jsonSchemas } from './json-schema.js';

it.each(Object.entries(jsonSchemas()))(
  'publishes the schema of %s as it is now (npm run schema -w model)',
  async (name, schema) => {
    const published = await readFile(
      new URL(`../schema/${name}.schema.json`, import.meta.url),
      'utf8',
    );
    expect(JSON.parse(published)).toEqual(JSON.parse(JSON.stringify(schema)));
  },
);
