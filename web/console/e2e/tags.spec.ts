import type { APIRequestContext, Locator, Page } from '@playwright/test';
import { expect, mayRestart, open, restart, test, violations } from './fixture';

const PREFIX = 'e2e.';

async function named(request: APIRequestContext, name: string) {
  const { items } = await (await request.get(`api/v1/tags?name=${name}`)).json();
  return items[0] as { id: number; value: unknown } | undefined;
}

async function make(request: APIRequestContext, tag: Record<string, unknown>): Promise<void> {
  const reply = await request.post('api/v1/tags', { data: tag });
  expect(reply.status(), await reply.text()).toBe(201);
}

async function versionOf(request: APIRequestContext, id: number): Promise<string> {
  return (await request.get(`api/v1/tags/${id}/definition`)).headers()['etag']!;
}

async function remove(request: APIRequestContext, name: string): Promise<void> {
  const tag = await named(request, name);
  if (!tag) return;
  const reply = await request.delete(`api/v1/tags/${tag.id}`, { headers: { 'if-match': await versionOf(request, tag.id) } });
  expect([200, 204], await reply.text()).toContain(reply.status());
}

/** Changes a tag as another client does. */
async function change(request: APIRequestContext, name: string, patch: Record<string, unknown>): Promise<void> {
  const { id } = (await named(request, name))!;
  const reply = await request.patch(`api/v1/tags/${id}`, {
    headers: { 'if-match': await versionOf(request, id), 'content-type': 'application/merge-patch+json' },
    data: JSON.stringify(patch),
  });
  expect(reply.ok(), await reply.text()).toBe(true);
}

const panelOf = (page: Page, name: string) => page.getByRole('complementary', { name, exact: true });
const section = (dialog: Locator, title: string) => dialog.locator('summary').filter({ has: dialog.page().getByRole('heading', { name: title }) });

test.beforeEach(async ({ request }) => {
  const { items } = await (await request.get(`api/v1/tags?q=${PREFIX}&limit=1000`)).json();
  for (const { name } of items as { name: string }[]) if (name.startsWith(PREFIX)) await remove(request, name);
});

