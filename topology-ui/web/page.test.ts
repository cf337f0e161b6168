import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  jest,
} from '@jest/globals';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { exampleEdge, exampleGraph, traffic } from './test-support/example-mesh.js';
import { ExamplePageServer } from './test-support/example-page-server.js';

/** The built page in a real browser, against a generated mesh. */

jest.setTimeout(90_000);

const build = fileURLToPath(new URL('../build.mjs', import.meta.url));
const chromiumPath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
const chromiumArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let directory: string;
let browser: Browser;
let server: ExamplePageServer;
let context: BrowserContext;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dotline-page-'));
  await promisify(execFile)(process.execPath, [build, directory]);
  browser = await chromium.launch({ executablePath: chromiumPath, args: chromiumArguments });
});

afterAll(async () => {
  await browser.close();
  await rm(directory, { recursive: true, force: true });
});

beforeEach(async () => {
  server = await ExamplePageServer.start(directory, exampleGraph(), { tickMs: 300 });
  complaints = [];
});

afterEach(async () => {
  await context.close();
  await server.close();
});

async function open(hash: string, size = { width: 1440, height: 900 }): Promise<void> {
  context = await browser.newContext({ viewport: size, reducedMotion: 'reduce' });
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // A dropped connection is part of some tests; what the policy of content refuses never is.
    if (message.type() === 'error' && !message.text().includes('Failed to load resource')) {
      complaints.push(message.text());
    }
  });
  await page.goto(server.url + hash);
  await page.locator('.graph[data-arranging="false"]').waitFor({ state: 'attached' });
  await page.locator('[data-state="live"]').waitFor();
}

