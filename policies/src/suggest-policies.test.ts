import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mesh } from '@dotline/model/mesh';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { CompileFixture } from './compile-fixture.js';
import { type CompiledPolicies, PolicyCompiler } from './compile-policies.js';
import { formatPolicies } from './format-policies.js';
import { meshOf, POLICIES } from './mesh-fixture.js';
import { ruleTexts } from './prune-rule-text.js';
import { withoutRules } from './prune-text.js';
import { RegoTools } from './rego-tools.js';
import { type Observations, type Suggestion, suggestPolicies } from './suggest-policies.js';
import type { DeniedSeen } from './suggest-seen.js';
import type { RuleAges, UsageSeen } from './unused-edges.js';

jest.setTimeout(120_000);

const NOW_MS = Date.parse('2026-11-24T10:30:00Z');
const DAY_MS = 86_400_000;

let fixture: CompileFixture;
let mesh: Mesh;
let before: CompiledPolicies;

beforeAll(async () => {
  fixture = await CompileFixture.create();
  mesh = meshOf(await fixture.folder(POLICIES));
  before = await fixture.compiler.compile(mesh);
});

afterAll(() => fixture?.remove());

/** Denied requests as `caller METHOD callee/path`, with their number. */
function deniedOf(attempts: Readonly<Record<string, number>>): DeniedSeen {
  return {
    fromMs: NOW_MS - 7 * DAY_MS,
    untilMs: NOW_MS,
    complete: true,
    attempts: Object.entries(attempts).map(([words, requests]) => {
      const [caller = '', method = '', target = ''] = words.split(' ');
      const [callee = '', ...path] = target.split('/');
      const times = { firstMs: NOW_MS - DAY_MS, lastMs: NOW_MS };
      return { caller, callee, method, path: `/${path.join('/')}`, requests, ...times };
    }),
  };
}

/** Requests let through, as `caller operation`. */
function usageOf(pairs: Iterable<string>, historySinceMs = 0): UsageSeen {
  const operations = [...pairs].map((pair) => {
    const [caller = '', operation = ''] = pair.split(' ');
    const [callee = ''] = operation.split('.');
    return { caller, callee, operation, requests: 3, lastSeenMs: NOW_MS };
  });
  const times = { fromMs: NOW_MS - 7 * DAY_MS, untilMs: NOW_MS, hoursRecorded: 168 };
  return { ...times, historySinceMs, operations };
}

/** Every edge is a year old. */
function agesOf({ edges }: CompiledPolicies): RuleAges {
  const ms = NOW_MS - 365 * DAY_MS;
  const ages = new Map(edges.map(({ id }) => [id, { addedMs: ms, formMs: ms }]));
  return { edges: ages, commitsMs: new Map() };
}

function suggest(
  seen: Partial<Observations>,
  options: { readonly all?: boolean; readonly team?: string } = {},
): Promise<Suggestion> {
  const { opaPath, cacheDirectory } = fixture;
  return suggestPolicies(
    mesh,
    { usage: usageOf(pairsOf(before)), ages: agesOf(before), denied: deniedOf({}), ...seen },
    {
      ...{ opaPath, days: 7, nowMs: NOW_MS, all: false, ...options },
      compiler: () => new PolicyCompiler({ opaPath, cacheDirectory }),
    },
  );
}

function pairsOf({ edges }: Pick<CompiledPolicies, 'edges'>): string[] {
  return edges.flatMap(({ caller, operations }) =>
    operations.map(({ operation }) => `${caller} ${operation}`),
  );
}

/** A copy of the mesh with the suggested files put into it, compiled. */
async function withSuggestion({ files }: Suggestion, others = POLICIES): Promise<CompiledPolicies> {
  const directory = await fixture.folder({ ...others, ...Object.fromEntries(files) });
  return fixture.compiler.compile({ ...mesh, directory });
}

