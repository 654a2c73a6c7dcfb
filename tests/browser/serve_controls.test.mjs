// Every control and every key of the pages of sae serve: what they change, that the address has it, and that back and
// forward work; what is missing without --model and --labels; a server that ended.
import { assert, equal, suite } from './harness.mjs';
import { after, ascending, change, click, column, desktop, drawn, isText, large, makeDatabase, numbers, path, press, query, serve, small, visit, withModel } from './site.mjs';

async function checkSaes(t, site) {
  const page = await visit(t, site, '/', desktop);
  await t.check('SAEs: headings sort, and the address says so', async () => {
    await click(page, '#sort-n');
    equal(query(page).get('sort'), 'n', 'sort');
    assert(ascending(numbers(await column(page, 4))), 'not in order');
    equal(await page.locator('th[aria-sort]').getAttribute('aria-sort'), 'ascending', 'aria-sort');
    await click(page, '#sort-n');
    assert(ascending(numbers(await column(page, 4)).reverse()), 'not in reverse order');
    equal(await page.evaluate(() => document.activeElement.id), 'sort-n', 'what has the focus');
  });
  await t.check('SAEs: two that are ticked can be compared, and back works', async () => {
    assert(await page.locator('#compare').isDisabled(), 'it can be pressed too early');
    await click(page, `[id="tick-${small}"]`);
    await click(page, `[id="tick-${large}"]`);
    equal(query(page).get('tick'), `${small},${large}`, 'ticked');
    await click(page, '#compare');
    equal(path(page), `/c/${large}/${small}`, 'address');
    await after(page, () => page.goBack());
    assert(await page.locator(`[id="tick-${small}"]`).isChecked(), 'the tick is lost');
    await after(page, () => page.goForward());
    equal(path(page), `/c/${large}/${small}`, 'address after forward');
  });
  await t.check('SAEs: a point of the frontier leads to its SAE', async () => {
    await page.goto(`${site.url}/`);
    await drawn(page);
    await click(page, `svg a[href="/s/${small}"] circle`);
    equal(path(page), `/s/${small}`, 'address');
  });
  await t.check('nothing was complained of', () => equal(page.complaints.join(' | '), '', 'complaints'));
  await t.close(page);
}

