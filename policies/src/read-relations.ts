import type { Witness } from '@dotline/model/edge';
import type { Mesh, Operation, Service } from '@dotline/model/mesh';
import type { Problem } from '@dotline/model/mesh-error';
import { z } from 'zod';
import { sha256 } from './build-cache.js';
import { didYouMean } from './nearest-name.js';
import {
  type BaselineAllowance,
  type CallerKind,
  type CallerSelector,
  compareGrants,
  compareNeeds,
  compareText,
  compareWitnesses,
  type Grant,
  type GuardrailDenial,
  type Need,
} from './relations.js';

/** More than this from one set is a mistake, such as a grant for every pair of services. */
const RELATIONS_MAX = 100_000;

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
  /** By operation. */
  readonly #owners = new Map<string, string>();
  readonly #callers: Readonly<Record<CallerKind, ReadonlySet<string>>>;
  readonly #mesh: Mesh;
  #key: string | undefined;

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
    this.services = new Map(mesh.services.map((service) => [service.name, service]));
    const operations = new Map<string, Operation>();
    for (const { team, operations: offered } of mesh.services) {
      for (const operation of offered) {
        operations.set(operation.id, operation);
        this.#owners.set(operation.id, team);
      }
    }
    this.operations = operations;
    this.#callers = {
      service: new Set(this.services.keys()),
      team: new Set(mesh.teams.map((team) => team.name)),
      tier: new Set(['critical', 'standard', 'best-effort']),
      product: new Set(mesh.products),
    };
  }

  /** Names all that a look-up may give, but for where the mesh directory is. */
  get key(): string {
    this.#key ??= contentKey(this.#mesh);
    return this.#key;
  }

  callers(kind: CallerKind): ReadonlySet<string> {
    return this.#callers[kind];
  }

  /** The team whose service offers an operation. */
  teamOf(operation: string): string | undefined {
    return this.#owners.get(operation);
  }
}

