// The page that sae dash export writes: complete in itself, runs offline under its own policy, readable at every width,
// in the light and in the dark, on paper, by keyboard and by screen reader; texts that mean harm stay text.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { accessibilityFaults, assert, equal, suite } from './harness.mjs';
import { contrastFaults } from './figures.mjs';
import { hostile, large, makeDatabase, small } from './site.mjs';

const views = [
  { name: 'desktop', viewport: { width: 1280, height: 900 } },
  { name: 'tablet', viewport: { width: 800, height: 900 } },
  { name: 'phone', viewport: { width: 320, height: 640 } },
];
const none = (faults) => assert(faults.length === 0, faults.slice(0, 5).join(' | '));
// Characters that cannot be seen, as the page marks them.
const marked = (text) => text.replace(/[\u0000-\u001f]/g, (c) => (c === '\n' ? '\u23ce' : String.fromCodePoint(0x2400 + c.codePointAt(0))))
  .replace(/[\u200d\u202e]/g, (c) => `U+${c.codePointAt(0).toString(16).toUpperCase()}`);
const at = (page, title) => page.locator('h1').getByText(title, { exact: true }).waitFor();
const heading = (page) => page.locator('h1').textContent();

// Opens the page at a latent; the hash is part of the URL that is asked for.
const open = (t, file, hash = '', options = {}) => t.open(pathToFileURL(file).href + hash, options);

async function narrowEnough(page) {
  const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert(wide <= screen, `${wide} pixels on a screen of ${screen}`);
}

async function checkView(t, file, hash, name, options) {
  const page = await open(t, file, hash, options);
  await t.check(`${name}: nothing is loaded or complained of`, () => none(page.complaints));
  await t.check(`${name}: no part is wider than the screen`, () => narrowEnough(page));
  await t.check(`${name}: accessible`, async () => none(await accessibilityFaults(page)));
  await page.evaluate(() => document.querySelectorAll('details').forEach((part) => { part.open = true; }));
  await t.check(`${name}: accessible with all tables open`, async () => none(await accessibilityFaults(page)));
  await t.check(`${name}: no part is wider with all tables open`, () => narrowEnough(page));
  await t.check(`${name}: texts of drawings stand out`, async () => none(await contrastFaults(page)));
  await t.close(page);
}

async function checkKeyboard(t, file) {
  const page = await open(t, file, '', { viewport: views[0].viewport });
  await t.check('the first stop leads past the list, and is seen', async () => {
    await page.keyboard.press('Tab');
    const left = await page.evaluate(() => [document.activeElement.className, document.activeElement.getBoundingClientRect().top]);
    equal(left[0], 'skip', 'the first stop');
    assert(left[1] >= 0, 'the link stays hidden');
    await page.keyboard.press('Enter');
    equal(await page.evaluate(() => document.activeElement.id), 'main', 'where it leads');
    equal(await heading(page), 'Latent 0', 'the latent after it');
  });
  await t.check('j and k go on and back, and stay within the list', async () => {
    for (const [key, wanted] of [['k', 'Latent 0'], ['j', 'Latent 1'], ['j', 'Latent 2'], ['k', 'Latent 1']]) {
      await page.keyboard.press(key);
      await at(page, wanted);
    }
    assert(page.url().endsWith(`#f/${small}/1`), page.url());
    equal(await page.locator('nav [aria-current="page"] .name').textContent(), `1${small}`, 'the current one of the list');
  });
  await t.check('back of the browser goes back', async () => {
    await page.goBack();
    await at(page, 'Latent 2');
  });
  await t.check('/ finds, j stays in what was found, Escape ends it', async () => {
    await page.keyboard.press('/');
    await page.keyboard.type(large);
    equal(await page.locator('#list li').count(), 128, 'found');
    equal(await page.locator('#found').textContent(), '128 of 192 latents', 'what is said');
    await page.keyboard.press('Enter');
    await page.locator('.eyebrow', { hasText: large }).waitFor();
    await page.locator('#main').focus();
    await page.keyboard.press('j');
    await at(page, 'Latent 1');
    await page.keyboard.press('/');
    await page.keyboard.press('Escape');
    equal(await page.locator('#list li').count(), 192, 'all again');
    equal(await page.evaluate(() => document.activeElement.id), 'main', 'the focus');
  });
  await t.check('keys can be turned off', async () => {
    await page.locator('#keys').uncheck();
    const before = await heading(page);
    await page.locator('#main').focus();
    await page.keyboard.press('j');
    await page.waitForTimeout(50);
    equal(await heading(page), before, 'the latent');
    await page.locator('#keys').check();
  });
  await t.check('arrows move over the tokens of a text, and say what they are', async () => {
    await page.locator('.passage').first().focus();
    await page.keyboard.press('ArrowRight');
    const peak = await page.locator('.passage').first().locator('.here').getAttribute('class');
    assert(peak.includes('pk'), `the cursor begins at ${peak}`);
    assert(/ \u00b7 activation [\d.]+$/.test(await page.locator('#say').textContent()), await page.locator('#say').textContent());
    assert(await page.locator('#hint').isVisible(), 'no hint');
    await page.keyboard.press('Home');
    equal(await page.locator('.passage').first().locator('.t').first().getAttribute('class').then((c) => c.includes('here')), true, 'Home');
    await page.keyboard.press('Escape');
    equal(await page.locator('#hint').count(), 0, 'hints after Escape');
    await page.keyboard.press('Tab');
    equal(await page.locator('.here').count(), 0, 'cursors after Tab');
  });
  await t.check('Tab reaches every control, and each is seen', async () => {
    await page.locator('#find').fill('1');
    const wanted = await page.evaluate(() => {
      const parts = [...document.querySelectorAll('main a[href], main summary, main [tabindex="0"]')].filter((part) => part.checkVisibility() && !(part.closest('details:not([open])') && part.localName !== 'summary'));
      parts.forEach((part, i) => { part.dataset.stop = i; });
      return parts.length;
    });
    assert(wanted > 10, `only ${wanted} controls`);
    await page.locator('#main').focus();
    for (let stop = 0; stop < wanted; stop += 1) {
      await page.keyboard.press('Tab');
      const [reached, outline] = await page.evaluate(() => [document.activeElement.dataset.stop, getComputedStyle(document.activeElement).outlineStyle]);
      equal(reached, String(stop), `stop ${stop}`);
      assert(outline !== 'none', `stop ${stop} has no visible focus`);
    }
  });
  await t.check('nothing was complained of on the way', () => none(page.complaints));
  await t.close(page);
}

