import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadMesh } from '@dotline/model/load-mesh';
import { formatProblem, MeshError } from '@dotline/model/mesh-error';
import type { PolicyCompiler } from './compile-policies.js';
import { describeCaller } from './finding.js';
import type { PolicyState } from './policy-diff.js';
import { type PolicySource, readPolicyUnits } from './policy-unit.js';
import { type PrunePlan, prunePlan, type Relation, type RuleUse } from './prune-plan.js';
import { pruneFaults } from './prune-proof.js';
import { type RuleText, ruleTexts } from './prune-rule-text.js';
import { withoutElements, withoutRules } from './prune-text.js';
import { RegoTools } from './rego-tools.js';
import { type PolicyTestResult, testPolicies } from './test-policies.js';
import type { UnusedReport } from './unused-edges.js';

/** A rule as people are told of it. */
export interface PrunedRule {
  readonly kind: RuleUse['kind'];
  readonly file: string;
  readonly line: number;
  readonly team: string;
  readonly title: string | null;
  /** What of it is unused, in words. */
  readonly unused: readonly string[];
}

/** A rule of which a part is unused, and that a person has to change. */
export interface RuleByHand extends PrunedRule {
  /** What of it is used, in words. */
  readonly used: readonly string[];
  readonly why: string;
}

/** What could be removed, and proof that nothing else changes. */
export interface PruneResult {
  /** New texts by file, relative to the mesh directory; empty when nothing is removed. */
  readonly files: ReadonlyMap<string, string>;
  /** Removed as a whole. */
  readonly rules: readonly PrunedRule[];
  /** Of which elements of a list were removed. */
  readonly shortened: readonly (PrunedRule & { readonly elements: readonly string[] })[];
  readonly byHand: readonly RuleByHand[];
  /** Why nothing is removed although something could be; empty otherwise. */
  readonly refusedBecause: readonly string[];
  /** `<caller> → <operation>`, sorted. */
  readonly operationsRemoved: readonly string[];
  /** Tests that held before and no longer do. */
  readonly failingTests: readonly PolicyTestResult[];
}

export interface PruneOptions {
  readonly opaPath: string;
  readonly compiler: PolicyCompiler;
  readonly team?: string;
}

/**
 * Removes the rules of what is unused in a folder that is nobody else's, compiles it, and proves that the edges lose
 * what is unused and nothing else changes. Without proof nothing counts as removed.
 * @param directory a copy of the mesh directory that `state` was compiled from; its policies are written to
 * @throws OpaError; MeshError when the copy does not compile as it is
 */
export async function prunePolicies(
  directory: string,
  state: PolicyState,
  report: UnusedReport,
  { opaPath, compiler, team }: PruneOptions,
): Promise<PruneResult> {
  const tools = await RegoTools.open(opaPath);
  const mesh = await loadMesh(directory);
  const before = { mesh, edges: state.edges, relations: state.relations };
  const plan = prunePlan(before, report, team);
  const edits = await editsOf(tools, await sourcesOf(mesh), plan);
  tools.close();
  if (edits.rules.length + edits.shortened.length === 0) return resultOf(edits, [], [], []);
  const failedBefore = new Set((await failuresIn(directory, opaPath)).map(testKey));
  let faults: string[] = [];
  // What is shortened is the bolder part: without it the rest may still be proven.
  for (const attempt of [edits, withoutShortened(edits)]) {
    if (attempt.files.size === 0) continue;
    await writeAll(directory, attempt.files);
    const found = await faultsOf(directory, before, attempt, plan, compiler);
    if ('after' in found && found.faults.length === 0) {
      const failing = (await failuresIn(directory, opaPath)).filter(
        (test) => !failedBefore.has(testKey(test)),
      );
      return resultOf(attempt, [], lostOperations(before, found.after), failing);
    }
    faults = found.faults;
    await writeAll(directory, edits.originals);
  }
  return resultOf({ ...edits, files: new Map(), rules: [], shortened: [] }, faults, [], []);
}