async function checkTable(t, site) {
  const page = await visit(t, site, `/s/${large}`, desktop);
  await t.check('table: every heading sorts both ways', async () => {
    for (const name of ['max', 'mean', 'n_active', 'max_cos']) {
      await click(page, `#sort-${name}`);
      equal(`${query(page).get('sort')} ${query(page).get('dir')}`, `${name} desc`, 'order');
      await click(page, `#sort-${name}`);
      equal(query(page).get('dir'), 'asc', 'direction');
    }
    await click(page, '#sort-max');
    assert(ascending(numbers(await column(page, 4)).reverse()), 'the largest do not come first');
  });
  await t.check('table: on and back', async () => {
    await click(page, '#page-on');
    equal(query(page).get('offset'), '50', 'offset');
    isText(await page.locator('.pager').textContent(), '51 to 100 of 128', 'pager');
    await press(page, 'k');
    equal(query(page).get('offset'), null, 'offset');
    await press(page, 'j');
    equal(query(page).get('offset'), '50', 'offset');
  });
  await t.check('table: filters', async () => {
    await page.goto(`${site.url}/s/${large}`);
    await drawn(page);
    await change(page, '#f-min_max', '5');
    assert(numbers(await column(page, 4)).every((v) => v >= 5), 'smaller maxima are shown');
    await click(page, 'a:has-text("Clear filters")');
    equal(query(page).toString(), '', 'query');
    const token = (await column(page, 7))[0].replaceAll('\u00b7', ' ').trim();
    await change(page, '#f-tok', token);
    equal(query(page).get('tok'), token, 'token');
    assert((await page.locator('tbody tr').count()) >= 1, 'no latent has its own token');
    await page.goto(`${site.url}/s/${large}`);
    await drawn(page);
    await after(page, () => page.selectOption('#f-dead', 'only'));
    isText(await page.locator('.pager').textContent(), 'latents', 'pager');
    await after(page, () => page.selectOption('#f-dead', ''));
    await after(page, () => page.selectOption('#f-vs', small));
    equal(query(page).get('vs'), small, 'beside');
    await change(page, '#f-max_vs_cos', '0.5');
    assert(numbers(await column(page, 7)).every((v) => v <= 0.5), 'larger cosines are shown');
    // what needs the other SAE goes with it
    await after(page, () => page.selectOption('#f-vs', ''));
    equal(query(page).toString(), '', 'query without the other SAE');
    // what is no number stays at its field
    await page.locator('#f-min_max').fill('abc');
    await page.locator('#f-min_max').dispatchEvent('change');
    isText(await page.locator('.toast').textContent(), 'is not a number', 'toast');
    assert((await page.locator('tbody tr').count()) >= 1, 'the table is gone');
  });
  await t.check('a page that cannot be drawn has a way back', async () => {
    await page.goto(`${site.url}/s/${large}?sort=vs_cos`);
    await drawn(page);
    await click(page, 'a:has-text("The page without its filters")');
    assert((await page.locator('tbody tr').count()) >= 1, 'no table');
  });
  await t.check('table: a bar of the density filters', async () => {
    await page.goto(`${site.url}/s/${large}`);
    await drawn(page);
    await click(page, 'svg.chart .hit.link >> nth=2');
    assert(query(page).get('min_n_active') !== null && query(page).get('max_n_active') !== null, page.url());
  });
  await t.check('table: columns', async () => {
    await page.goto(`${site.url}/s/${large}`);
    await drawn(page);
    await page.locator('summary:has-text("Columns")').click();
    await click(page, '#c-skew');
    isText(await page.locator('thead').textContent(), 'Skew', 'headings');
    assert(query(page).get('cols').includes('skew'), page.url());
  });
  await t.check('table: a wrong filter is explained', async () => {
    await page.goto(`${site.url}/s/${large}?min_max=abc`);
    await drawn(page);
    isText(await page.locator('[role=alert]').textContent(), 'must be a number', 'message');
  });
  await t.check('table: a random latent', async () => {
    await page.goto(`${site.url}/s/${large}?sort=max&dir=desc`);
    await drawn(page);
    await click(page, '#random');
    assert(/\/f\/\d+$/.test(path(page)) && query(page).get('sort') === 'max', page.url());
  });
  await t.close(page);
}

