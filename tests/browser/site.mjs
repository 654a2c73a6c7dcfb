// A database of small SAEs over a text that means harm, served by sae serve.
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, root } from './harness.mjs';

export const small = 'batchtopk-64-k4';
export const large = 'batchtopk-128-k4';
const model = join(root, 'demo/model');

// What a page must never take for anything but text.
export const hostile = ['</script><script>alert(1)</script>', '<img src=x onerror=alert(2)>', '"><svg onload=alert(3)>', '{{7*7}}${7*7}',
  'right\u202eto left', 'na\u00efve caf\u00e9 \u{1F600}\u{1F468}\u200d\u{1F469}', 'a\u0000b', '&lt;b&gt;'];

function writeText(t) {
  const docs = readdirSync(join(root, 'docs')).filter((file) => file.endsWith('.md')).sort();
  const pages = docs.map((file) => readFileSync(join(root, 'docs', file), 'utf8')).join('\n');
  const lines = hostile.map((line) => Buffer.from(`${line}\n`));
  const broken = Buffer.from([0xe2, 0x28, 0xff, 0x0a]);
  const block = Buffer.concat([...lines, broken]);
  writeFileSync(join(t.scratch, 'text.txt'), Buffer.concat([...Array.from({ length: 12 }, () => block), Buffer.from(pages)]));
}

export function makeDatabase(t) {
  writeText(t);
  const sae = (name) => `saes/${name}`;
  t.run('harvest', '--model', model, '--layer', '4', '--text', 'text.txt', '--max-tokens', '5k', '--out', 'acts');
  t.run('train', '--acts', 'acts', '--batch', '256', '--held-out', '0.1', '--width', '64,128', '--k', '4', '--tokens', '40k', '--out', 'saes');
  t.run('compare', sae(small), sae(large), '--acts', 'acts', '--out', 'compared', '--min-active', '2');
  t.run('stitch', sae(small), sae(large), '--acts', 'acts', '--out', 'stitched');
  t.run('meta', sae(large), '--width', '16', '--k', '2', '--epochs', '50', '--out', 'meta');
  t.run('dash', sae(small), sae(large), '--acts', 'acts', '--model', model, '--compare', 'compared', '--stitch', 'stitched', '--meta', 'meta', '--out', 'latents.db');
}

// Starts the server; {url, stop}.
export async function serve(t, ...options) {
  const server = spawn(t.sae, ['serve', 'latents.db', '--port', '0', ...options], { cwd: t.scratch, stdio: ['ignore', 'ignore', 'pipe'] });
  const url = await new Promise((done, failed) => {
    let said = '';
    server.stderr.on('data', (piece) => {
      said += piece;
      const found = / is at (http:\S+)\/ /.exec(said);
      if (found) done(found[1]);
    });
    server.on('exit', () => failed(new Error(`the server ended: ${said}`)));
  });
  return {
    url,
    stop: () => new Promise((done) => {
      server.removeAllListeners('exit');
      server.on('exit', (code) => done(code));
      server.kill('SIGINT');
    }),
  };
}

export const withModel = ['--model', model, '--labels', 'labels.db'];

const asked = new WeakMap(); // page -> its requests that were not answered yet

// Opens an address of the site and waits until it is drawn. Requests to the site itself are no complaint.
export async function visit(t, site, path, options = {}) {
  const page = await t.open(site.url + path, options, (url) => url.startsWith(`${site.url}/`));
  const open = new Set();
  asked.set(page, open);
  page.on('request', (request) => open.add(request));
  page.on('requestfinished', (request) => open.delete(request));
  page.on('requestfailed', (request) => open.delete(request));
  await drawn(page);
  return page;
}

// The page is there, and nothing is being read or written any more. Drawings come a frame later, when their room is known.
export async function drawn(page) {
  const end = Date.now() + 20_000;
  do {
    assert(Date.now() < end, 'the page does not come to rest');
    await page.waitForSelector('main[aria-busy="false"] h1');
    await page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); }));
  } while (asked.get(page)?.size > 0);
}

export const query = (page) => new URL(page.url()).searchParams;
export const path = (page) => decodeURIComponent(new URL(page.url()).pathname);

export function isText(found, wanted, what) {
  assert(found.includes(wanted), `${what}: no "${wanted}" in "${found.slice(0, 300)}"`);
}

export const desktop = { viewport: { width: 1280, height: 900 } };

// Does something that changes the address or the page, and waits until it is drawn.
export async function after(page, action) {
  await action();
  await page.waitForTimeout(30);
  await drawn(page);
}
export const click = (page, selector) => after(page, () => page.locator(selector).first().click());
export const press = (page, key) => after(page, () => page.keyboard.press(key));
export const change = (page, selector, value) => after(page, async () => {
  await page.locator(selector).fill(value);
  await page.locator(selector).press('Tab');
});

// Of a table: the texts of a column; as numbers; whether these are in order.
export const column = (page, at) => page.locator(`tbody tr td:nth-child(${at})`).allTextContents();
export const numbers = (texts) => texts.map((text) => Number(text.replace(/[%,]/g, '').replace('\u2212', '-')));
export const ascending = (values) => values.every((v, i) => i === 0 || v >= values[i - 1]);
