import type { Mesh, OperationClass, Tier } from '@dotline/model/mesh';
import fc from 'fast-check';
import { meshOf, type ServiceSketch } from '../mesh-fixture.js';
import { teamPackage } from '../policy-unit.js';
import type { CallerSelector, Grant, Need, StatedRelations } from '../relations.js';

/** One rule of a generated policy: it states one relation for each of its operations. */
export interface RuleSketch {
  readonly kind: 'need' | 'grant';
  /** The team's own service: the one that needs, or the one whose operations are granted. */
  readonly service: string;
  /** Operation ids. */
  readonly operations: readonly string[];
  /** Whom a grant lets in. */
  readonly caller: CallerSelector;
  /** In which of the team's files the rule stands. */
  readonly file: number;
}

/** A mesh and what its teams state. */
export interface PolicySketch {
  readonly services: readonly ServiceSketch[];
  /** By team; a rule's place in its list is its place in its file. */
  readonly rules: Readonly<Record<string, readonly RuleSketch[]>>;
}

const TEAMS = ['rides', 'pricing', 'trust-and-safety', 'money'] as const;
const PRODUCTS = ['rides', 'accounts'];
const TIERS: readonly Tier[] = ['critical', 'standard', 'best-effort'];
const CLASSES: readonly OperationClass[] = ['read', 'write', 'pii'];
const OPERATIONS = ['get', 'put', 'list'];

/** Meshes of up to eight services whose teams state up to six rules each. */
export const policySketch: fc.Arbitrary<PolicySketch> = services().chain((all) =>
  fc
    .tuple(...teamsOf(all).map((team) => fc.array(ruleSketch(team, all), { maxLength: 6 })))
    .map((lists) => ({
      services: all,
      rules: Object.fromEntries(teamsOf(all).map((team, index) => [team, lists[index] ?? []])),
    })),
);

/** The same mesh in which one team states something else, and the name of that team. */
export function otherRulesOfOneTeam(
  sketch: PolicySketch,
): fc.Arbitrary<{ team: string; changed: PolicySketch }> {
  return fc.constantFrom(...Object.keys(sketch.rules)).chain((team) =>
    fc.array(ruleSketch(team, sketch.services), { maxLength: 6 }).map((rules) => ({
      team,
      changed: { ...sketch, rules: { ...sketch.rules, [team]: rules } },
    })),
  );
}

/** The mesh that a sketch is of. */
export function meshOfSketch(sketch: PolicySketch, directory = '/mesh'): Mesh {
  return meshOf(directory, sketch.services);
}

/**
 * What a sketch says, twice: as Rego files, and as the relations that these files state, each with the
 * place of its rule. The second is what the compiler must find in the first.
 */
export function written(sketch: PolicySketch): {
  files: Readonly<Record<string, string>>;
  stated: StatedRelations;
} {
  const files: Record<string, string> = {};
  const needs: Need[] = [];
  const grants: Grant[] = [];
  for (const [team, rules] of Object.entries(sketch.rules)) {
    for (const rule of rules) {
      const file = `policies/teams/${team}/rules-${rule.file}.rego`;
      const before = files[file] ?? `package ${teamPackage(team)}\n`;
      const line = before.split('\n').length + 1;
      files[file] = `${before}\n${regoOf(rule, sketch.services)}`;
      const witness = { team, file, line };
      for (const operation of rule.operations) {
        if (rule.kind === 'need') needs.push({ service: rule.service, operation, witness });
        else grants.push({ operation, caller: rule.caller, witness });
      }
    }
  }
  return { files, stated: { needs, grants, baseline: [] } };
}

/** One operation is written as it is, several as a rule with a body, all of a service's as what the catalog knows. */
function regoOf(
  { kind, service, operations, caller }: RuleSketch,
  services: readonly ServiceSketch[],
): string {
  const relation = (operation: string) =>
    kind === 'need'
      ? `{"service": "${service}", "operation": ${operation}}`
      : `{"operation": ${operation}, "caller": {"${caller.kind}": "${caller.name}"}}`;
  const set = kind === 'need' ? 'needs' : 'grants';
  const [only, ...others] = operations;
  if (only !== undefined && others.length === 0) {
    return `${set} contains ${relation(JSON.stringify(only))}\n`;
  }
  const offered = services.filter(({ name }) => name === service).flatMap(operationIds);
  const all = kind === 'grant' && offered.every((operation) => operations.includes(operation));
  return all
    ? `${set} contains ${relation('operation.id')} if {
	some operation in data.catalog.services["${service}"].operations
}
`
    : `${set} contains ${relation('operation')} if {
	some operation in ${JSON.stringify(operations)}
}
`;
}

function services(): fc.Arbitrary<ServiceSketch[]> {
  const sketch = fc.record({
    team: fc.constantFrom(...TEAMS),
    tier: fc.constantFrom(...TIERS),
    product: fc.constantFrom(...PRODUCTS),
    operations: fc
      .dictionary(fc.constantFrom(...OPERATIONS), fc.constantFrom(...CLASSES), { minKeys: 1 })
      .map((each) => ({ ...each })),
  });
  return fc
    .array(sketch, { minLength: 2, maxLength: 8 })
    .map((all) => all.map((each, index) => ({ ...each, name: `svc-${index}` })));
}

function ruleSketch(team: string, all: readonly ServiceSketch[]): fc.Arbitrary<RuleSketch> {
  const own = all.filter((service) => service.team === team);
  const caller = fc.oneof(
    fc.constantFrom(...all).map(({ name }): CallerSelector => ({ kind: 'service', name })),
    fc.constantFrom(...teamsOf(all)).map((name): CallerSelector => ({ kind: 'team', name })),
    fc.constantFrom(...TIERS).map((name): CallerSelector => ({ kind: 'tier', name })),
    fc
      .constantFrom(...new Set(all.map((service) => service.product ?? '')))
      .map((name): CallerSelector => ({ kind: 'product', name })),
  );
  return fc
    .record({ kind: fc.constantFrom('need', 'grant'), service: fc.constantFrom(...own) })
    .chain(({ kind, service }) =>
      fc.record({
        kind: fc.constant(kind),
        service: fc.constant(service.name),
        operations: fc.uniqueArray(
          fc.constantFrom(...(kind === 'need' ? all : [service]).flatMap(operationIds)),
          { minLength: 1, maxLength: 5 },
        ),
        caller,
        file: fc.nat(1),
      }),
    );
}

function operationIds({ name, operations = {} }: ServiceSketch): string[] {
  return Object.keys(operations).map((operation) => `${name}.${operation}`);
}

function teamsOf(all: readonly ServiceSketch[]): string[] {
  return [...new Set(all.map((service) => service.team))].sort();
}
