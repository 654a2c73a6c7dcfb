// What the browser suites share: a Chromium, a scratch folder, the program, and counted checks.
//
//   import { suite } from './harness.mjs';
//   await suite(async (t) => { … t.check('name', async () => { … }); … });
//
// A check passes when it throws nothing. The last line printed is "N passed, N failed".
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const require = createRequire(import.meta.url);
const axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
export const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));

const switches = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

export function assert(condition, message) {
  if (!condition) throw new Error(message);
}

export function equal(got, wanted, what) {
  assert(got === wanted, `${what}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`);
}

export async function suite(body) {
  const build = resolve(process.argv[2] ?? 'build');
  const scratch = mkdtempSync(join(tmpdir(), 'sae-browser-'));
  const asRoot = process.getuid?.() === 0; // Chromium's sandbox does not work for root
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    chromiumSandbox: !asRoot,
    args: asRoot ? ['--no-sandbox', ...switches] : switches,
  });
  let passed = 0;
  let failed = 0;
  const t = {
    browser,
    scratch,
    sae: join(build, 'sae'),

    // Runs the program in the scratch folder and returns what it prints.
    run(...args) {
      return execFileSync(join(build, 'sae'), args, { cwd: scratch, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    },

    async check(name, action) {
      try {
        await action();
        passed += 1;
      } catch (error) {
        failed += 1;
        console.log(`FAIL ${name}: ${error.message}`);
      }
    },

    // A new page of its own with `options` of Playwright's browser context. page.complaints collects what the console
    // says, errors of the page, dialogs, and requests other than for the URL that is opened and those that
    // `allowed` lets pass.
    async open(url, options = {}, allowed = () => false) {
      const context = await browser.newContext(options);
      const page = await context.newPage();
      page.complaints = [];
      page.on('console', (message) => page.complaints.push(`console: ${message.text()}`));
      page.on('pageerror', (error) => page.complaints.push(`error: ${error.message}`));
      page.on('dialog', async (dialog) => {
        page.complaints.push(`dialog: ${dialog.message()}`);
        await dialog.dismiss();
      });
      page.on('request', (request) => {
        const asked = request.url();
        if (asked !== url.replace(/#.*/, '') && !asked.startsWith('data:') && !allowed(asked)) page.complaints.push(`request: ${asked}`);
      });
      await page.goto(url);
      return page;
    },

    close: (page) => page.context().close(),
  };
  try {
    await body(t);
  } catch (error) {
    failed += 1;
    console.log(`FAIL the suite itself: ${error.stack}`);
  }
  await browser.close();
  rmSync(scratch, { recursive: true, force: true });
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}

// Rules of WCAG 2.2 A and AA that the page breaks, and where; empty when there are none.
export async function accessibilityFaults(page) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  }));
  return found.violations.map((rule) => `${rule.id} (${rule.nodes.map((node) => node.target.join(' ')).join('; ')})`);
}