test('a tag is made, its unit, filter and dead-band are changed, and all survives a restart', async ({ page, request }) => {
  const name = `${PREFIX}level`;
  await open(page, 'tags');
  await page.getByRole('button', { name: 'New tag' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name', { exact: true }).fill(name);
  await dialog.getByLabel('Quantity').selectOption('level');
  await dialog.getByLabel('Source unit').selectOption('cm');
  await dialog.getByLabel('Range, low end').fill('0');
  await dialog.getByLabel('Range, high end').fill('20');
  await dialog.getByLabel('Value comes from').selectOption('whoever writes it');
  await dialog.getByLabel('Initial value').fill('5');
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Create' }).click();
  await expect(dialog).toBeHidden();

  const panel = panelOf(page, name);
  const figure = panel.locator('.big .figure');
  await expect(panel.locator('.big')).toContainText('cm');
  await expect(figure).toHaveText('5.00');
  await expect(panel.locator('.facts')).toContainText('good');
  await expect(panel.locator('.facts')).toContainText(/\(\d+ s\)|\(\d+ min \d+ s\)/);

  await panel.getByRole('button', { name: 'Edit…' }).click();
  await dialog.getByLabel('Source unit').selectOption('mm');
  await dialog.getByLabel('Display unit').selectOption('m');
  await section(dialog, 'Conditioning').click();
  await dialog.getByLabel('Filter', { exact: true }).selectOption('first-order lag');
  await dialog.getByLabel('Time constant').fill('2000');
  await dialog.getByLabel('Dead-band', { exact: true }).selectOption('absolute');
  await dialog.getByLabel('Dead-band, width').fill('0,25');
  await dialog.getByRole('button', { name: 'Review…' }).click();
  const changes = dialog.getByRole('list', { name: 'Changes' });
  await expect(changes.getByRole('row', { name: /^Source unit cm → mm/ })).toBeVisible();
  await expect(changes.getByRole('row', { name: /^Dead-band: absolute – → 0.25/ })).toBeVisible();
  await expect(changes.getByRole('row', { name: /^Filter: lag.time_constant_ms – → 2000/ })).toBeVisible();
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog).toBeHidden();

  const kept = async () => {
    const tag = (await named(request, name))!;
    return (await (await request.get(`api/v1/tags/${tag.id}/definition`)).json()).definition;
  };
  const holds = async () => {
    await expect(figure).toHaveText(/^\d+\.\d+$/);
    await expect(panel.locator('.big .unit')).toHaveText('m');
    await expect(panel.locator('.facts')).toContainText('filter first-order lag 2 s; dead-band 0.25 mm');
    await expect(panel.locator('.facts')).toContainText('shown in m');
  };
  await holds();
  const before = await kept();
  expect(before).toMatchObject({ unit: 'mm', display_unit: 'm', filter: { lag: { time_constant_ms: 2000 } }, dead_band: { absolute: 0.25 } });
  expect(await violations(page)).toEqual([]);

  if (mayRestart) {
    await restart(page);
    await open(page, `tags?tag=${name}`);
    await holds();
    expect(await kept()).toEqual(before);
  }
  await remove(request, name);
});

test('what is refused stands beside its field', async ({ page, watch }) => {
  watch.expected = [409, 422];
  await open(page, 'tags');
  await page.getByRole('button', { name: 'New tag' }).click();
  const dialog = page.getByRole('dialog');
  const create = dialog.getByRole('button', { name: 'Create' });
  const name = dialog.getByLabel('Name', { exact: true });
  await create.click();
  await expect(name).toHaveAttribute('aria-invalid', 'true');
  await expect(name).toHaveAccessibleDescription('must be filled in');
  await expect(name).toBeFocused();

  await name.fill('tank1.level');
  await expect(name).toHaveAttribute('aria-invalid', 'false');
  await dialog.getByLabel('Value comes from').selectOption('whoever writes it');
  await dialog.getByLabel('Range, low end').fill('much');
  await dialog.getByLabel('Range, high end').fill('20');
  await create.click();
  await expect(dialog.getByLabel('Range, low end')).toHaveAccessibleDescription('is no number');
  await dialog.getByLabel('Range, low end').fill('');
  await dialog.getByLabel('Range, high end').fill('');

  await create.click();
  await expect(name).toHaveAttribute('aria-invalid', 'true');
  await expect(name).toHaveAccessibleDescription(/tank1\.level|taken/);

  await name.fill(`${PREFIX}refused`);
  await section(dialog, 'Conditioning').click();
  const filter = dialog.getByLabel('Filter', { exact: true });
  await filter.selectOption('median');
  await dialog.getByLabel('Samples (odd)').fill('4');
  await section(dialog, 'Conditioning').click();
  await create.click();
  const samples = dialog.getByLabel('Samples (odd)');
  await expect(samples).toBeVisible();
  await expect(dialog.locator('[aria-invalid=true]').first()).toHaveAccessibleDescription(/odd/);
  expect(await violations(page)).toEqual([]);
  await page.screenshot({ path: 'test-results/screens/editor-refused.png', caret: 'initial', animations: 'allow' });

  await page.keyboard.press('Escape');
  await expect(dialog.getByRole('alert')).toContainText('Your input is not saved.');
  await dialog.getByRole('button', { name: 'Drop it' }).click();
  await expect(dialog).toBeHidden();
});

test('an expression is checked while it is typed', async ({ page }) => {
  await open(page, 'tags');
  await page.getByRole('button', { name: 'New tag' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Value comes from').selectOption('an expression');
  const expression = dialog.getByLabel('Expression');
  await expression.fill('tank1.level + )');
  await expect(dialog.getByText(/^At character 15:/)).toBeVisible();
  await expect(dialog.locator('pre')).toHaveText('tank1.level + )\n              ^');
  await expression.fill('tank1.level + tank2.level');
  await expect(dialog.getByText('Good. Reads tank1.level, tank2.level.')).toBeVisible();
});

test('the deletion of a used tag names its users', async ({ page, watch }) => {
  watch.expected = [409];
  await open(page, 'tags?tag=tank1.level');
  await panelOf(page, 'tank1.level').getByRole('button', { name: 'Delete…' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByRole('link', { name: 'tank1.level.high', exact: true })).toBeVisible();
  await dialog.getByRole('button', { name: 'Delete', exact: true }).click();
  await expect(dialog.getByRole('alert')).toContainText('tank1.level.high');
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await expect(panelOf(page, 'tank1.level').locator('.value.good .figure')).toHaveText(/\d/);
});

test('an unused tag is deleted', async ({ page, request }) => {
  const name = `${PREFIX}unused`;
  await make(request, { name, data_type: 'float', initial: 1 });
  await open(page, `tags?tag=${name}`);
  await expect(panelOf(page, name)).toContainText('Nothing uses it.');
  await panelOf(page, name).getByRole('button', { name: 'Delete…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await expect(panelOf(page, name)).toBeHidden();
  await expect(page.locator('.toast')).toContainText(`Tag ${name} deleted`);
  expect(await named(request, name)).toBeUndefined();
});

test('a tag is substituted and released', async ({ page, request }) => {
  const name = 'tank4.level';
  const { id } = (await named(request, name))!;
  await open(page, `tags?tag=${name}`);
  const panel = panelOf(page, name);
  const dialog = page.getByRole('dialog');
  try {
    await panel.getByRole('button', { name: 'Substitute…' }).click();
    await dialog.getByLabel('Value in place (cm)').fill('7.5');
    await dialog.getByRole('button', { name: 'Substitute', exact: true }).click();
    await expect(dialog.getByRole('alert')).toContainText('Reason');
    await dialog.getByLabel('Reason').fill('calibration');
    expect(await violations(page)).toEqual([]);
    await dialog.getByRole('button', { name: 'Substitute', exact: true }).click();
    await expect(dialog).toBeHidden();
    const value = panel.locator('.big .value');
    await expect(value).toHaveClass(/substituted/);
    await expect(value.locator('.figure')).toHaveText('7.50');
    await expect(panel.locator('.big')).toContainText('substituted');
    await expect(panel.locator('.facts')).toContainText('Of the device');
    expect(await violations(page)).toEqual([]);

    await panel.getByRole('button', { name: 'Release…' }).click();
    await dialog.getByRole('button', { name: 'Release', exact: true }).click();
    await expect(dialog).toBeHidden();
    await expect(value).not.toHaveClass(/substituted/);
    await expect(panel.getByRole('button', { name: 'Substitute…' })).toBeVisible();
  } finally {
    await request.delete(`api/v1/tags/${id}/substitute`);
  }
});

test('a value is shown and written in the display unit', async ({ page, request }) => {
  const name = `${PREFIX}temperature`;
  await make(request, { name, quantity: 'temperature', unit: '°C', display_unit: '°F', range: { low: -50, high: 150 }, initial: 100, writable: true });
  await open(page, `tags?tag=${name}`);
  const panel = panelOf(page, name);
  await expect(panel.locator('.big .figure')).toHaveText(/^212(\.0+)?$/);
  await expect(panel.locator('.big .unit')).toHaveText('°F');
  await expect(panel.locator('.facts')).toContainText('-58 … 302 °F');

  await panel.getByRole('button', { name: 'Write…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('New value (°F)').fill('32');
  await dialog.getByRole('button', { name: 'Continue' }).click();
  await expect(dialog).toContainText('0 °C');
  await dialog.getByRole('button', { name: 'Write', exact: true }).click();
  await expect(dialog).toBeHidden();
  await expect(panel.locator('.big .figure')).toHaveText(/^32(\.0+)?$/);
  expect((await named(request, name))!.value).toBe(0);

  await page.goto(`trends?tag=${name}&span=2m`);
  await expect(page.locator('.stage tbody .unit')).toHaveText('°F');
  await expect(page.locator('.stage tbody .figure')).toHaveText(/^32(\.0+)?$/);
  await page.goto('about:blank');
  await remove(request, name);
});

test('who edits is told when someone else changed the tag', async ({ page, request, watch }) => {
  watch.expected = [412];
  const name = `${PREFIX}shared`;
  await make(request, { name, data_type: 'float', description: 'first', initial: 1 });
  await open(page, `tags?tag=${name}`);
  await panelOf(page, name).getByRole('button', { name: 'Edit…' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByLabel('Description')).toHaveValue('first');
  await dialog.getByLabel('Display name').fill('Mine');

  await change(request, name, { description: 'second' });
  await dialog.getByRole('button', { name: 'Review…' }).click();
  await expect(dialog.getByRole('alert')).toContainText('Someone changed this tag meanwhile');
  await dialog.getByRole('button', { name: 'Reload, keep my input' }).click();
  await expect(dialog.getByLabel('Description')).toHaveValue('second');
  await expect(dialog.getByLabel('Display name')).toHaveValue('Mine');
  await dialog.getByRole('button', { name: 'Review…' }).click();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog).toBeHidden();
  await expect(panelOf(page, name)).toContainText('Mine · second');
  await page.goto('about:blank');
  await remove(request, name);
});

test('lists follow when tags are made, renamed and deleted elsewhere', async ({ page, request }) => {
  const name = `${PREFIX}elsewhere`;
  await open(page, `tags?q=${PREFIX}`);
  await make(request, { name, data_type: 'float', initial: 3 });
  const row = page.getByRole('row', { name });
  await expect(row).toBeVisible();
  await expect(row.locator('.value.good .figure')).toHaveText('3.00');
  await change(request, name, { name: `${name}.renamed` });
  await expect(page.getByRole('button', { name: `${name}.renamed`, exact: true })).toBeVisible();
  await remove(request, `${name}.renamed`);
  await expect(page.getByRole('button', { name: `${name}.renamed`, exact: true })).toBeHidden();
});

test('lists and open dialogs follow when a definition is changed elsewhere', async ({ page, request }) => {
  const name = `${PREFIX}followed`;
  await make(request, { name, quantity: 'length', unit: 'cm', writable: true, initial: 5 });
  await open(page, `tags?q=${PREFIX}`);
  const row = page.getByRole('row', { name });
  await expect(row.locator('.value .unit')).toHaveText('cm');
  await change(request, name, { display_unit: 'm' });
  await expect(row.locator('.value .unit')).toHaveText('m');
  await expect(row.locator('.value .figure')).toHaveText(/^0\.05/);

  await page.getByRole('button', { name, exact: true }).click();
  await panelOf(page, name).getByRole('button', { name: 'Substitute…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Value in place (m)').fill('2');
  await change(request, name, { name: `${name}.renamed`, display_unit: 'mm' });
  await expect(dialog.getByRole('alert')).toContainText('unit was changed meanwhile');
  await expect(dialog.getByLabel('Value in place (mm)')).toHaveValue('');
  await expect(page).toHaveURL(/followed\.renamed/);
  expect(await violations(page)).toEqual([]);
  await page.goto('about:blank');
  await remove(request, `${name}.renamed`);
});

test('a value in a unit that was changed meanwhile is not written', async ({ page, request, watch }) => {
  watch.expected = [409];
  const name = `${PREFIX}meanwhile`;
  await make(request, { name, quantity: 'length', unit: 'cm', writable: true, initial: 5 });
  await open(page, `tags?q=${PREFIX}`);
  await page.getByRole('button', { name: `Write ${name}`, exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('New value (cm)').fill('7');
  await dialog.getByRole('button', { name: 'Continue' }).click();

  let letThrough = () => {};
  const held = new Promise<void>((resolve) => (letThrough = resolve));
  await page.route(/api\/v1\/tags\?/, async (route) => {
    await held;
    await route.continue();
  });
  await change(request, name, { unit: 'mm' });
  await dialog.getByRole('button', { name: 'Write', exact: true }).click();
  await expect(dialog.getByRole('alert')).toContainText('unit was changed meanwhile');
  expect((await named(request, name))!.value).not.toBe(7);
  letThrough();
  await expect(dialog.getByLabel('New value (mm)')).toHaveValue('7');
  await dialog.getByRole('button', { name: 'Continue' }).click();
  await dialog.getByRole('button', { name: 'Write', exact: true }).click();
  await expect(dialog).toBeHidden();
  expect((await named(request, name))!.value).toBe(7);
  await page.goto('about:blank');
  await remove(request, name);
});

test('a plant file is refused by line, planned, planned again after a change elsewhere, and applied', async ({ page, request, watch }) => {
  watch.expected = [412, 422];
  const name = `${PREFIX}file`;
  const text = await (await request.get('api/v1/plant/export?format=toml')).text();
  const file = (unit: string) => ({
    name: 'plant.toml',
    mimeType: 'application/toml',
    buffer: Buffer.from(`${text}\n[[tag]]\nname = "${name}"\nunit = "${unit}"\n`) as never,
  });
  await open(page, 'tags');
  await page.getByRole('button', { name: 'Plant file…' }).click();
  const dialog = page.getByRole('dialog');
  for (const link of ['Plant (TOML)', 'Tags (CSV)', 'Alarms (CSV)']) {
    await expect(dialog.getByRole('link', { name: link })).toHaveAttribute('href', /plant\/export\?format=/);
  }
  const input = dialog.getByLabel(/A plant in TOML/);
  await input.setInputFiles(file('furlong'));
  await expect(dialog.getByRole('row', { name: /^\d+ \d+ .*furlong/ })).toBeVisible();
  expect(await violations(page)).toEqual([]);
  await page.screenshot({ path: 'test-results/screens/plant-file-refused.png', caret: 'initial', animations: 'allow' });

  await input.setInputFiles(file('cm'));
  await expect(dialog.getByText('plant.toml would do this:')).toBeVisible();
  await expect(dialog.getByText(/^1 added/)).toBeVisible();
  await expect(dialog.getByRole('list', { name: 'Changes' })).toContainText(name);
  expect(await violations(page)).toEqual([]);

  // The file does not have this tag: the plan then removes it.
  const other = `${PREFIX}other`;
  await make(request, { name: other, data_type: 'float', initial: 1 });
  await dialog.getByRole('button', { name: 'Apply…' }).click();
  await dialog.getByRole('button', { name: 'Apply', exact: true }).click();
  await expect(dialog.getByText(/^Someone changed the plant/)).toBeVisible();
  expect(await named(request, name)).toBeUndefined();
  await expect(dialog.getByText(/^1 added, 0 changed, 0 renamed, 1 removed/)).toBeVisible();
  await expect(dialog.getByRole('list', { name: 'Changes' })).toContainText(other);
  expect(await violations(page)).toEqual([]);

  await dialog.getByRole('button', { name: 'Apply…' }).click();
  await expect(dialog).toContainText('Apply this to the running plant?');
  await dialog.getByRole('button', { name: 'Apply', exact: true }).click();
  await expect(dialog.getByText('plant.toml has been applied:')).toBeVisible();
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await page.getByRole('searchbox', { name: 'Search tags' }).fill(PREFIX);
  await expect(page.getByRole('button', { name, exact: true })).toBeVisible();
  expect(await named(request, other)).toBeUndefined();
  await page.goto('about:blank');
  await remove(request, name);
});

for (const scheme of ['light', 'dark'] as const) {
  for (const [size, viewport] of [['wide', { width: 1280, height: 800 }], ['narrow', { width: 360, height: 740 }]] as const) {
    test(`the editor and the plant file are accessible and fit, ${size} ${scheme}`, async ({ page }) => {
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize(viewport);
      const shot = (name: string) => page.screenshot({ path: `test-results/screens/${name}-${size}-${scheme}.png`, caret: 'initial', animations: 'allow' });
      const fits = async () => {
        const overflow = await page.getByRole('dialog').evaluate((dialog) => dialog.scrollWidth - dialog.clientWidth);
        expect(overflow, 'the dialog must not scroll sideways').toBeLessThanOrEqual(0);
        expect(await violations(page)).toEqual([]);
      };
      await open(page, 'tags?tag=tank1.level');
      const panel = panelOf(page, 'tank1.level');
      await panel.getByRole('button', { name: 'Edit…' }).click();
      const dialog = page.getByRole('dialog');
      await expect(dialog.getByLabel('Name', { exact: true })).toHaveValue('tank1.level');
      await shot('editor');
      for (const title of ['Conditioning', 'Timing', 'Writing', 'Keeping']) await section(dialog, title).click();
      for (const screen of ['Frozen', 'Outlier', 'Range', 'Rate of change', 'Drift']) await dialog.getByLabel(screen, { exact: true }).check();
      await dialog.getByLabel('Filter', { exact: true }).selectOption('Kalman');
      await dialog.getByLabel('Writable').check();
      await dialog.getByLabel('Rate of change', { exact: true }).scrollIntoViewIfNeeded();
      await fits();
      await shot('editor-conditioning');
      await page.keyboard.press('Escape');
      await dialog.getByRole('button', { name: 'Drop it' }).click();

      if (size === 'narrow') await panel.getByRole('button', { name: 'Close' }).click();
      await page.getByRole('button', { name: 'Plant file…' }).click();
      await expect(dialog.getByRole('link', { name: 'Plant (TOML)' })).toBeVisible();
      await fits();
      await shot('plant-file');
    });
  }
}