async function checkLatent(t, site) {
  const page = await visit(t, site, `/s/${large}?sort=max&dir=desc`, desktop);
  const order = await column(page, 1);
  await t.check('latent: j and k follow the table that it was reached from', async () => {
    await click(page, 'tbody a.strong');
    equal(path(page), `/s/${large}/f/${order[0]}`, 'the first');
    for (const i of [1, 2]) {
      await press(page, 'j');
      equal(path(page), `/s/${large}/f/${order[i]}`, `number ${i + 1}`);
    }
    await press(page, 'k');
    await press(page, 'ArrowLeft');
    equal(path(page), `/s/${large}/f/${order[0]}`, 'the first again');
    await press(page, 'k');
    equal(path(page), `/s/${large}/f/${order[0]}`, 'nothing before the first');
    await click(page, '#next');
    await click(page, '#previous');
    equal(path(page), `/s/${large}/f/${order[0]}`, 'the buttons');
  });
  await t.check('latent: how texts are shown is in the address', async () => {
    const length = async () => (await page.locator('.passage').first().textContent()).length;
    await press(page, '1');
    equal(query(page).get('ctx'), '1', 'context');
    const short = await length();
    await press(page, '3');
    assert((await length()) > short, 'the whole context is not longer');
    await press(page, '2');
    equal(query(page).get('ctx'), null, 'context');
    await press(page, 'n');
    equal(query(page).get('nl'), '1', 'line breaks');
    await press(page, 'v');
    assert((await page.locator('.t .val').count()) > 0, 'no values');
    await press(page, 'v');
    await press(page, 'n');
    for (const id of ['ctx-1', 'ctx-3', 'ctx-2', 'nl', 'vals', 'hist-log', 'hist-linear']) {
      await click(page, `#${id}`);
      equal(await page.evaluate(() => document.activeElement.id), id, 'what has the focus');
    }
    await press(page, 'j');
    equal(query(page).get('nl'), '1', 'line breaks on the next latent');
  });
  await t.check('latent: one stop for each text, arrows move and are read out', async () => {
    const texts = await page.locator('.texts .passage').count();
    equal(await page.locator('.texts [tabindex="0"]').count(), texts, 'stops');
    await page.locator('.texts .passage').first().focus();
    await page.keyboard.press('ArrowRight');
    const first = await page.locator('#live').textContent();
    await page.locator('.hint').waitFor({ timeout: 5000 });
    await page.keyboard.press('ArrowRight');
    assert(first !== '' && (await page.locator('#live').textContent()) !== first, 'the next token is not read out');
    await page.keyboard.press('End');
    await page.keyboard.press('Shift+ArrowLeft');
    assert(/, [\d.]+$/.test(await page.locator('#live').textContent()), 'Shift does not lead to a firing');
    await page.keyboard.press('Escape');
    equal(await page.locator('.hint').count(), 0, 'hints after Escape');
    await page.locator('.texts .t').nth(2).hover();
    await page.locator('.hint').waitFor({ timeout: 5000 });
  });
  await t.check('latent: the hint stays with its token when moving scrolls the page', async () => {
    await page.mouse.move(0, 0);
    await page.setViewportSize({ width: 1280, height: 300 });
    const last = page.locator('.texts .passage').last();
    await last.evaluate((passage) => passage.focus({ preventScroll: true }));
    await page.evaluate(() => scrollTo(0, 0));
    await page.keyboard.press('ArrowRight');
    await page.waitForFunction(() => scrollY > 0);
    await drawn(page);
    const gap = await page.evaluate(() => {
      const hint = document.querySelector('.hint')?.getBoundingClientRect(), token = document.querySelector('.t.here').getBoundingClientRect();
      return hint ? Math.min(Math.abs(token.top - hint.bottom), Math.abs(hint.top - token.bottom)) : -1;
    });
    equal(Math.round(gap), 8, 'pixels between the token and its hint');
    await page.keyboard.press('Escape');
    await page.setViewportSize(desktop.viewport);
  });
  await t.check('latent: r, g, / and the search', async () => {
    await press(page, 'r');
    assert(/\/f\/\d+$/.test(path(page)), page.url());
    await press(page, 'g');
    await page.keyboard.type('17');
    await press(page, 'Enter');
    equal(path(page), `/s/${large}/f/17`, 'by number');
    await page.keyboard.press('Escape');
    await page.locator('h1').click();
    await page.keyboard.press('/');
    await page.keyboard.type('the');
    await press(page, 'Enter');
    equal(query(page).get('tok'), 'the', 'by token');
  });
  await t.check('latent: the list of keys, and keys that are off', async () => {
    await page.goto(`${site.url}/s/${large}/f/17`);
    await drawn(page);
    await page.keyboard.press('?');
    isText(await page.locator('dialog').textContent(), 'next latent of the table', 'list');
    await page.locator('#keys-on').uncheck();
    await page.keyboard.press('Escape');
    await press(page, 'j');
    equal(path(page), `/s/${large}/f/17`, 'keys are off');
    await page.keyboard.press('?');
    await page.locator('#keys-on').check();
    await page.locator('dialog button').click();
    await press(page, 'j');
    equal(path(page), `/s/${large}/f/18`, 'keys are on');
    await page.locator('#find').focus();
    await page.keyboard.type('jk1');
    equal(path(page), `/s/${large}/f/18`, 'keys while typing');
  });
  await t.check('latent: matches lead to both latents', async () => {
    await click(page, `aside a[href^="/c/${large}/${small}/f/18/"]`);
    assert(path(page).startsWith(`/c/${large}/${small}/f/18/`), page.url());
    await after(page, () => page.goBack());
    await click(page, `aside a[href="/c/${large}/${small}/n/18"]`);
    equal(path(page), `/c/${large}/${small}/n/18`, 'beside its nearest');
  });
  await t.check('nothing was complained of', () => equal(page.complaints.filter((line) => !line.includes('400')).join(' | '), '', 'complaints'));
  await t.close(page);
}

