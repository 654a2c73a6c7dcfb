// The pages of sae serve in every view: nothing complained of, no part too wide, accessible; texts that mean harm stay
// text; numbers are those that the activations give.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { accessibilityFaults, assert, equal, root, suite } from './harness.mjs';
import { drawn, hostile, isText, large, makeDatabase, serve, small, visit, withModel } from './site.mjs';

const desktop = { name: 'desktop, light', viewport: { width: 1280, height: 900 }, colorScheme: 'light' };
const dark = { name: 'desktop, dark', viewport: { width: 1280, height: 900 }, colorScheme: 'dark' };
const phone = { name: 'phone, dark', viewport: { width: 360, height: 740 }, colorScheme: 'dark', hasTouch: true };
const pages = {
  SAEs: '/',
  SAE: `/s/${small}`,
  'SAE beside another': `/s/${large}?vs=${small}&sort=vs_cos&dir=desc`,
  latent: `/s/${small}/f/3`,
  'latent with values': `/s/${small}/f/3?v=1&nl=1&hist=log`,
  'latent in short': `/s/${large}/f/5?ctx=1`,
  comparisons: '/compare',
  compare: `/c/${large}/${small}`,
  pair: `/c/${large}/${small}/f/3/{nearest}`,
  nearest: `/c/${large}/${small}/n/3`,
  stitching: '/stitch/1',
  'meta-SAE': '/meta/2?l=3',
  'meta-latent': '/meta/2/m/1',
  family: '/tree?th=0.2',
  text: `/s/${small}/text?t=${encodeURIComponent('The latent of a token <b>fires</b>')}&shade=3`,
  lists: '/lists',
  glossary: '/help',
  'not found': '/nowhere',
};
const thorough = ['latent', 'pair', 'compare', 'family'];
const none = (faults) => assert(faults.length === 0, faults.slice(0, 5).join(' | '));

async function checkPage(t, site, name, address, view) {
  const page = await visit(t, site, address, view);
  const what = `${name}, ${view.name}`;
  await t.check(`${what}: nothing is complained of`, () => none(page.complaints.filter((line) => name !== 'not found' || !line.includes('404'))));
  await t.check(`${what}: no part is wider than the screen`, async () => {
    const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert(wide <= screen, `${wide} pixels on a screen of ${screen}`);
  });
  await t.check(`${what}: accessible`, async () => none(await accessibilityFaults(page)));
  if (view === desktop) await t.check(`${what}: accessible with all tables open`, async () => {
    await page.evaluate(() => document.querySelectorAll('details').forEach((part) => { part.open = true; }));
    await page.waitForTimeout(50);
    none(await accessibilityFaults(page));
  });
  await t.check(`${what}: has a heading and a title`, async () => {
    equal(await page.locator('h1').count(), 1, 'headings of the first rank');
    assert((await page.title()).endsWith('· sae'), await page.title());
  });
  await t.check(`${what}: drawings have a name and numbers`, async () => {
    none(await page.evaluate(() => [...document.querySelectorAll('main svg.chart')].filter((svg) => !svg.getAttribute('aria-label')).map(() => 'a drawing without a name')));
    none(await page.evaluate(() => [...document.querySelectorAll('main figure')].filter((f) => f.querySelector('svg.chart') && !f.querySelector('details, .scroll svg')).map((f) => `no numbers: ${f.textContent.slice(0, 60)}`)));
  });
  await t.close(page);
}

// ---- hostile text ----------------------------------------------------------------------------------------------

// For each harmful line a latent one of whose texts has it, as far as there is one.
async function latentsWithHostileText(site) {
  const found = new Map();
  for (const sae of [small, large]) {
    const { items } = await (await fetch(`${site.url}/api/v1/saes/${sae}/latents?limit=128`)).json();
    for (const { id } of items) {
      const latent = await (await fetch(`${site.url}/api/v1/saes/${sae}/latents/${id}?around=512`)).json();
      const texts = latent.groups.flatMap((g) => g.examples.map((e) => e.passage.text.join(''))).join('\n');
      for (const line of hostile) if (!found.has(line) && texts.includes(line)) found.set(line, `/s/${sae}/f/${id}?ctx=3&nl=1`);
      if (found.size === hostile.length) return found;
    }
  }
  return found;
}

async function checkHostile(t, site) {
  const found = await latentsWithHostileText(site);
  const page = await visit(t, site, '/help');
  for (const [line, address] of found) {
    await page.goto(site.url + address);
    await drawn(page);
    await t.check(`${JSON.stringify(line)} is shown, as text`, async () => {
      const text = await page.evaluate(() => [...document.querySelectorAll('.passage')].map((p) => p.textContent).join('\n'));
      for (const part of line.split(/[\u0000\u202e\u200d]/)) isText(text, part, address);
      const strange = await page.evaluate(() => document.querySelectorAll('main script, main img, main iframe, main object, main style, main [onerror], main [onload], .passage [style], .tok[style]').length);
      equal(strange, 0, 'elements that it became');
    });
  }
  await t.check('every harmful line was met', () => equal(found.size, hostile.length, 'lines'));
  await t.check('nothing of it ran', () => none(page.complaints));
  await t.check('a turned direction is marked and ends with its token', async () => {
    const marks = await page.evaluate(() => [...document.querySelectorAll('.passage .t')].filter((s) => /[\u202a-\u202e]/.test(s.textContent)).length);
    equal(marks, 0, 'tokens with the character itself');
    equal(await page.locator('.passage .t').first().evaluate((s) => getComputedStyle(s).unicodeBidi), 'isolate', 'direction of tokens');
  });
  await t.close(page);
}