async function writeAll(directory: string, files: ReadonlyMap<string, string>): Promise<void> {
  for (const [file, text] of files) await writeFile(join(directory, file), text);
}

interface Shortened {
  readonly rule: RuleUse;
  readonly text: RuleText;
  readonly elements: readonly string[];
}

interface Edits {
  readonly originals: ReadonlyMap<string, string>;
  readonly files: ReadonlyMap<string, string>;
  readonly rules: readonly RuleUse[];
  readonly shortened: readonly Shortened[];
  readonly byHand: readonly { readonly rule: RuleUse; readonly why: string }[];
  /** Rule texts of the rules that go, by file. */
  readonly going: ReadonlyMap<string, readonly RuleText[]>;
}

async function sourcesOf(mesh: PolicyState['mesh']): Promise<ReadonlyMap<string, PolicySource>> {
  const { teams } = await readPolicyUnits(mesh);
  return new Map(teams.flatMap(({ sources }) => sources.map((source) => [source.file, source])));
}

async function editsOf(
  tools: RegoTools,
  sources: ReadonlyMap<string, PolicySource>,
  { rules }: PrunePlan,
): Promise<Edits> {
  const going = new Map<string, RuleText[]>();
  const whole: RuleUse[] = [];
  const shortened: Shortened[] = [];
  const byHand: { rule: RuleUse; why: string }[] = [];
  const texts = new Map<string, readonly RuleText[]>();
  const files = [...new Set(rules.map(({ file }) => file))];
  await Promise.all(
    files.map(async (file) => {
      const source = sources.get(file);
      if (source !== undefined) texts.set(file, await ruleTexts(tools, source));
    }),
  );
  for (const rule of rules) {
    const source = sources.get(rule.file);
    const found = texts.get(rule.file) ?? [];
    const text = found.filter(({ line }) => line === rule.line);
    const [only] = text;
    if (source === undefined || only === undefined || text.length > 1) {
      byHand.push({ rule, why: 'the rule was not found in its file' });
    } else if (rule.used.length > 0) {
      const elements = elementsOf(rule, source.text, only);
      if (elements === undefined) byHand.push({ rule, why: whatToChange(rule) });
      else shortened.push({ rule, text: only, elements });
    } else if (only.speaksForOthers) {
      const why = 'its annotations have scope document: they speak for other rules too';
      byHand.push({ rule, why });
    } else {
      whole.push(rule);
      going.set(rule.file, [...(going.get(rule.file) ?? []), only]);
    }
  }
  const originals = new Map([...sources].map(([file, { text }]) => [file, text]));
  const edited = editedFiles(originals, going, shortened);
  return { originals, files: edited, rules: whole, shortened, byHand, going };
}

function withoutShortened(edits: Edits): Edits {
  const files = editedFiles(edits.originals, edits.going, []);
  const byHand = [
    ...edits.byHand,
    ...edits.shortened.map(({ rule }) => ({ rule, why: whatToChange(rule) })),
  ];
  return { ...edits, files, shortened: [], byHand };
}

function editedFiles(
  originals: ReadonlyMap<string, string>,
  going: ReadonlyMap<string, readonly RuleText[]>,
  shortened: readonly Shortened[],
): Map<string, string> {
  const edited = new Map<string, string>();
  for (const file of new Set([...going.keys(), ...shortened.map(({ rule }) => rule.file)])) {
    let text = originals.get(file) ?? '';
    // From the bottom up, so that the lines above stay where they are.
    const steps = [
      ...(going.get(file) ?? []).map((rule) => ({ rule, elements: undefined })),
      ...shortened
        .filter(({ rule }) => rule.file === file)
        .map(({ text: rule, elements }) => ({ rule, elements })),
    ].sort((a, b) => b.rule.line - a.rule.line);
    for (const { rule, elements } of steps) {
      text =
        elements === undefined
          ? withoutRules(text, [rule])
          : (withoutElements(text, rule, elements) ?? text);
    }
    edited.set(file, text);
  }
  return edited;
}