async function checkComparing(t, site) {
  const page = await visit(t, site, `/c/${large}/${small}`, desktop);
  const novel = async () => Number(await page.locator('.figures dd').first().evaluate((dd) => dd.firstChild.textContent));
  await t.check('compare: the threshold moves counts, table and address', async () => {
    await page.locator('#threshold').focus();
    const before = await novel();
    for (let i = 0; i < 20; i++) await page.keyboard.press('ArrowLeft');
    await page.waitForTimeout(50);
    await drawn(page);
    equal(query(page).get('th'), '0.5', 'threshold');
    assert((await novel()) < before, 'the count stays');
    equal(Number(/of (\d+)/.exec(await page.locator('.pager').textContent())?.[1] ?? 0), await novel(), 'latents in the table');
    equal(await page.evaluate(() => document.activeElement.id), 'threshold', 'what has the focus');
    await page.reload();
    await drawn(page);
    equal(await page.locator('#threshold').inputValue(), '0.5', 'threshold after reading it from the address');
  });
  await t.check('compare: which latents, and swapping', async () => {
    for (const which of ['shared', 'all']) {
      await click(page, `#which-${which}`);
      equal(query(page).get('which'), which, 'which');
    }
    isText(await page.locator('.pager').textContent(), 'of 128', 'all');
    await click(page, '#swap');
    equal(path(page), `/c/${small}/${large}`, 'swapped');
    await press(page, 'x');
    equal(path(page), `/c/${large}/${small}`, 'and back');
    assert((await page.locator('.plot canvas').count()) === 1, 'no dots');
  });
  await t.check('compare: a dot leads to its pair', async () => {
    const box = await page.locator('.plot').boundingBox();
    let found = false;
    for (let x = 60; x < box.width && !found; x += 9)
      for (let y = 20; y < 370 && !found; y += 9) {
        await page.mouse.move(box.x + x, box.y + y);
        found = await page.evaluate(() => document.querySelector('.plot svg').classList.contains('link'));
      }
    assert(found, 'no dot was found');
    isText(await page.locator('.hover').textContent(), 'latent', 'what the dot is');
    await after(page, () => page.mouse.down().then(() => page.mouse.up()));
    assert(path(page).startsWith(`/c/${large}/${small}/f/`), page.url());
  });
  await t.check('pair: next nearest, swap, both lines', async () => {
    await page.goto(`${site.url}/c/${large}/${small}/n/3`);
    await drawn(page);
    await click(page, '.stack h2 a');
    const first = path(page);
    assert((await page.locator('.shared .passage').count()) % 2 === 0, 'a line is missing');
    await click(page, '#next-nearest');
    assert(path(page) !== first, 'the same pair');
    const [, , , , , i, j] = path(page).split('/');
    await press(page, 'x');
    equal(path(page), `/c/${small}/${large}/f/${j}/${i}`, 'swapped');
    await press(page, '3');
    equal(query(page).get('ctx'), '3', 'context');
  });
  await t.check('pair: a neighbour beside its latent, then any other latent of any SAE', async () => {
    await page.goto(`${site.url}/s/${small}/f/3`);
    await drawn(page);
    await click(page, 'aside .links a[aria-label^="beside"]');
    assert(path(page).startsWith(`/c/${small}/${small}/f/3/`), path(page));
    assert((await page.locator('.shared .second .passage').count()) > 0, 'no lower lines');
    for (const [name, latent] of [[large, '101'], [small, '3']]) {
      await page.locator('#other-sae').selectOption(name);
      await page.locator('#other-latent').fill(latent);
      await click(page, '#beside button');
      equal(path(page), `/c/${small}/${name}/f/3/${latent}`, 'the pair');
    }
    const rows = await page.locator('.shared').evaluateAll((list) => list.map((row) => [...row.querySelectorAll(':scope > .peak')].map((part) => part.textContent)));
    assert(rows.length > 3, `${rows.length} texts`);
    for (const [upper, lower] of rows) equal(lower, upper, 'a latent beside itself');
  });
  await t.check('stitching: what is drawn', async () => {
    await page.goto(`${site.url}/c/${large}/${small}`);
    await drawn(page);
    await click(page, 'a:has-text("Stitching")');
    equal(path(page), '/stitch/1', 'address');
    for (const key of ['l0', 'fvu', 'mse']) {
      await click(page, `#y-${key}`);
      equal(query(page).get('y'), key === 'mse' ? null : key, 'what is drawn');
      equal(await page.locator('path.line').count(), 5, 'curves');
    }
  });
  await t.check('meta-SAE: from a latent to its parts and on to other latents', async () => {
    await page.goto(`${site.url}/meta/2`);
    await drawn(page);
    await page.locator('#latent').fill('3');
    await press(page, 'Enter');
    equal(query(page).get('l'), '3', 'latent');
    await click(page, 'section a[href^="/meta/2/m/"]');
    assert(path(page).startsWith('/meta/2/m/'), page.url());
    isText((await column(page, 1)).map((text) => text.split(' ')[0]).join(' '), '3', 'its latents');
    await click(page, 'a:has-text("all its parts")');
    assert(query(page).has('l'), page.url());
    await page.locator('#latent').fill('99999');
    await press(page, 'Enter');
    isText(await page.locator('[role=alert]').textContent(), 'there is no latent', 'message');
  });
  await t.check('family: root, threshold, keys', async () => {
    await page.goto(`${site.url}/tree?th=0.2`);
    await drawn(page);
    await press(page, 'j');
    const root = query(page).get('root');
    assert(root !== null, page.url());
    await change(page, '#th', '0.9');
    equal(query(page).get('th'), '0.9', 'threshold');
    equal(query(page).get('root'), root, 'root');
    await change(page, '#root', '5');
    equal(query(page).get('root'), '5', 'root');
  });
  await t.close(page);
}

