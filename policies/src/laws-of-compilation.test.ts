import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { CompileFixture } from './compile-fixture.js';
import { type CompiledPolicies, PolicyCompiler } from './compile-policies.js';
import { edgesOf, joinRelations } from './join-relations.js';
import { writeFiles } from './mesh-fixture.js';
import {
  meshOfSketch,
  otherRulesOfOneTeam,
  type PolicySketch,
  policySketch,
  written,
} from './testing/generated-policies.js';

// Real OPA processes on a machine that may have other work.
jest.setTimeout(120_000);

/** One guardrail that looks at the candidate alone, and one that looks it up in the catalog. */
const GUARDRAILS = `package mesh.platform.guardrails

deny contains {"caller": candidate.caller, "operation": candidate.operation, "reason": "personal"} if {
	some candidate in input.candidates
	candidate.class == "pii"
	not "service" in candidate.grantedTo
}

deny contains {"caller": candidate.caller, "operation": candidate.operation, "reason": "tier"} if {
	some candidate in input.candidates
	data.catalog.services[candidate.caller].tier == "critical"
	data.catalog.services[candidate.callee].tier == "best-effort"
}
`;

let fixture: CompileFixture;
let platformDirectory: string;
beforeAll(async () => {
  fixture = await CompileFixture.create();
  platformDirectory = await fixture.folder({ 'guardrails.rego': GUARDRAILS });
});
afterAll(() => fixture.remove());

function newCompiler(cacheDirectory = fixture.cacheDirectory): PolicyCompiler {
  return new PolicyCompiler({ opaPath: fixture.opaPath, cacheDirectory, platformDirectory });
}

/** Makes the policies of a folder those of a sketch. */
async function write(directory: string, sketch: PolicySketch): Promise<void> {
  await rm(join(directory, 'policies'), { recursive: true, force: true });
  await writeFiles(directory, written(sketch).files);
}

/** What the compiler must say of a sketch, without Rego. */
function edgesByDefinition(sketch: PolicySketch) {
  const mesh = meshOfSketch(sketch);
  const { agreements } = joinRelations(mesh, written(sketch).stated);
  const tierOf = new Map(mesh.services.map(({ name, tier }) => [name, tier]));
  const refused = agreements.filter(
    ({ caller, callee, class: kind, grantedTo }) =>
      (kind === 'pii' && !grantedTo.includes('service')) ||
      (tierOf.get(caller) === 'critical' && tierOf.get(callee) === 'best-effort'),
  );
  const guardrail = { team: 'platform', file: '', line: 1 };
  return edgesOf(
    agreements,
    refused.map(({ caller, callee, operation }) => ({
      caller,
      callee,
      operation,
      guardrail,
      reason: '',
    })),
  );
}

/** Teams' edits, one after the other, of a generated mesh. */
const history: fc.Arbitrary<PolicySketch[]> = policySketch.chain((first) => {
  const edit = (sketch: PolicySketch) => otherRulesOfOneTeam(sketch).map(({ changed }) => changed);
  return edit(first).chain((second) => edit(second).map((third) => [first, second, third]));
});

describe('compiling', () => {
  it('finds in Rego what the relations say, step by step as from scratch', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (sketches) => {
        const directory = await fixture.folder({});
        const incremental = newCompiler();
        let last: CompiledPolicies | undefined;
        for (const sketch of [...sketches, ...sketches.slice(0, 1)]) {
          await write(directory, sketch);
          last = await incremental.compile(meshOfSketch(sketch, directory));
          expect(last.edges).toEqual(edgesByDefinition(sketch));
        }
        const full = newCompiler(await fixture.folder({}));
        const [first] = sketches;
        if (first !== undefined) {
          expect(await full.compile(meshOfSketch(first, directory))).toEqual(last);
        }
        await Promise.all([incremental.close(), full.close()]);
      }),
      { numRuns: 3 },
    );
  });

  it('proves every edge with the very lines that state it', async () => {
    await fc.assert(
      fc.asyncProperty(policySketch, async (sketch) => {
        const directory = await fixture.folder({});
        await write(directory, sketch);
        const compiler = newCompiler();
        const { edges } = await compiler.compile(meshOfSketch(sketch, directory));
        for (const { caller, operations } of edges) {
          for (const { operation, need, grant } of operations) {
            const needed = await ruleAt(directory, need);
            expect(needed).toContain(`needs contains {"service": "${caller}"`);
            expect(needed).toContain(`"${operation}"`);
            const granted = await ruleAt(directory, grant);
            expect(granted).toContain('grants contains');
            const [callee] = operation.split('.');
            expect(granted).toMatch(new RegExp(`"${operation}"|services\\["${callee}"\\]`));
          }
        }
        await compiler.close();
      }),
      { numRuns: 2 },
    );
  });

  it('asks guardrails that count over candidates about all of them, at each step as from scratch', async () => {
    const counting = await fixture.folder({
      'guardrails.rego': `package mesh.platform.guardrails

deny contains {"caller": candidate.caller, "operation": candidate.operation, "reason": "crowded"} if {
	some candidate in input.candidates
	count({each.caller | some each in input.candidates; each.callee == candidate.callee}) > 1
}
`,
    });
    const compilerOf = (cacheDirectory: string) =>
      new PolicyCompiler({
        opaPath: fixture.opaPath,
        cacheDirectory,
        platformDirectory: counting,
      });
    await fc.assert(
      fc.asyncProperty(history, async (sketches) => {
        const directory = await fixture.folder({});
        const incremental = compilerOf(fixture.cacheDirectory);
        for (const sketch of sketches) {
          await write(directory, sketch);
          const mesh = meshOfSketch(sketch, directory);
          const { edges } = await incremental.compile(mesh);
          const { agreements } = joinRelations(mesh, written(sketch).stated);
          const callers = new Map<string, Set<string>>();
          for (const { caller, callee } of agreements) {
            callers.set(callee, (callers.get(callee) ?? new Set()).add(caller));
          }
          const lonely = agreements.filter(({ callee }) => callers.get(callee)?.size === 1);
          expect(edges).toEqual(edgesOf(lonely, []));
        }
        await incremental.close();
      }),
      { numRuns: 2 },
    );
  });

  it('does not depend on the order of rules and on which file they stand in', async () => {
    await fc.assert(
      fc.asyncProperty(policySketch, async (sketch) => {
        const moved: PolicySketch = {
          ...sketch,
          services: sketch.services.toReversed(),
          rules: Object.fromEntries(
            Object.entries(sketch.rules)
              .toReversed()
              .map(([team, rules]) => [
                team,
                rules.toReversed().map((rule) => ({ ...rule, file: 1 - rule.file })),
              ]),
          ),
        };
        const compiler = newCompiler();
        const allowed = async (each: PolicySketch) => {
          const directory = await fixture.folder({});
          await write(directory, each);
          const { edges } = await compiler.compile(meshOfSketch(each, directory));
          return edges.map(({ id, operations }) => [
            id,
            operations.map(({ operation }) => operation),
          ]);
        };
        expect(await allowed(moved)).toEqual(await allowed(sketch));
        await compiler.close();
      }),
      { numRuns: 2 },
    );
  });
});

/** The text of the rule that starts at a witness's line. */
async function ruleAt(
  directory: string,
  { file, line }: { readonly file: string; readonly line: number },
): Promise<string> {
  const lines = (await readFile(join(directory, file), 'utf8')).split('\n').slice(line - 1);
  const end = lines.indexOf('');
  return lines.slice(0, end).join('\n');
}