async function centreOf(service: string): Promise<{ x: number; y: number }> {
  const box = await page.locator(`[data-service="${service}"]`).boundingBox();
  if (box === null) throw new Error(`${service} has no place on the screen`);
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

/** Positions in the model, which panning and zooming do not change. */
async function places(): Promise<Record<string, string>> {
  const anchors = await page.locator('[data-service]').all();
  const entries = anchors.map(async (anchor) => [
    await anchor.getAttribute('data-service'),
    `${await anchor.getAttribute('data-x')},${await anchor.getAttribute('data-y')}`,
  ]);
  return Object.fromEntries(await Promise.all(entries));
}

/** Moves the pointer across the middle between two dots until the page says that it is on the line. */
async function pointAtLine(from: string, to: string, title: string): Promise<void> {
  const [a, b] = [await centreOf(from), await centreOf(to)];
  const length = Math.hypot(b.x - a.x, b.y - a.y);
  const across = { x: -(b.y - a.y) / length, y: (b.x - a.x) / length };
  for (const share of [0.5, 0.6, 0.4]) {
    for (let aside = -40; aside <= 40; aside += 2) {
      const x = a.x + (b.x - a.x) * share + across.x * aside;
      const y = a.y + (b.y - a.y) * share + across.y * aside;
      await page.mouse.move(x, y);
      const tooltip = page.locator('.tooltip');
      if ((await tooltip.count()) > 0 && (await tooltip.textContent())?.startsWith(title)) return;
    }
  }
  throw new Error(`No line from ${from} to ${to} lies between the dots`);
}

describe('the graph', () => {
  it('draws every service, every edge and denied attempts, under a strict content policy', async () => {
    await open('#/graph');
    const graph = page.locator('.graph');
    expect(await graph.getAttribute('data-dots')).toBe('19');
    expect(await graph.getAttribute('data-lines')).toBe('34');
    expect(await page.locator('[data-service]').count()).toBe(19);
    expect(await page.locator('.graph-host').getAttribute('aria-label')).toContain(
      '19 services, 33 lines, 1 denied line',
    );
    expect(await page.locator('.footer').textContent()).toContain(
      'enforced on 34/34 sidecars in 0.4 s',
    );
    expect(complaints).toEqual([]);
  });

  it('opens a service by a click on its dot, and the back button closes it', async () => {
    await open('#/graph');
    const at = await centreOf('fare');
    await page.mouse.click(at.x, at.y);
    const panel = page.locator('[data-panel="Service"]');
    await panel.waitFor();
    expect(await panel.textContent()).toContain('ask #pricing');
    expect(page.url()).toContain('#/graph/service/fare');
    await page.locator('.u-legend').first().waitFor();
    await page.goBack();
    await panel.waitFor({ state: 'detached' });
    expect(complaints).toEqual([]);
  });

  it('opens the proof of a line by a click on it, and from there a trace', async () => {
    await open('#/graph');
    await pointAtLine('orders', 'fare', 'orders → fare');
    await page.mouse.down();
    await page.mouse.up();
    const agreement = page.locator('[data-operation="fare.get-estimate"]');
    await agreement.waitFor();
    // What was under the pointer has moved aside to make room for the panel.
    expect(await page.locator('.tooltip').count()).toBe(0);
    const proof = await agreement.textContent();
    expect(proof).toContain('policies/teams/orders/needs.rego:12');
    expect(proof).toContain('policies/teams/pricing/grants.rego:9');
    expect(proof).toContain('a3f9c27e');
    expect(proof).toContain('owner Grace');
    expect(proof).toContain('ticket MESH-41');
    expect(proof).toContain('expires after 2031-05-20');
    await page.getByRole('link', { name: 'trace' }).first().click();
    await page.locator('.waterfall li').first().waitFor();
    expect(await page.locator('.waterfall li').count()).toBe(9);
    await page.getByRole('button', { name: '← Back' }).click();
    await agreement.waitFor();
  });

  it('shows what rules decided about single requests, of a dot and of a line', async () => {
    await open('#/graph/service/payments');
    const decided = page.locator('[data-decided-operation="payments.authorize"]');
    await decided.getByText('last hour').waitFor();
    expect(await decided.textContent()).toBe(
      'payments.authorizepolicies/teams/payments/requests.rego:9fail closedlast 5 min 1.3k allowed, 7 refused · last hour 15k allowed, 84 refused, 2 undecided',
    );
    const latest = page.locator('.decisions li');
    await latest.first().waitFor();
    expect(await latest.nth(1).textContent()).toContain('refusedorders payments.authorizetrace');
    expect(await latest.nth(2).textContent()).toContain('policy takes too long: refused');
    expect(await page.locator('[data-decided-operation]').count()).toBe(1);
    await page.goto(`${server.url}#/graph/edge/orders/payments`);
    await page.locator('[data-panel="Line: an enforced rule"] .decisions li').first().waitFor();
    await latest.first().getByRole('link', { name: 'trace' }).click();
    await page.locator('.waterfall li').first().waitFor();
    expect(complaints).toEqual([]);
  });

  it('explains a denied line with the rules to paste', async () => {
    await open('#/graph');
    await pointAtLine('ratings', 'payments', 'ratings → payments');
    await page.mouse.down();
    await page.mouse.up();
    const panel = page.locator('[data-panel="Denied attempts"]');
    await panel.waitFor();
    await panel.locator('.rego').first().waitFor();
    const text = await panel.textContent();
    expect(text).toContain('POST /v1/refunds');
    expect(text).toContain('×37');
    expect(text).toContain('refused by the sidecar of ratings');
    expect(text).toContain(
      'needs contains {"service": "ratings", "operation": "payments.authorize"}',
    );
  });

  it('shows new figures within moments and moves no dot for them', async () => {
    await open('#/graph/service/fare');
    const before = await places();
    server.setGraph((graph) => ({
      ...graph,
      services: graph.services.map((service) =>
        service.name === 'fare' ? { ...service, traffic: traffic(777, 0.5) } : service,
      ),
    }));
    const figure = page.locator('[data-figure="requests"]');
    await page.waitForFunction(
      () => document.querySelector('[data-figure="requests"]')?.textContent === '777/s',
    );
    expect(await figure.textContent()).toBe('777/s');
    expect(await page.locator('[data-figure="errors"]').textContent()).toBe('50%');
    expect(await places()).toEqual(before);
  });

  it('adds a service and an edge without moving others, and remembers all places', async () => {
    await open('#/graph');
    const before = await places();
    server.setGraph((graph) => {
      const [first] = graph.services;
      if (first === undefined) throw new Error('The example has services');
      return {
        ...graph,
        services: [...graph.services, { ...first, name: 'promotions', team: 'pricing' }],
        edges: [...graph.edges, exampleEdge('promotions', 'fare', ['estimate'], traffic(3, 0))],
      };
    });
    await page.locator('[data-service="promotions"]').waitFor({ state: 'attached' });
    expect(await page.locator('.graph').getAttribute('data-lines')).toBe('35');
    const after = await places();
    expect(after).toMatchObject(before);
    await page.reload();
    await page.locator('[data-service="promotions"]').waitFor({ state: 'attached' });
    expect(await places()).toEqual(after);
  });

  it('says when the connection is lost and recovers by itself', async () => {
    await open('#/graph');
    server.drop();
    await page.locator('[data-state="reconnecting"]').waitFor();
    expect(await page.locator('.banner').textContent()).toContain('last known state');
    server.accept();
    await page.locator('[data-state="live"]').waitFor();
    expect(await page.locator('.banner').count()).toBe(0);
  });

  it('says when the figures are incomplete and what is wrong in the mesh directory', async () => {
    await open('#/graph');
    server.setTrafficProblem('ClickHouse does not answer');
    server.setGraph((graph) => ({
      ...graph,
      problems: [
        {
          file: 'policies/teams/pricing/needs.rego',
          line: 7,
          message: 'there is no operation fare.guess',
          hint: 'did you mean fare.estimate?',
        },
      ],
    }));
    const banner = page.locator('.banner.danger');
    await banner.waitFor();
    expect(await banner.textContent()).toContain('The last good revision stays live');
    expect(await banner.textContent()).toContain('policies/teams/pricing/needs.rego:7');
    expect(await page.locator('.banner.warning').textContent()).toContain(
      'ClickHouse does not answer',
    );
    expect(await page.locator('.live-state').textContent()).toContain('Figures incomplete');
  });

  it('says that the live revision is a rollback, of whom and why, and lists what went live', async () => {
    await open('#/graph');
    server.setGraph((graph) => ({
      ...graph,
      revision: {
        ...graph.revision,
        rollback: {
          from: '0123456789ab',
          fromCommit: null,
          by: { kind: 'operator', name: 'ada' },
          reason: 'fares were wrong',
          atMs: Date.now(),
          pinned: true,
          held: [],
        },
      },
    }));
    const banner = page.locator('.banner.warning');
    await banner.waitFor();
    expect(await banner.textContent()).toBe(
      'Rolled back from 0123456789ab by ada (operator): fares were wrong. What has its change is held until it is taken back or mended, or until dotline rollback --release.',
    );
    await page.getByRole('link', { name: 'Sidecars', exact: true }).click();
    await page.locator('.history li').first().waitFor();
    expect(await page.locator('.history').textContent()).toContain('+1 −0 edges');
  });

  it('says which rule came to something that sidecars refuse', async () => {
    await open('#/graph');
    server.setGraph((graph) => ({
      ...graph,
      services: graph.services.map((service) => ({
        ...service,
        instances: service.instances.map((instance) => ({
          ...instance,
          sidecar: {
            ...instance.sidecar,
            rejected:
              service.name === 'fare'
                ? [
                    {
                      resource: 'inbound-authorization',
                      detail: `regex '${'/[^/]+'.repeat(150)}' is too large`,
                      revision: '7c1d0e9a42bf',
                      team: 'pricing',
                      file: 'policies/teams/pricing/pricing.rego',
                      line: 7,
                    },
                  ]
                : [],
          },
        })),
      })),
    }));
    const banner = page.locator('.banner.danger');
    await banner.waitFor();
    const text = await banner.textContent();
    expect(text).toContain('Refused by 2 sidecars');
    expect(text).toContain('policies/teams/pricing/pricing.rego:7 of team pricing');
    expect(text).toContain('fare-1, fare-2 refuse inbound-authorization of revision 7c1d0e9a42bf');
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(
      await page.evaluate(() => window.innerWidth),
    );
  });
});

describe('while a revision is staged', () => {
  it('says what it would change, above and beside the line', async () => {
    const { edges } = exampleGraph();
    const [edge] = edges;
    if (edge === undefined) throw new Error('the example has no edge');
    const { caller, callee, operations } = edge;
    const [agreed] = operations;
    if (agreed === undefined) throw new Error('the edge has no operation');
    const nothing = { guardrail: null, requests: null };
    server.shadow = {
      revision: '0123456789ab',
      name: 'quiet (1a2b3c4d5e)',
      commit: null,
      startedAtMs: Date.now() - 60_000,
      sinceMs: Date.now() - 60_000,
      sidecars: { judging: 3, concerned: 4, total: 40 },
      wouldBeDenied: 42,
      wouldBeAllowed: 0,
      operations: [
        {
          ...{ caller, callee, operation: agreed.operation },
          ...{ requests: 50, wouldBeDenied: 42, wouldBeAllowed: 0, notJudged: 3 },
          ...{ lastAtMs: Date.now(), judgesRequests: false },
          live: { ...nothing, allowed: true, need: agreed.need, grant: agreed.grant },
          staged: { ...nothing, allowed: false, need: null, grant: agreed.grant },
        },
      ],
    };
    await open('#/graph');
    const banner = page.locator('.banner.warning');
    await banner.waitFor();
    expect(await banner.locator('summary').textContent()).toBe(
      'Shadow of quiet (1a2b3c4d5e): 42 requests would be denied',
    );
    await banner.locator('summary').click();
    expect(await banner.textContent()).toContain('judged on 3 of 4 sidecars');
    await banner.getByText(`${caller} → ${callee}`).click();
    const part = page.locator('.panel [data-shadow]');
    await part.waitFor();
    expect(await part.textContent()).toBe(
      `${agreed.operation} 42 of 50 would be denied, 3 not judged`,
    );
    server.shadow = null;
  });
});

describe('without a mouse', () => {
  it('walks the dots with arrows, opens with Enter, closes with Escape', async () => {
    await open('#/graph');
    await page.locator('[data-service]').first().focus();
    await page.keyboard.press('ArrowRight');
    const name = await page.evaluate(() => document.activeElement?.getAttribute('data-service'));
    await page.keyboard.press('Enter');
    await page.locator('[data-panel="Service"]').waitFor();
    expect(await page.locator('.panel h2').textContent()).toBe(name);
    await page.keyboard.press('Escape');
    await page.locator('.panel').waitFor({ state: 'detached' });
  });

  it('finds a service with the slash key', async () => {
    await open('#/graph');
    await page.keyboard.press('/');
    await page.keyboard.type('multiplier');
    await page.keyboard.press('Enter');
    await page.locator('[data-panel="Service"]').waitFor();
    expect(page.url()).toContain('/service/surge');
  });

  it('has the graph as tables that sort', async () => {
    await open('#/list');
    expect(await page.locator('.list-view tbody').nth(1).locator('tr').count()).toBe(33);
    const services = page.locator('.list-view table').first();
    await services.getByRole('button', { name: 'Requests' }).click();
    expect(await services.locator('tbody tr').first().getAttribute('data-row')).toBe(
      'chat-gateway',
    );
    expect(await services.locator('th[aria-sort="descending"]').textContent()).toBe('Requests');
  });
});

describe('other views and screens', () => {
  it('focuses a team and filters by product, in the address too', async () => {
    await open('#/graph');
    await page
      .locator('.legend')
      .getByRole('button', { name: /pricing/ })
      .click();
    expect(page.url()).toContain('team=pricing');
    await page.locator('.product-filter select').selectOption('whatsapp');
    expect(page.url()).toContain('product=whatsapp');
    await page.goBack();
    await page.goBack();
    expect(page.url().endsWith('#/graph')).toBe(true);
  });

  it('lists objectives by urgency and sidecars with what they hold', async () => {
    await open('#/graph');
    await page.locator('[data-service="orders"]').focus();
    await page.keyboard.press('Enter');
    // At once, while the graph is still making room for the panel.
    await page.getByRole('link', { name: 'Objectives' }).click();
    await page.locator('tr[data-row]').first().waitFor();
    expect(await page.locator('tr[data-row]').first().getAttribute('data-row')).toBe(
      'payments-availability',
    );
    await page.getByRole('link', { name: 'Sidecars', exact: true }).click();
    await page.getByText('Converged').waitFor();
    expect(await page.locator('tr[data-row]').count()).toBe(34);
    const table = await page.locator('.page table').first().boundingBox();
    const panel = await page.locator('.panel').boundingBox();
    expect((table?.x ?? 0) + (table?.width ?? 0)).toBeLessThanOrEqual(panel?.x ?? 0);
    expect(complaints).toEqual([]);
  });

  it.each(['#/graph', '#/graph/service/payments', '#/list', '#/objectives', '#/sidecars'])(
    'fits 390 pixels without scrolling sideways: %s',
    async (hash) => {
      await open('#/graph', { width: 390, height: 844 });
      await page.goto(server.url + hash);
      await page.waitForTimeout(500);
      const wide = await page.evaluate(() =>
        [...document.querySelectorAll('body, #page, .main, .panel, .page, .list-view, .header')]
          .filter((element) => element.scrollWidth > element.clientWidth + 1)
          .map((element) => element.className || element.tagName),
      );
      expect(wide).toEqual([]);
    },
  );
});
