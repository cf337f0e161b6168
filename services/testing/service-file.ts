import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';

/** The folder of all services. */
export const SERVICES_DIRECTORY = dirname(dirname(fileURLToPath(import.meta.url)));

/** The repository: the mesh directory. */
export const MESH_DIRECTORY = dirname(SERVICES_DIRECTORY);

/** What a test needs of a `service.yaml`; the platform checks the whole file. */
const ServiceFile = z.object({
  name: z.string(),
  team: z.string(),
  product: z.string(),
  tier: z.string(),
  language: z.enum(['typescript', 'python', 'go']),
  command: z.array(z.string()).min(1),
  environment: z.record(z.string(), z.string()).default({}),
  operations: z
    .array(z.object({ name: z.string(), class: z.string(), method: z.string(), path: z.string() }))
    .default([]),
  datastore: z.enum(['postgresql', 'valkey', 'none']).default('none'),
  placement: z.array(z.string()).min(1),
});

export type ServiceFile = z.infer<typeof ServiceFile> & { readonly directory: string };

/** Every `service.yaml` of a product. */
export async function readServiceFiles(product: string): Promise<ServiceFile[]> {
  const folder = join(SERVICES_DIRECTORY, product);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.name === 'service.yaml');
  return Promise.all(
    files.map(async ({ parentPath }) => {
      const text = await readFile(join(parentPath, 'service.yaml'), 'utf8');
      return { ...ServiceFile.parse(parse(text)), directory: parentPath };
    }),
  );
}
