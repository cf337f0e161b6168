import { createHash } from 'node:crypto';
import type { Witness } from '@dotline/model/edge';
import type { Mesh, Operation, Service } from '@dotline/model/mesh';
import type { Problem } from '@dotline/model/mesh-error';
import { z } from 'zod';
import { didYouMean } from './nearest-name.js';
import {
  type BaselineAllowance,
  type CallerKind,
  type CallerSelector,
  compareText,
  compareWitnesses,
  type Grant,
  type GuardrailDenial,
  type Need,
} from './relations.js';

/** More than this from one set is a mistake, such as a grant for every pair of services. */
const RELATIONS_MAX = 100_000;

const Rows = z.array(z.object({ rule: z.number().int().nonnegative(), relation: z.unknown() }));
const PURPOSE_ERROR =
  'purpose must be a name of lower-case letters, digits and dashes, such as "support"';
const Purpose = z
  .string({ error: PURPOSE_ERROR })
  .regex(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/, { error: PURPOSE_ERROR });
const NeedShape = z.strictObject({
  service: z.string(),
  operation: z.string(),
  purpose: Purpose.optional(),
  optional: z.boolean({ error: 'optional must be true or false' }).optional(),
});
const CallerShape = z.union([
  z.strictObject({ service: z.string() }),
  z.strictObject({ team: z.string() }),
  z.strictObject({ tier: z.string() }),
  z.strictObject({ product: z.string() }),
]);
const GrantShape = z.strictObject({ operation: z.string(), caller: CallerShape });
const DenialShape = z.strictObject({
  caller: z.string(),
  operation: z.string(),
  purpose: z.string().optional(),
  reason: z.string().min(1),
});

/** The names of a mesh, ready for look-ups. */
export class MeshNames {
  readonly services: ReadonlyMap<string, Service>;
  readonly operations: ReadonlyMap<string, Operation>;
  readonly #callers: Readonly<Record<CallerKind, ReadonlySet<string>>>;
  readonly #mesh: Mesh;
  #key: string | undefined;

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
    this.services = new Map(mesh.services.map((service) => [service.name, service]));
    this.operations = new Map(
      mesh.services.flatMap((service) => service.operations).map((each) => [each.id, each]),
    );
    this.#callers = {
      service: new Set(this.services.keys()),
      team: new Set(mesh.teams.map((team) => team.name)),
      tier: new Set(['critical', 'standard', 'best-effort']),
      product: new Set(mesh.products),
    };
  }

  /** Names all that a look-up may give. */
  get key(): string {
    const { services, teams, products } = this.#mesh;
    this.#key ??= createHash('sha256')
      .update(JSON.stringify({ services, teams, products }))
      .digest('hex');
    return this.#key;
  }

  callers(kind: CallerKind): ReadonlySet<string> {
    return this.#callers[kind];
  }
}

/** Relations that hold, and what is wrong with the rest, by the rule's file and line. */
export interface ReadRelations<Relation> {
  readonly relations: Relation[];
  readonly problems: Problem[];
}

const NEED_EXAMPLE =
  '{"service": "…", "operation": "<service>.<operation>"}, with "purpose": "…" and "optional": true where they apply';

/** What a set is after its evaluation, and the rules that its elements name. */
export type Emitted = { readonly rows: unknown; readonly rules: readonly Witness[] };

export function readNeeds(names: MeshNames, team: string, emitted: Emitted): ReadRelations<Need> {
  const read = readRows(
    emitted,
    'needs',
    NeedShape,
    NEED_EXAMPLE,
    (need, witness) => [
      ...unknownService(names, need.service, witness),
      ...unknownOperation(names, need.operation, witness),
      ...foreignService(names, team, need.service, witness),
    ],
    (relation) => plainNeed(names, team, relation),
  );
  const { relations, problems } = sorted(read.relations.map(needOf), read.problems, needKey);
  return { relations, problems: [...problems, ...contradictions(relations)] };
}

export function readGrants(names: MeshNames, team: string, emitted: Emitted): ReadRelations<Grant> {
  const example =
    '{"operation": "<service>.<operation>", "caller": {"service" | "team" | "tier" | "product": "…"}}';
  const read = readRows(
    emitted,
    'grants',
    GrantShape,
    example,
    (grant, witness) => {
      const { kind, name } = selector(grant.caller);
      const owner = names.operations.get(grant.operation)?.service;
      return [
        ...unknownOperation(names, grant.operation, witness),
        ...(owner === undefined ? [] : foreignService(names, team, owner, witness)),
        ...unknownName(kind, name, names.callers(kind), witness),
      ];
    },
    (relation) => plainGrant(names, team, relation),
  );
  const relations = read.relations.map(({ operation, caller, witness }) => ({
    operation,
    caller: selector(caller),
    witness,
  }));
  return sorted(
    relations,
    read.problems,
    ({ operation, caller }) => `${operation} ${caller.kind} ${caller.name}`,
  );
}