function contentKey({ services, teams, products }: Mesh): string {
  const content = services.map(({ directory: _directory, file: _file, ...service }) => service);
  return sha256(JSON.stringify({ services: content, teams, products }));
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

/** An element of an instrumented set: what a rule emitted, and which rule that was. */
interface EmittedRow {
  readonly rule: number;
  readonly relation: unknown;
}

export function readNeeds(names: MeshNames, team: string, emitted: Emitted): ReadRelations<Need> {
  const { relations, problems } = readRows(emitted, 'needs', {
    shape: NeedShape,
    example: NEED_EXAMPLE,
    check: (need, witness) => [
      ...unknownService(names, need.service, witness),
      ...unknownOperation(names, need.operation, witness),
      ...foreignService(names, team, need.service, witness),
    ],
    relationOf: needOf,
    plain: (relation, witness) => plainNeed(names, team, relation, witness),
  });
  relations.sort(compareNeeds);
  return { relations, problems: [...problems, ...contradictions(relations)] };
}

export function readGrants(names: MeshNames, team: string, emitted: Emitted): ReadRelations<Grant> {
  const selectors: Selectors = new Map();
  const { relations, problems } = readRows(emitted, 'grants', {
    shape: GrantShape,
    example:
      '{"operation": "<service>.<operation>", "caller": {"service" | "team" | "tier" | "product": "…"}}',
    check: (grant, witness) => {
      const { kind, name } = selector(grant.caller);
      const owner = names.operations.get(grant.operation)?.service;
      return [
        ...unknownOperation(names, grant.operation, witness),
        ...(owner === undefined ? [] : foreignService(names, team, owner, witness)),
        ...unknownName(kind, name, names.callers(kind), witness),
      ];
    },
    relationOf: ({ operation, caller }, witness): Grant => ({
      operation,
      caller: selector(caller),
      witness,
    }),
    plain: (relation, witness) => plainGrant(names, team, selectors, relation, witness),
  });
  relations.sort(compareGrants);
  return { relations, problems };
}

export function readBaseline(names: MeshNames, emitted: Emitted): ReadRelations<BaselineAllowance> {
  const { relations, problems } = readRows(emitted, 'allow', {
    shape: NeedShape,
    example: NEED_EXAMPLE,
    check: (allowance, witness) => [
      ...unknownService(names, allowance.service, witness),
      ...unknownOperation(names, allowance.operation, witness),
    ],
    relationOf: needOf,
  });
  relations.sort(compareNeeds);
  return { relations, problems };
}

export function readDenials(names: MeshNames, emitted: Emitted): ReadRelations<GuardrailDenial> {
  const { relations, problems } = readRows(emitted, 'deny', {
    shape: DenialShape,
    example: '{"caller": "…", "operation": "<service>.<operation>", "reason": "…"}',
    check: (denial, witness) => [
      ...unknownService(names, denial.caller, witness),
      ...unknownOperation(names, denial.operation, witness),
    ],
    relationOf: ({ caller, operation, purpose, reason }, guardrail): GuardrailDenial => ({
      caller,
      callee: names.operations.get(operation)?.service ?? '',
      operation,
      ...(purpose === undefined ? {} : { purpose }),
      reason,
      guardrail,
    }),
  });
  relations.sort(compareDenials);
  return { relations, problems };
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
  relation: Readonly<Record<string, unknown>>,
  witness: Witness,
): Need | undefined {
  for (const key in relation) if (key !== 'service' && key !== 'operation') return undefined;
  const { service, operation } = relation;
  if (typeof service !== 'string' || typeof operation !== 'string') return undefined;
  const caller = names.services.get(service);
  const called = names.operations.get(operation);
  if (caller?.team !== team || called === undefined) return undefined;
  // The mesh's own texts: equal ones are then the same, and quickly compared.
  return { service: caller.name, operation: called.id, witness };
}

/** What rows say of callers, which many of them say alike; nothing where that takes a closer look. */
type Selectors = Map<unknown, CallerSelector | undefined>;

/** The usual grant: of an own operation, to one known caller. */
function plainGrant(
  names: MeshNames,
  team: string,
  selectors: Selectors,
  relation: Readonly<Record<string, unknown>>,
  witness: Witness,
): Grant | undefined {
  for (const key in relation) if (key !== 'operation' && key !== 'caller') return undefined;
  const { operation, caller } = relation;
  if (typeof operation !== 'string' || names.teamOf(operation) !== team) return undefined;
  const selected = selectors.get(caller) ?? plainCaller(names, caller);
  selectors.set(caller, selected);
  const granted = names.operations.get(operation);
  if (selected === undefined || granted === undefined) return undefined;
  return { operation: granted.id, caller: selected, witness };
}

/** One known service or team. */
function plainCaller(names: MeshNames, caller: unknown): CallerSelector | undefined {
  if (typeof caller !== 'object' || caller === null) return undefined;
  const [[kind, name] = ['', undefined], ...more] = Object.entries(caller);
  if (more.length > 0 || (kind !== 'service' && kind !== 'team')) return undefined;
  return typeof name === 'string' && names.callers(kind).has(name) ? { kind, name } : undefined;
}

function needOf(
  { service, operation, purpose, optional }: z.infer<typeof NeedShape>,
  witness: Witness,
): Need {
  return {
    service,
    operation,
    ...(purpose === undefined ? {} : { purpose }),
    ...(optional === true ? { optional } : {}),
    witness,
  };
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

/** How the elements of a set are read. */
export interface RelationReader<Shape, Relation> {
  readonly shape: z.ZodType<Shape>;
  /** For people who wrote another shape. */
  readonly example: string;
  check(relation: Shape, witness: Witness): Problem[];
  relationOf(relation: Shape, witness: Witness): Relation;
  /** A relation that has the shape and passes the check beyond doubt, seen at a glance. */
  plain?(relation: Readonly<Record<string, unknown>>, witness: Witness): Relation | undefined;
}

/** Reads the elements of a set that have the right shape and pass a check; the others are problems. */
export function readRows<Shape, Relation>(
  { rows = [], rules }: Emitted,
  set: string,
  { shape, example, check, relationOf, plain }: RelationReader<Shape, Relation>,
): ReadRelations<Relation> {
  const relations: Relation[] = [];
  const problems: Problem[] = [];
  if (!Array.isArray(rows)) throw new TypeError(`${set} is no set`);
  if (rows.length > RELATIONS_MAX && rules[0] !== undefined) {
    const { file, line } = rules[0];
    const message = `${set} has ${rows.length} elements, more than ${RELATIONS_MAX}`;
    return { relations, problems: [{ file, line, message, hint: 'grant to teams or products' }] };
  }
  for (const { rule, relation } of rows as readonly EmittedRow[]) {
    const witness = rules[rule];
    if (witness === undefined) throw new RangeError(`${set}: there is no rule ${rule}`);
    const sound = isRecord(relation) ? plain?.(relation, witness) : undefined;
    if (sound !== undefined) {
      relations.push(sound);
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
    if (found.length === 0) relations.push(relationOf(parsed.data, witness));
    problems.push(...found);
  }
  return { relations, problems };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
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