async function checkPaper(t, file) {
  const page = await open(t, file, `#f/${small}/3`, { viewport: views[0].viewport, colorScheme: 'dark' });
  await t.check('on paper it is light and without controls', async () => {
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    const [ground, controls, texts] = await page.evaluate(() => [
      getComputedStyle(document.body).backgroundColor,
      [...document.querySelectorAll('nav, .skip, .step, details')].filter((part) => getComputedStyle(part).display !== 'none').length,
      [...document.querySelectorAll('.passage')].filter((part) => part.checkVisibility()).length,
    ]);
    equal(ground, 'rgb(255, 255, 255)', 'ground');
    equal(controls, 0, 'controls');
    assert(texts > 5, `${texts} texts`);
  });
  await t.close(page);
}

// What the page says against the database's own numbers.
async function checkNumbers(t, file) {
  t.run('dash', 'export', 'latents.db', '--sae', small, '--format', 'saedashboard', '--out', 'dashboard');
  const { features } = JSON.parse(readFileSync(join(t.scratch, 'dashboard/batch-0.json'), 'utf8'));
  const strongest = (f) => f.activations[0]?.tokens[f.activations[0].qualifying_token_index] ?? '';
  const feature = features.find((f) => /^ ?[a-z]+$/i.test(strongest(f)));
  const page = await open(t, file, `#f/${small}/${feature.feature_index}`);
  await t.check('the strongest text is that of the other formats', async () => {
    const peak = await page.locator('.texts .peak').first().textContent();
    const wanted = Math.max(...feature.activations[0].values);
    assert(Math.abs(Number(peak) - wanted) <= 6e-3 * wanted, `${peak} is not ${wanted}`);
    const texts = await page.locator('.texts .pk').first().textContent();
    equal(texts.trim(), strongest(feature).trim(), 'the peak');
  });
  await t.check('boosted tokens are those of the other formats', async () => {
    const texts = await page.locator('.effects section').first().locator('.tok').allTextContents();
    equal(texts.length, 10, 'boosted tokens');
    const signs = await page.locator('.effects section').first().locator('.n').allTextContents();
    equal(signs[0], `+${feature.pos_values[0].toFixed(2)}`, 'the largest effect');
  });
  await t.check('the histogram counts every firing', async () => {
    await page.evaluate(() => document.querySelectorAll('details').forEach((part) => { part.open = true; }));
    const counts = await page.locator('figure').first().locator('tbody td:nth-child(3)').allTextContents();
    const sum = counts.reduce((all, text) => all + Number(text.replaceAll(',', '')), 0);
    equal(sum, feature.freq_hist_data_bar_heights.reduce((all, n) => all + n, 0), 'firings');
  });
  await t.close(page);
}

