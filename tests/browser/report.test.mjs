// The reports of sae compare and sae stitch: complete in themselves, readable at every width, in the light and in the
// dark, on paper, by keyboard and by screen reader.
import { cpSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { accessibilityFaults, assert, equal, root, suite } from './harness.mjs';
import { contrastFaults, figureFaults, textFaults } from './figures.mjs';

const views = [
  { name: 'desktop', viewport: { width: 1280, height: 900 } },
  { name: 'tablet', viewport: { width: 700, height: 900 } },
  { name: 'phone', viewport: { width: 320, height: 640 } },
];
const schemes = ['light', 'dark'];
// Pages that are seen in every view; the others on the smallest and, in the dark, on the largest.
const thorough = ['two', 'family', 'meta', 'stitch'];
const none = (faults) => assert(faults.length === 0, faults.slice(0, 5).join(' | '));

// ---- pages to look at ------------------------------------------------------------------------------------------

function makePages(t) {
  const docs = readdirSync(join(root, 'docs')).filter((file) => file.endsWith('.md')).sort();
  writeFileSync(join(t.scratch, 'text.txt'), docs.map((file) => readFileSync(join(root, 'docs', file), 'utf8')).join('\n'));
  t.run('harvest', '--model', join(root, 'demo/model'), '--layer', '4', '--text', 'text.txt', '--max-tokens', '4k', '--out', 'acts');
  t.run('train', '--acts', 'acts', '--batch', '256', '--held-out', '0.1', '--width', '32,64,128,1400', '--k', '4', '--tokens', '12k', '--out', 'saes');
  const sae = (width) => `saes/batchtopk-${width}-k4`;
  const hostile = 'saes/<svg onload=alert(1)>\u202e"><script>alert(2)<';
  cpSync(join(t.scratch, sae(64)), join(t.scratch, hostile), { recursive: true });
  const compare = (out, ...saes) => t.run('compare', ...saes, '--acts', 'acts', '--out', out, '--latent', '3', '--min-active', '2');
  const stitch = (out, ...saes) => t.run('stitch', ...saes, '--acts', 'acts', '--out', out);
  compare('two', sae(64), sae(128));
  compare('many', sae(128), sae(1400));
  compare('same', sae(64), sae(64));
  compare('hostile', hostile, sae(128));
  compare('family', sae(32), sae(64), sae(128), sae(1400));
  t.run('meta', sae(1400), '--width', '64', '--k', '4', '--epochs', '3', '--against', sae(64), '--out', 'meta');
  t.run('stitch', sae(64), sae(128), '--acts', 'acts', '--model', join(root, 'demo/model'), '--text', 'text.txt',
    '--text-tokens', '512', '--ce-points', '4', '--out', 'stitch');
  stitch('stitch-many', sae(128), sae(1400));
  stitch('stitch-same', sae(64), sae(64));
  return ['two', 'many', 'same', 'hostile', 'family', 'family/1-2', 'meta', 'stitch', 'stitch-many', 'stitch-same'].map((name) => join(t.scratch, name, 'index.html'));
}

// ---- checks of a page ------------------------------------------------------------------------------------------

async function checkView(t, url, name, options) {
  const page = await t.open(url, options);
  await t.check(`${name}: nothing is loaded, run or complained of`, () => none(page.complaints));
  await t.check(`${name}: no part is wider than the screen`, async () => {
    const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert(wide <= screen, `${wide} pixels on a screen of ${screen}`);
  });
  await t.check(`${name}: texts of pictures are within them and apart`, async () => none(await textFaults(page)));
  await t.check(`${name}: texts of pictures stand out`, async () => none(await contrastFaults(page)));
  await t.check(`${name}: figures are complete`, async () => none(await figureFaults(page)));
  await t.check(`${name}: accessible`, async () => none(await accessibilityFaults(page)));
  await page.evaluate(() => document.querySelectorAll('details').forEach((part) => { part.open = true; }));
  await t.check(`${name}: accessible with all tables open`, async () => none(await accessibilityFaults(page)));
  await t.check(`${name}: no part is wider than the screen with all tables open`, async () => {
    const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert(wide <= screen, `${wide} pixels on a screen of ${screen}`);
  });
  await t.close(page);
}

// Tab reaches every control in order, each is seen when it is reached, and Enter opens a table.
async function checkKeyboard(t, url, name) {
  const page = await t.open(url, { viewport: views[0].viewport });
  await t.check(`${name}: the keyboard reaches every control`, async () => {
    const wanted = await page.evaluate(() => {
      const parts = [...document.querySelectorAll('a[href], summary, [tabindex="0"]')]
        .filter((part) => part.checkVisibility({ contentVisibilityAuto: true }) && !(part.closest('details:not([open])') && part.localName !== 'summary'));
      parts.forEach((part, i) => { part.dataset.stop = i; });
      return parts.length;
    });
    assert(wanted > 10, `only ${wanted} controls`);
    for (let stop = 0; stop < wanted; stop += 1) {
      await page.keyboard.press('Tab');
      const [reached, outline] = await page.evaluate(() => [document.activeElement.dataset.stop, getComputedStyle(document.activeElement).outlineStyle]);
      equal(reached, String(stop), `stop ${stop}`);
      assert(outline !== 'none', `stop ${stop} has no visible focus`);
    }
  });
  await t.check(`${name}: the first stop leads past the contents, and is seen`, async () => {
    await page.reload();
    await page.keyboard.press('Tab');
    const [href, left] = await page.evaluate(() => [document.activeElement.getAttribute('href'), document.activeElement.getBoundingClientRect().left]);
    equal(href, '#main', 'the first stop');
    assert(left >= 0, 'the link stays hidden');
  });
  await t.check(`${name}: Enter opens a table`, async () => {
    await page.locator('summary').first().focus();
    await page.keyboard.press('Enter');
    assert(await page.locator('details').first().evaluate((part) => part.open), 'it stays closed');
  });
  await t.close(page);
}

async function checkPaper(t, url, name) {
  const page = await t.open(url, { viewport: views[2].viewport, colorScheme: 'dark' });
  await t.check(`${name}: on paper it is light, wide and without controls`, async () => {
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    const [ground, controls, narrow, wide] = await page.evaluate(() => [
      getComputedStyle(document.body).backgroundColor,
      [...document.querySelectorAll('nav, .skip, .tools')].filter((part) => getComputedStyle(part).display !== 'none').length,
      [...document.querySelectorAll('svg.narrow')].filter((svg) => getComputedStyle(svg).display !== 'none').length,
      [...document.querySelectorAll('svg.wide')].filter((svg) => getComputedStyle(svg).display !== 'none').length,
    ]);
    equal(ground, 'rgb(255, 255, 255)', 'ground');
    equal(controls, 0, 'controls');
    equal(narrow, 0, 'narrow pictures');
    assert(wide >= 3, `${wide} wide pictures`);
  });
  await t.close(page);
}

async function checkLinks(t, file, name) {
  const page = await t.open(pathToFileURL(file).href);
  await t.check(`${name}: every link leads somewhere`, async () => {
    const links = await page.evaluate(() => [...document.querySelectorAll('a[href]')].map((link) => link.getAttribute('href')));
    for (const link of links) {
      if (link.startsWith('data:image/svg+xml;base64,')) continue;
      if (link.startsWith('#')) assert(await page.evaluate((id) => document.getElementById(id) !== null, link.slice(1)), link);
      else assert(existsSync(join(dirname(file), link)), `${link} is not there`);
    }
  });
  await t.check(`${name}: a picture can be downloaded`, async () => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.locator('a[download]').first().click()]);
    assert(readFileSync(await download.path(), 'utf8').startsWith('<svg '), 'no picture came');
  });
  await t.close(page);
}