describe('suggested rules', () => {
  it('allow what was denied, by the operation that it was, and say why', async () => {
    const denied = deniedOf({
      'orders GET fare/get-estimate': 9,
      'orders GET promotions/list': 2,
      'promotions GET orders/get': 4,
      'promotions GET orders/create': 1,
    });
    const suggestion = await suggest({ denied, usage: usageOf([]) });
    expect(suggestion).toMatchObject({ refusedBecause: [], unmatched: [], failingTests: [] });
    expect(suggestion.files.get('policies/teams/rides/suggested-2026-11-24.rego')).toBe(
      `package mesh.teams.rides

# METADATA
# title: "orders calls fare: get-estimate"
# description: |
#   Suggested from 7 days of traffic.
#   orders to fare.get-estimate: 9 requests denied, the last on 2026-11-24 at 10:30 UTC
# custom:
#   owner: "rides"
#   ticket: TODO
needs contains {"service": "orders", "operation": "fare.get-estimate"}

# METADATA
# title: "promotions may use orders: create, get"
# description: |
#   Suggested from 7 days of traffic.
#   promotions to orders.create: 1 request denied, the last on 2026-11-24 at 10:30 UTC
#   promotions to orders.get: 4 requests denied, the last on 2026-11-24 at 10:30 UTC
# custom:
#   owner: "rides"
#   ticket: TODO
grants contains {"operation": operation, "caller": {"service": "promotions"}} if {
	some operation in ["orders.create", "orders.get"]
}
`,
    );
    const directory = await fixture.folder({
      ...{ ...POLICIES, ...Object.fromEntries(suggestion.files) },
      'mesh.yaml': '',
    });
    const { changed } = await formatPolicies(directory, {
      opaPath: fixture.opaPath,
      checkOnly: true,
    });
    expect(changed.filter((file) => file.includes('suggested'))).toEqual([]);
    const after = await withSuggestion(suggestion);
    expect(pairsOf(after).filter((pair) => !pairsOf(before).includes(pair))).toEqual([
      'orders fare.get-estimate',
      'promotions orders.create',
      'promotions orders.get',
    ]);
    // A critical service and a best-effort one: no rule of a team can allow that.
    expect(suggestion.forbidden).toMatchObject([
      { caller: 'orders', operation: 'promotions.list', requests: 2, refusals: [{}] },
    ]);
  });

  it('are not made up for what is no operation, and narrow nothing while records are too short', async () => {
    const denied = deniedOf({
      'orders POST fare/estimate': 3,
      'orders GET fare/estimates': 2,
      'stranger GET fare/estimate': 1,
      'orders GET nowhere/estimate': 1,
    });
    const usage = usageOf(pairsOf(before), NOW_MS - DAY_MS);
    const { rules, unmatched, notNarrowed } = await suggest({ denied, usage });
    expect(rules).toEqual([]);
    expect(notNarrowed).not.toBeNull();
    expect(unmatched.map(({ why }) => why)).toEqual([
      'fare offers no POST /estimate',
      'fare offers no GET /estimates',
      'there is no service stranger',
      'there is no service nowhere',
    ]);
  });

  it('narrow grants to those who use them, and in their place take away only what is unused', async () => {
    const unused = 'rider-app profile.get';
    const used = pairsOf(before).filter((pair) => pair !== unused);
    const suggestion = await suggest({ usage: usageOf(used) });
    expect(suggestion.rules).toMatchObject([
      {
        callers: [{ kind: 'service', name: 'orders' }],
        operations: ['profile.get'],
        replaces: [{ team: 'identity-and-trust', line: 3 }],
      },
      {
        callers: [{ kind: 'service', name: 'orders' }],
        operations: ['fare.estimate'],
        // To a tier and to a team.
        replaces: [
          { team: 'pricing', line: 5 },
          { team: 'pricing', line: 3 },
        ],
      },
    ]);
    expect(pairsOf(await withSuggestion(suggestion))).toEqual(pairsOf(before));
    const tools = await RegoTools.open(fixture.opaPath);
    const replaced: Record<string, string> = { ...POLICIES };
    for (const file of new Set(suggestion.rules.flatMap((r) => r.replaces.map((w) => w.file)))) {
      const text = POLICIES[file] ?? '';
      const rules = await ruleTexts(tools, { file, path: join(mesh.directory, file), text });
      replaced[file] = withoutRules(text, rules);
    }
    expect(pairsOf(await withSuggestion(suggestion, replaced))).toEqual(used);
  });

  it('are those of one team when that is asked for, in a file with a name of its own', async () => {
    const file = 'policies/teams/rides/suggested-2026-11-24.rego';
    await writeFile(join(mesh.directory, file), 'package mesh.teams.rides\n');
    const denied = deniedOf({ 'orders GET fare/get-estimate': 9 });
    const { files } = await suggest({ denied, usage: usageOf([]) }, { team: 'pricing' });
    expect([...files.keys()]).toEqual(['policies/teams/pricing/suggested-2026-11-24-2.rego']);
  });

  it('for all that was observed allow exactly that, less what guardrails refuse', async () => {
    const operations = mesh.services.flatMap((service) => service.operations);
    const pairs = mesh.services.flatMap(({ name }) =>
      operations
        .filter(({ service }) => service !== name)
        .map(({ id, service, path }) => ({ pair: `${name} ${id}`, caller: name, service, path })),
    );
    await fc.assert(
      fc.asyncProperty(fc.subarray(pairs), fc.subarray(pairs), async (used, denied) => {
        const attempts = Object.fromEntries(
          denied.map(({ caller, service, path }) => [`${caller} GET ${service}${path}`, 1]),
        );
        const suggestion = await suggest(
          { usage: usageOf(used.map(({ pair }) => pair)), denied: deniedOf(attempts) },
          { all: true },
        );
        expect(suggestion.refusedBecause).toEqual([]);
        const forbidden = suggestion.forbidden.map(
          ({ caller, operation }) => `${caller} ${operation}`,
        );
        const observed = new Set([...used, ...denied].map(({ pair }) => pair));
        const after = await withSuggestion(suggestion, {});
        expect(pairsOf(after).sort()).toEqual(
          [...observed].filter((pair) => !forbidden.includes(pair)).sort(),
        );
        for (const { refusals } of suggestion.forbidden) expect(refusals).not.toEqual([]);
      }),
      { numRuns: 3 },
    );
  });
});