/** The elements of literal lists whose removal takes away what is unused and nothing that is used. */
function elementsOf(rule: RuleUse, text: string, ruleText: RuleText): string[] | undefined {
  const elements = new Set<string>();
  for (const nameOf of [operationOf, subjectOf]) {
    const used = new Set(rule.used.map(nameOf));
    const open = rule.unused.filter(
      (relation) => ![operationOf, subjectOf].some((of) => elements.has(of(relation))),
    );
    for (const relation of open) {
      const name = nameOf(relation);
      if (!used.has(name) && withoutElements(text, ruleText, [name]) !== undefined) {
        elements.add(name);
      }
    }
  }
  const covered = rule.unused.every((relation) =>
    [operationOf, subjectOf].some((of) => elements.has(of(relation))),
  );
  const names = [...elements];
  return covered && withoutElements(text, ruleText, names) !== undefined ? names : undefined;
}

function operationOf(relation: Relation): string {
  return relation.operation;
}

function subjectOf(relation: Relation): string {
  return 'service' in relation ? relation.service : relation.caller.name;
}

async function faultsOf(
  directory: string,
  before: PolicyState,
  { rules, shortened }: Edits,
  { unusedPairs }: PrunePlan,
  compiler: PolicyCompiler,
): Promise<{ faults: string[]; after: PolicyState } | { faults: string[] }> {
  try {
    const mesh = await loadMesh(directory);
    const { edges, needs, grants, baseline, refused } = await compiler.compile(mesh);
    const after = { mesh, edges, relations: { needs, grants, baseline, refused } };
    const removed = new Set(
      [...rules, ...shortened.map(({ rule }) => rule)].flatMap((r) => r.unused),
    );
    return { faults: pruneFaults(before, after, removed, unusedPairs), after };
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    return { faults: error.problems.map(formatProblem) };
  }
}

async function failuresIn(directory: string, opaPath: string): Promise<PolicyTestResult[]> {
  const { results, problems } = await testPolicies(await loadMesh(directory), { opaPath });
  const failed = results.filter(({ outcome }) => outcome === 'failed' || outcome === 'errored');
  // A file of tests that cannot be run at all counts as one test that failed.
  const broken = problems.map(
    ({ file, line, message }): PolicyTestResult => ({
      ...{ team: '', package: '', name: message, file, line, message },
      outcome: 'errored',
      durationMs: 0,
    }),
  );
  return [...failed, ...broken];
}

function testKey({ package: name, name: test, file }: PolicyTestResult): string {
  return `${file} ${name} ${test}`;
}

function lostOperations(before: PolicyState, after: PolicyState): string[] {
  const words = ({ edges }: PolicyState) =>
    edges.flatMap(({ caller, operations }) =>
      operations.map(({ operation }) => `${caller} → ${operation}`),
    );
  const left = new Set(words(after));
  return words(before)
    .filter((each) => !left.has(each))
    .sort();
}

function resultOf(
  { files, rules, shortened, byHand }: Edits,
  refusedBecause: readonly string[],
  operationsRemoved: readonly string[],
  failingTests: readonly PolicyTestResult[],
): PruneResult {
  return {
    files,
    rules: rules.map(told),
    shortened: shortened.map(({ rule, elements }) => ({ ...told(rule), elements })),
    byHand: byHand.map(({ rule, why }) => ({ ...told(rule), used: rule.used.map(inWords), why })),
    refusedBecause,
    operationsRemoved,
    failingTests,
  };
}

function told({ kind, file, line, team, title, unused }: RuleUse): PrunedRule {
  return { kind, file, line, team, title: title ?? null, unused: unused.map(inWords) };
}

function inWords(relation: Relation): string {
  return 'service' in relation
    ? `${relation.service} needs ${relation.operation}`
    : `${relation.operation} is granted to ${describeCaller(relation.caller)}`;
}

function whatToChange(rule: RuleUse): string {
  return `leave out what is unused by hand: ${rule.unused.map(inWords).join(', ')}`;
}
