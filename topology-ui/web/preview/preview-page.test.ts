import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { exampleGraph } from '../test-support/example-mesh.js';
import { ExamplePageServer } from '../test-support/example-page-server.js';
import { brokenPreviewId, examplePreviewId } from '../test-support/example-preview.js';

/** The page of a preview in a real browser. */

jest.setTimeout(90_000);

const build = fileURLToPath(new URL('../../build.mjs', import.meta.url));

let directory: string;
let browser: Browser;
let server: ExamplePageServer;
let context: BrowserContext;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dotline-preview-'));
  await promisify(execFile)(process.execPath, [build, directory]);
  server = await ExamplePageServer.start(directory, exampleGraph(), { tickMs: 500 });
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
  });
});

afterEach(() => context.close());

afterAll(async () => {
  await browser?.close();
  await server?.close();
  await rm(directory, { recursive: true, force: true });
});

async function open(hash: string, width: number, height: number): Promise<void> {
  context = await browser.newContext({ viewport: { width, height }, reducedMotion: 'reduce' });
  page = await context.newPage();
  complaints = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('Failed to load resource')) {
      complaints.push(message.text());
    }
  });
  await page.goto(server.url + hash);
}

async function shoot(name: string): Promise<void> {
  const { SCREENSHOTS: folder } = process.env;
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`) });
}

describe('the page of a preview', () => {
  it('shows the change as a graph, and all that it means beside it', async () => {
    await open(`#/preview/${examplePreviewId}`, 1440, 900);
    await page.locator('.preview-graph[data-arranging="false"]').waitFor();
    const details = page.locator('.preview-details');
    expect(await details.locator('h1').textContent()).toContain('least-privilege (90ab12cd34)');
    expect(await details.locator('[role="status"]').textContent()).toContain('✕ not safe');
    const key = await page.locator('.preview-key').textContent();
    for (const words of [
      '2 added',
      '2 removed',
      '1 widened',
      '1 narrowed',
      '1 widened and narrowed',
    ])
      expect(key).toContain(words);
    const text = (await details.textContent()) ?? '';
    for (const words of [
      'rider-app → tips',
      '+ payments.get-card',
      '− ratings.rate',
      'rider-app → tips → payments',
      '3 more ways: dotline policy diff --json has all',
      'tips needs accounts.verify',
      'grants contains {"operation": "accounts.verify"',
      'ratings-availability',
      'payments.get-card from now on',
      '2 of 34 change, 11.2 KiB sent',
    ])
      expect(text).toContain(words);
    await shoot('preview-1440');
    const removed = page.getByRole('button', { name: 'removed rider-app → ratings' });
    await removed.click();
    expect(await removed.getAttribute('aria-pressed')).toBe('true');
    await shoot('preview-1440-selected');
    await removed.click();
    expect(await removed.getAttribute('aria-pressed')).toBe('false');
    expect(await page.title()).toBe('least-privilege (90ab12cd34) · preview · Dotline');
    expect(complaints).toEqual([]);
  });

  it('fits a phone: the graph above, the lists below, nothing cut at the side', async () => {
    await open(`#/preview/${examplePreviewId}`, 390, 844);
    await page.locator('.preview-graph[data-arranging="false"]').waitFor();
    const widths = await page.evaluate('[document.documentElement.scrollWidth, innerWidth]');
    expect(widths).toEqual([390, 390]);
    await shoot('preview-390');
    await page.getByRole('heading', { name: 'Sidecars' }).scrollIntoViewIfNeeded();
    await page.getByText('tips-1').waitFor();
    await shoot('preview-390-below');
    expect(complaints).toEqual([]);
  });

  it('names the problems of a branch that does not compile, and says when there is no preview', async () => {
    await open(`#/preview/${brokenPreviewId}`, 1440, 900);
    await page.getByText('orders.rego:7').waitFor();
    expect(await page.locator('.preview-graph').count()).toBe(0);
    await page.goto(`${server.url}#/preview/none`);
    expect(await page.getByRole('alert').textContent()).toContain('No preview');
    await page.getByRole('link', { name: 'Graph', exact: true }).click();
    await page.locator('.graph[data-arranging="false"]').waitFor();
    expect(complaints).toEqual([]);
  });
});
