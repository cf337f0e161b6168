import { join } from 'node:path';
import { ensureBinary } from '@dotline/local-parts/binary';
import { opaSource } from '@dotline/local-parts/opa';
import { execa } from 'execa';
import { z } from 'zod';
import { MESH_DIRECTORY, type ServiceFile } from './service-file.js';

const Caller = z.object({
  service: z.string().optional(),
  team: z.string().optional(),
  tier: z.string().optional(),
  product: z.string().optional(),
});
const Relations = z.object({
  needs: z.array(z.object({ service: z.string(), operation: z.string() })).default([]),
  grants: z.array(z.object({ operation: z.string(), caller: Caller })).default([]),
});
const Evaluation = z.object({
  result: z.tuple([z.object({ expressions: z.tuple([z.object({ value: z.unknown() })]) })]),
});

/**
 * Who may call what by the teams' own policies: `<caller> <operation id>` for each need that meets a
 * grant. The platform's compiler does more (guardrails, proofs); for a test this is enough.
 */
export async function agreedCalls(services: readonly ServiceFile[]): Promise<Set<string>> {
  const relations = await evaluate(services);
  const byName = new Map(services.map((service) => [service.name, service]));
  const needs = relations.flatMap((team) => team.needs);
  const grants = relations.flatMap((team) => team.grants);
  const agreed = needs.filter(({ service, operation }) => {
    const caller = byName.get(service);
    return grants.some((grant) => grant.operation === operation && covers(grant.caller, caller));
  });
  return new Set(agreed.map(({ service, operation }) => `${service} ${operation}`));
}

function covers(granted: z.infer<typeof Caller>, caller: ServiceFile | undefined): boolean {
  if (caller === undefined) return false;
  return (
    granted.service === caller.name ||
    granted.team === caller.team ||
    granted.tier === caller.tier ||
    granted.product === caller.product
  );
}

async function evaluate(services: readonly ServiceFile[]): Promise<z.infer<typeof Relations>[]> {
  const { path } = await ensureBinary(opaSource);
  // Only the teams of these services: another product's rules are no matter of theirs.
  const teams = new Set(
    services.map(({ team }) => join(MESH_DIRECTORY, 'policies', 'teams', team)),
  );
  const catalog = JSON.stringify({ catalog: catalogOf(services) });
  // Policies read data.catalog; `with` puts it there without a file.
  const query = 'data.mesh.teams with data.catalog as input.catalog';
  const data = [...teams].flatMap((folder) => ['--data', folder]);
  const args = ['eval', '--format', 'json', ...data, '--stdin-input', query];
  const { stdout } = await execa(path, args, { input: catalog });
  const value = Evaluation.parse(JSON.parse(stdout)).result[0].expressions[0].value;
  const packages = z.record(z.string(), z.unknown()).parse(value);
  return Object.entries(packages)
    .filter(([name]) => !name.endsWith('_test'))
    .map(([, team]) => Relations.parse(team));
}

function catalogOf(services: readonly ServiceFile[]) {
  const entries = services.map(({ name, team, product, tier, operations }) => ({
    name,
    team,
    product,
    tier,
    operations: operations.map((operation) => ({
      id: `${name}.${operation.name}`,
      name: operation.name,
      service: name,
      class: operation.class,
    })),
  }));
  const operations = entries.flatMap((entry) => entry.operations);
  return {
    services: Object.fromEntries(entries.map((entry) => [entry.name, entry])),
    operations: Object.fromEntries(operations.map((operation) => [operation.id, operation])),
  };
}