async function checkPictures(t, folder, name) {
  for (const file of readdirSync(folder).filter((entry) => entry.endsWith('.svg'))) {
    for (const colorScheme of schemes) {
      const page = await t.open(pathToFileURL(join(folder, file)).href, { colorScheme });
      await t.check(`${name}/${file}, ${colorScheme}: loads and reads well by itself`, async () => {
        none(page.complaints);
        none(await textFaults(page));
        none(await contrastFaults(page));
      });
      await t.close(page);
    }
  }
}

await suite(async (t) => {
  for (const file of makePages(t)) {
    const url = pathToFileURL(file).href;
    const name = relative(t.scratch, dirname(file));
    for (const view of views)
      for (const colorScheme of schemes)
        if (thorough.includes(name) || (view === views[0] && colorScheme === 'dark') || (view === views.at(-1) && colorScheme === 'light'))
          await checkView(t, url, `${name}, ${view.name}, ${colorScheme}`, { viewport: view.viewport, colorScheme });
    if (thorough.includes(name)) {
      await checkKeyboard(t, url, name);
      await checkPaper(t, url, name);
    }
    await checkLinks(t, file, name);
    await checkPictures(t, dirname(file), name);
  }
  await t.check('a page without its style is noticed', async () => {
    const broken = join(t.scratch, 'broken.html');
    writeFileSync(broken, readFileSync(join(t.scratch, 'two/index.html'), 'utf8').replace('h1{', 'h1{ '));
    const page = await t.open(pathToFileURL(broken).href);
    assert(page.complaints.some((line) => line.includes('Content Security Policy')), 'the policy let another style pass');
    await t.close(page);
  });
});
