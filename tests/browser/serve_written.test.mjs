// What people type into the pages of sae serve: texts of their own, labels and lists; and what stays of a visit.
import { assert, equal, suite } from './harness.mjs';
import { after, ascending, click, column, desktop, drawn, isText, makeDatabase, numbers, path, press, query, serve, small, visit, withModel } from './site.mjs';

async function checkText(t, site) {
  const page = await visit(t, site, `/s/${small}/text`, desktop);
  await t.check('text: what fires on it', async () => {
    await page.locator('#text').fill('The decoder of the SAE\nand <b>its</b> rows');
    await page.locator('#text').press('Control+Enter');
    await page.waitForSelector('.tokens');
    await drawn(page);
    isText(query(page).get('t'), '<b>its</b>', 'text in the address');
    const all = await page.locator('tbody tr').count();
    assert(all > 0, 'nothing fires');
    await click(page, '.tokens button');
    equal(query(page).get('at'), '0', 'token');
    assert((await page.locator('tbody tr').count()) <= all, 'more fires on one token than on all');
    await click(page, '#all-tokens');
    await click(page, 'button:has-text("Shade")');
    assert((await page.locator('.tokens .t[class*=" a"]').count()) > 0, 'no token is shaded');
    for (const by of ['ratio', 'count', 'max']) await click(page, `#by-${by}`);
    assert(ascending(numbers(await column(page, 2)).reverse()), 'not by activation');
    await page.locator('#text').fill('Another');
    await click(page, '#run');
    equal(query(page).get('t'), 'Another', 'text');
  });
  await t.close(page);
}

async function checkLabels(t, site) {
  const page = await visit(t, site, `/s/${small}/f/7`, desktop);
  await t.check('labels: written, shown in the table, found, removed', async () => {
    await click(page, '#label-edit');
    await page.locator('#label-text').fill('rows <i>of</i> tables');
    await click(page, '#label-save');
    equal(await page.locator('.label').textContent(), 'rows <i>of</i> tables', 'label');
    await page.goto(`${site.url}/s/${small}?label=TABLES`);
    await drawn(page);
    equal(await page.locator('tbody tr').count(), 1, 'latents with the label');
    isText(await page.locator('tbody').textContent(), 'rows <i>of</i> tables', 'table');
    await click(page, 'tbody a.strong');
    await click(page, '#label-edit');
    await page.keyboard.press('Escape');
    equal(await page.locator('#label-text').count(), 0, 'fields after Escape');
    await click(page, '#label-edit');
    await click(page, '#label-remove');
    equal(await page.locator('.label').textContent(), 'No label yet', 'label');
    // what is written and not saved stays when the page is drawn anew
    await click(page, '#label-edit');
    await page.locator('#label-text').fill('half a lab');
    await click(page, '#hist-log');
    equal(await page.locator('#label-text').inputValue(), 'half a lab', 'the label that is being written');
    await page.locator('#label-cancel').click();
    equal(await page.locator('#label-text').count(), 0, 'fields after Cancel');
  });
  await t.check('lists: bookmarks, other lists, and taking off', async () => {
    await press(page, 'b');
    await page.waitForSelector('#bookmark[aria-pressed=true]');
    // a box says what is stored, however often it is pressed
    await page.locator('#lists').click();
    for (const on of [false, true]) {
      await after(page, () => page.locator('dialog input[type=checkbox]').first().setChecked(on));
      await page.waitForSelector(`#bookmark[aria-pressed=${on}]`);
    }
    await page.locator('dialog button:has-text("Close")').click();
    await page.locator('#lists').click();
    await page.locator('#new-list').fill('Nouns & "verbs"');
    await after(page, () => page.locator('#new-list').press('Enter'));
    await page.waitForSelector('.toast');
    await page.goto(`${site.url}/lists`);
    await drawn(page);
    isText(await page.locator('main').textContent(), 'Nouns & "verbs"', 'lists');
    await click(page, 'a:has-text("Nouns")');
    isText(await page.locator('tbody').textContent(), '7', 'the list');
    await click(page, 'tbody button');
    isText(await page.locator('main').textContent(), 'It is empty', 'the list');
    await click(page, '#list-remove');
    equal(path(page), '/lists', 'address');
    await page.locator('#list-name').fill('Another');
    await press(page, 'Enter');
    isText(await page.locator('main').textContent(), 'Another', 'lists');
    await page.goto(`${site.url}/s/${small}/f/7`);
    await drawn(page);
    await press(page, 'b');
    await page.waitForSelector('#bookmark[aria-pressed=false]');
  });
  await t.check('theme: the button changes it, and it stays', async () => {
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const before = await ground();
    await page.locator('button[aria-label="Light or dark"]').click();
    const now = await ground();
    assert(now !== before, 'nothing changes');
    await page.reload();
    await drawn(page);
    equal(await ground(), now, 'ground after reading anew');
  });
  await t.check('nothing was complained of', () => equal(page.complaints.join(' | '), '', 'complaints'));
  await t.close(page);
}

// From the front page to a text, by keyboard alone.
await suite(async (t) => {
  makeDatabase(t);
  const site = await serve(t, ...withModel);
  await checkText(t, site);
  await checkLabels(t, site);
  await site.stop();
});