export function readBaseline(names: MeshNames, emitted: Emitted): ReadRelations<BaselineAllowance> {
  const read = readRows(emitted, 'allow', NeedShape, NEED_EXAMPLE, (allowance, witness) => [
    ...unknownService(names, allowance.service, witness),
    ...unknownOperation(names, allowance.operation, witness),
  ]);
  return sorted(read.relations.map(needOf), read.problems, needKey);
}

export function readDenials(names: MeshNames, emitted: Emitted): ReadRelations<GuardrailDenial> {
  const example = '{"caller": "…", "operation": "<service>.<operation>", "reason": "…"}';
  const read = readRows(emitted, 'deny', DenialShape, example, (denial, witness) => [
    ...unknownService(names, denial.caller, witness),
    ...unknownOperation(names, denial.operation, witness),
  ]);
  const relations = read.relations.map(({ caller, operation, purpose, reason, witness }) => ({
    caller,
    callee: names.operations.get(operation)?.service ?? '',
    operation,
    ...(purpose === undefined ? {} : { purpose }),
    reason,
    guardrail: witness,
  }));
  relations.sort(compareDenials);
  return { relations, problems: read.problems };
}

/** By whom they refuse what, then by place. */
export function compareDenials(a: GuardrailDenial, b: GuardrailDenial): number {
  const pair = (denial: GuardrailDenial) => `${denial.caller} ${denial.operation}`;
  const words = (denial: GuardrailDenial) => `${denial.purpose ?? ''} ${denial.reason}`;
  return (
    compareText(pair(a), pair(b)) ||
    compareWitnesses(a.guardrail, b.guardrail) ||
    compareText(words(a), words(b))
  );
}

/** The usual need: of an own service, nothing but a known operation. */
function plainNeed(
  names: MeshNames,
  team: string,
  relation: unknown,
): z.infer<typeof NeedShape> | undefined {
  if (typeof relation !== 'object' || relation === null) return undefined;
  const { service, operation, ...others } = relation as Record<string, unknown>;
  if (typeof service !== 'string' || typeof operation !== 'string') return undefined;
  for (const _ in others) return undefined;
  const isSound = names.services.get(service)?.team === team && names.operations.has(operation);
  return isSound ? { service, operation } : undefined;
}

/** The usual grant: of an own operation, to one known caller. */
function plainGrant(
  names: MeshNames,
  team: string,
  relation: unknown,
): z.infer<typeof GrantShape> | undefined {
  if (typeof relation !== 'object' || relation === null) return undefined;
  const { operation, caller, ...others } = relation as Record<string, unknown>;
  if (typeof operation !== 'string' || typeof caller !== 'object' || caller === null) {
    return undefined;
  }
  for (const _ in others) return undefined;
  const owner = names.operations.get(operation)?.service ?? '';
  if (names.services.get(owner)?.team !== team) return undefined;
  const [[kind, name] = ['', undefined], ...more] = Object.entries(caller);
  if (more.length > 0 || typeof name !== 'string') return undefined;
  if (kind === 'service' && names.callers(kind).has(name))
    return { operation, caller: { service: name } };
  if (kind === 'team' && names.callers(kind).has(name))
    return { operation, caller: { team: name } };
  return undefined;
}

function needOf({
  service,
  operation,
  purpose,
  optional,
  witness,
}: z.infer<typeof NeedShape> & { readonly witness: Witness }): Need {
  return {
    service,
    operation,
    ...(purpose === undefined ? {} : { purpose }),
    ...(optional === true ? { optional } : {}),
    witness,
  };
}

function needKey({ service, operation, purpose = '', optional = false }: Need): string {
  return `${service} ${operation} ${purpose} ${optional}`;
}

/** A service works on without an operation or it does not; two answers would make the softer one win. */
function contradictions(needs: readonly Need[]): Problem[] {
  if (!needs.some(({ optional }) => optional === true)) return [];
  const optionals = new Map(
    needs
      .filter((need) => need.optional)
      .map((need) => [`${need.service} ${need.operation}`, need.witness]),
  );
  return needs.flatMap(({ service, operation, optional, witness: { file, line } }) => {
    const other = optionals.get(`${service} ${operation}`);
    if (optional === true || other === undefined) return [];
    const message = `${service} needs ${operation} here, which is optional at ${other.file}:${other.line}`;
    return [problem(file, line, message, 'write "optional": true in both, or in neither')];
  });
}