async function checkKeyboard(t, site) {
  const page = await visit(t, site, '/', desktop);
  const tabTo = async (wanted) => {
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press('Tab');
      if (await page.evaluate((selector) => document.activeElement.matches(selector), wanted)) return;
    }
    throw new Error(`Tab does not lead to ${wanted}`);
  };
  await t.check('keyboard: from the front page to a token', async () => {
    await page.keyboard.press('Tab');
    equal(await page.evaluate(() => document.activeElement.className), 'skip', 'the first stop');
    await tabTo(`td a[href="/s/${small}"]`);
    await press(page, 'Enter');
    await tabTo('tbody a.strong');
    await press(page, 'Enter');
    assert(path(page).startsWith(`/s/${small}/f/`), page.url());
    await tabTo('.texts .passage');
    equal(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), 'solid', 'outline');
    await page.keyboard.press('ArrowRight');
    assert((await page.locator('#live').textContent()) !== '', 'nothing is read out');
  });
  await t.close(page);
}

await suite(async (t) => {
  makeDatabase(t);
  let site = await serve(t, ...withModel);
  await checkSaes(t, site);
  await checkTable(t, site);
  await checkLatent(t, site);
  await checkComparing(t, site);
  await checkKeyboard(t, site);
  await site.stop();
  site = await serve(t);
  const page = await visit(t, site, `/s/${small}/text`, desktop);
  await t.check('without --model and --labels the page says what it takes', async () => {
    isText(await page.locator('.notice').textContent(), '--model DIR', 'text');
    await page.goto(`${site.url}/s/${small}/f/7`);
    await drawn(page);
    isText(await page.locator('.label-box').textContent(), '--labels FILE', 'label');
    equal(await page.locator('#bookmark').count(), 0, 'bookmarks');
  });
  await site.stop();
  await t.check('a server that ended is said to have', async () => {
    await press(page, 'j');
    isText(await page.locator('[role=alert]').textContent(), 'does not answer', 'message');
  });
  await t.close(page);
});
