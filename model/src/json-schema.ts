import { z } from 'zod';
import { MeshFile, ObjectiveFile, ServiceFile } from './mesh-schema.js';

/** The published JSON Schemas by file name, for editors: `model/schema/<name>.schema.json`. */
export function jsonSchemas(): Record<string, unknown> {
  const schema = (type: z.ZodType) => z.toJSONSchema(type, { io: 'input' });
  return { mesh: schema(MeshFile), service: schema(ServiceFile), objective: schema(ObjectiveFile) };
}