async function checkHostile(t, file) {
  const data = JSON.parse(readFileSync(file, 'utf8').match(/id="data">(.*?)<\/script>/s)[1]);
  const joined = data.latents.map((f) => f.g.flatMap((g) => g[4].map((e) => e[4].map((id) => [data.words[id]].flat()[0]).join(''))).join('\n'));
  const page = await open(t, file);
  let seen = 0;
  for (const line of hostile) {
    const i = joined.findIndex((texts) => texts.includes(line));
    if (i < 0) continue;
    seen += 1;
    await t.check(`text that means harm stays text: ${JSON.stringify(line)}`, async () => {
      await page.goto(`${pathToFileURL(file).href}#f/${data.saes[data.latents[i].s].name}/${data.latents[i].i}`);
      const shown = (await page.locator('.passage').allTextContents()).join('\n');
      assert(shown.includes(marked(line)), 'it is not on the page');
      equal(await page.locator('main script, main img, main svg[onload]').count(), 0, 'elements made from text');
    });
  }
  await t.check('several harmful lines were looked at, and none did anything', () => {
    assert(seen >= 4, `only ${seen}`);
    none(page.complaints.filter((line) => !line.startsWith('request: file:')));
  });
  await t.check('an address that means nothing shows the first latent', async () => {
    for (const hash of ['#f/%', '#f/nobody/3', '#<img src=x onerror=alert(1)>']) {
      await page.goto(pathToFileURL(file).href + hash);
      equal(await heading(page), 'Latent 0', hash);
    }
    none(page.complaints.filter((line) => !line.startsWith('request: file:')));
  });
  await t.close(page);
}

async function checkPolicy(t, file) {
  await t.check('another program in the page does not run', async () => {
    const broken = join(t.scratch, 'broken.html');
    writeFileSync(broken, readFileSync(file, 'utf8').replace('"use strict";', '"use strict"; '));
    const page = await open(t, broken);
    assert(page.complaints.some((line) => line.includes('Content Security Policy')), 'the policy let it pass');
    equal(await page.locator('h1').count(), 0, 'headings');
    await t.close(page);
  });
}

// The same latents in plain HTML where scripts do not run.
async function checkWithoutScripts(t, file) {
  const options = { javaScriptEnabled: false, viewport: views[0].viewport };
  const page = await open(t, file, '', options);
  await t.check('without scripts every latent can be read', async () => {
    none(page.complaints);
    equal(await page.locator('article').count(), 192, 'latents');
    const { peaks, bold } = { peaks: await page.locator('article').nth(3).locator('.peak').allTextContents(), bold: await page.locator('article').nth(3).locator('.pk').count() };
    equal(bold, peaks.length, 'peaks in texts');
    assert(peaks.every((value, i) => i === 0 || Number(value) <= Number(peaks[i - 1])), `not from strong to weak: ${peaks}`);
    assert(!(await page.locator('nav').isVisible()), 'a list that does nothing is shown');
  });
  await t.check('without scripts harmful texts stay text', async () => {
    const shown = await page.locator('main').innerText();
    const seen = hostile.filter((line) => shown.includes(marked(line).replace(/[\u2400-\u241f]/g, (c) => `U+${(c.codePointAt(0) - 0x2400).toString(16).toUpperCase().padStart(4, '0')}`)));
    assert(seen.length >= 3, `only ${seen.length} were seen`);
    equal(await page.locator('main img, main svg, main script').count(), 0, 'elements made from text');
  });
  await t.close(page);
}

await suite(async (t) => {
  makeDatabase(t);
  const file = join(t.scratch, 'page.html'), one = join(t.scratch, 'one.html');
  t.run('dash', 'export', 'latents.db', '--out', 'page.html');
  t.run('dash', 'export', 'latents.db', '--sae', large, '--latents', '0-20', '--texts', '3', '--around', '0', '--out', 'one.html');
  for (const view of views)
    for (const colorScheme of ['light', 'dark'])
      await checkView(t, file, `#f/${small}/3`, `${view.name}, ${colorScheme}`, { viewport: view.viewport, colorScheme });
  await checkView(t, one, '', 'a small page, phone, dark', { viewport: views[2].viewport, colorScheme: 'dark' });
  await checkKeyboard(t, file);
  await checkPaper(t, file);
  await checkNumbers(t, file);
  await checkHostile(t, file);
  await checkPolicy(t, file);
  await checkWithoutScripts(t, file);
});