function selector(caller: z.infer<typeof CallerShape>): CallerSelector {
  if ('service' in caller) return { kind: 'service', name: caller.service };
  if ('team' in caller) return { kind: 'team', name: caller.team };
  if ('tier' in caller) return { kind: 'tier', name: caller.tier };
  return { kind: 'product', name: caller.product };
}

/** Reads the elements of a set that have the right shape and pass a check; the others are problems. */
export function readRows<Shape>(
  { rows, rules }: Emitted,
  set: string,
  shape: z.ZodType<Shape>,
  example: string,
  check: (relation: Shape, witness: Witness) => Problem[],
  /** A relation that has the shape and passes the check beyond doubt, seen at a glance. */
  plain: (relation: unknown) => Shape | undefined = () => undefined,
): ReadRelations<Shape & { readonly witness: Witness }> {
  const relations: (Shape & { witness: Witness })[] = [];
  const problems: Problem[] = [];
  const emitted = Rows.parse(rows ?? []);
  if (emitted.length > RELATIONS_MAX && rules[0] !== undefined) {
    const { file, line } = rules[0];
    const message = `${set} has ${emitted.length} elements, more than ${RELATIONS_MAX}`;
    return { relations, problems: [{ file, line, message, hint: 'grant to teams or products' }] };
  }
  for (const { rule, relation } of emitted) {
    const witness = rules[rule];
    if (witness === undefined) throw new RangeError(`${set}: there is no rule ${rule}`);
    const sound = plain(relation);
    if (sound !== undefined) {
      relations.push({ ...sound, witness });
      continue;
    }
    const parsed = shape.safeParse(relation);
    if (!parsed.success) {
      const faults = parsed.error.issues.map((issue) => issue.message);
      const named = faults.filter((fault) => /^(purpose|optional) /.test(fault));
      const about = named.length === 0 ? '' : `: ${named.join('; ')}`;
      const message = `${set} contains ${shorten(relation)}${about}`;
      const { file, line } = witness;
      problems.push({ file, line, message, hint: `an element is ${example}` });
      continue;
    }
    const found = check(parsed.data, witness);
    if (found.length === 0) relations.push({ ...parsed.data, witness });
    problems.push(...found);
  }
  return { relations, problems };
}

function unknownService(names: MeshNames, service: string, witness: Witness): Problem[] {
  return unknownName('service', service, names.callers('service'), witness);
}

export function unknownOperation(names: MeshNames, operation: string, witness: Witness): Problem[] {
  if (names.operations.has(operation)) return [];
  const { file, line } = witness;
  const service = names.services.get(operation.split('.')[0] ?? '');
  const offered = service?.operations.map((each) => each.id) ?? [];
  const hint =
    didYouMean(operation, names.operations.keys()) ??
    (service === undefined ? undefined : `${service.name} offers: ${offered.join(', ')}`);
  return [problem(file, line, `unknown operation ${operation}`, hint)];
}

function unknownName(
  what: string,
  name: string,
  known: ReadonlySet<string>,
  { file, line }: Witness,
): Problem[] {
  if (known.has(name)) return [];
  return [problem(file, line, `unknown ${what} ${name}`, didYouMean(name, known))];
}

export function foreignService(
  names: MeshNames,
  team: string,
  service: string,
  { file, line }: Witness,
): Problem[] {
  const owner = names.services.get(service)?.team;
  if (owner === undefined || owner === team) return [];
  const message = `${service} belongs to team ${owner}; team ${team} cannot speak for it`;
  return [problem(file, line, message, `the rule belongs into policies/teams/${owner}/`)];
}

function problem(file: string, line: number, message: string, hint: string | undefined): Problem {
  return { file, line, message, ...(hint === undefined ? {} : { hint }) };
}

/** JSON with sorted keys, since WebAssembly gives them in no particular order. */
function shorten(value: unknown): string {
  const text = JSON.stringify(value, (_key, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => compareText(a, b)))
      : each,
  );
  return text.length <= 120 ? text : `${text.slice(0, 119)}…`;
}

function sorted<Relation extends { readonly witness: Witness }>(
  relations: readonly Relation[],
  problems: Problem[],
  key: (relation: Relation) => string,
): ReadRelations<Relation> {
  const keyed = relations.map((relation) => ({ relation, key: key(relation) }));
  keyed.sort(
    (a, b) => compareText(a.key, b.key) || compareWitnesses(a.relation.witness, b.relation.witness),
  );
  return { relations: keyed.map(({ relation }) => relation), problems };
}