// ---- numbers ---------------------------------------------------------------------------------------------------

function readTensors(file) {
  const bytes = readFileSync(file);
  const size = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + size).toString());
  return (name) => {
    const { dtype, shape, data_offsets: [from, to] } = header[name];
    const part = bytes.buffer.slice(bytes.byteOffset + 8 + size + from, bytes.byteOffset + 8 + size + to);
    return { shape, values: dtype === 'F32' ? new Float32Array(part) : new Int32Array(part) };
  };
}

// Activations of 20 latents on all rows but first positions, in double precision, from the SAE's weights alone.
function recompute(t, name) {
  const acts = readTensors(join(t.scratch, 'acts/acts-00000.safetensors'));
  const sae = readTensors(join(t.scratch, `saes/${name}/sae_weights.safetensors`));
  const config = JSON.parse(readFileSync(join(t.scratch, `saes/${name}/cfg.json`), 'utf8'));
  const { values: x, shape: [rows, d] } = acts('acts');
  const positions = acts('positions').values, W = sae('W_enc').values, b = sae('b_enc').values, bDec = sae('b_dec').values, theta = sae('threshold').values;
  const n = b.length, wanted = Array.from({ length: 20 }, (_, i) => i * 3);
  const centre = config.apply_b_dec_to_input !== false;
  const found = wanted.map((id) => ({ id, n: 0, max: 0, sum: 0, values: [] }));
  let tokens = 0;
  for (let r = 0; r < rows; r++) {
    if (positions[r] === 0) continue;
    tokens++;
    found.forEach((l) => {
      let z = b[l.id];
      for (let j = 0; j < d; j++) z += (x[r * d + j] - (centre ? bDec[j] : 0)) * W[j * n + l.id];
      if (!(z > theta[l.id] && z > 0)) return;
      l.n++;
      l.sum += z;
      l.max = Math.max(l.max, z);
      l.values.push(z);
    });
  }
  return { tokens, found };
}

async function checkNumbers(t, site) {
  const { tokens, found } = recompute(t, small);
  const page = await visit(t, site, `/s/${small}`);
  isText(await page.locator('#foot').textContent(), `${tokens.toLocaleString('en')} tokens`, 'tokens of the database');
  for (const l of found) {
    await page.goto(`${site.url}/s/${small}/f/${l.id}?v=1`);
    await drawn(page);
    await t.check(`latent ${l.id}: the page's numbers are those of the activations`, async () => {
      const stats = await page.evaluate(() => Object.fromEntries([...document.querySelectorAll('aside dl.pairs dt')].map((dt) => [dt.textContent, dt.nextElementSibling.textContent])));
      equal(stats['fires on'], `${l.n.toLocaleString('en')} tokens`, 'firings');
      if (l.n === 0) return;
      const near = (text, value, what) => assert(Math.abs(Number(text.replace(/,/g, '').replace('\u2212', '-')) - value) <= 6e-4 * Math.abs(value) + 1e-6, `${what}: ${text} is not ${value}`);
      near(stats.max, l.max, 'max');
      near(stats.mean, l.sum / l.n, 'mean');
      l.values.sort((a, b) => a - b);
      near(stats.median, l.values[Math.ceil(l.n / 2) - 1], 'median');
      const peak = await page.locator('.texts .peak').first().textContent();
      assert(Math.abs(Number(peak) - l.max) <= 6e-3 * l.max, `the strongest text has ${peak}, not ${l.max}`);
    });
  }
  await t.close(page);
}

// The recovered share that sae eval prints for the same tokens.
async function checkLosses(t, site) {
  const { saes } = JSON.parse(t.run('eval', `saes/${small}`, '--acts', 'acts', '--model', join(root, 'demo/model'), '--text', 'text.txt', '--text-tokens', '5k', '--json'));
  const page = await visit(t, site, '/');
  await t.check('recovered cross-entropy is that of sae eval', async () => {
    const cells = await page.locator('tbody tr').filter({ hasText: small }).locator('td').allTextContents();
    const at = (await page.locator('thead th').allTextContents()).findIndex((text) => text.startsWith('CE recovered'));
    const wanted = 100 * saes[0].ce.recovered;
    assert(Math.abs(Number(cells[at].replace('%', '').replace('\u2212', '-')) - wanted) <= 0.06, `${cells[at]} is not ${wanted}`);
  });
  await t.close(page);
}

// What is said where scripts do not run.
async function checkWithoutScripts(t, site) {
  const page = await t.open(`${site.url}/s/${small}`, { javaScriptEnabled: false, viewport: desktop.viewport }, (asked) => asked.startsWith(`${site.url}/`));
  await t.check('without scripts the page says what to do', async () => {
    assert(await page.locator('h1').isVisible(), 'no heading');
    for (const words of ['Allow scripts', 'sae dash export', 'sae latents', '/api/v1/saes']) isText(await page.locator('main').innerText(), words, 'the page');
    none(page.complaints);
  });
  await t.close(page);
}

await suite(async (t) => {
  makeDatabase(t);
  const site = await serve(t, ...withModel);
  const { items } = await (await fetch(`${site.url}/api/v1/saes/${large}/latents?vs=${small}&ids=3`)).json();
  for (const [name, address] of Object.entries(pages))
    for (const view of thorough.includes(name) ? [desktop, dark, phone] : [desktop, phone]) await checkPage(t, site, name, address.replace('{nearest}', items[0].vs_latent), view);
  await checkHostile(t, site);
  await checkNumbers(t, site);
  await checkLosses(t, site);
  await checkWithoutScripts(t, site);
  await t.check('Ctrl-C ends the server well', async () => equal(await site.stop(), 0, 'exit status'));
});
