import { expect, goodValues, open, test } from './fixture';

test('the server carries the built console', async ({ page, request }) => {
  const health = await (await request.get('api/v1/health')).json();
  expect(health.console).toBe('embedded');
  const response = await page.goto('');
  expect(response!.headers()['content-security-policy']).toContain("default-src 'self'");
  await expect(page.locator('nav.nav a')).toHaveCount(5);
});

test('an address that names no page leads back', async ({ page }) => {
  await page.goto('no-such-page');
  await page.locator('main').getByRole('link', { name: 'Overview' }).click();
  await expect(page.locator('.figures > a')).toHaveCount(4);
});

test('the overview shows health, links and key tags live', async ({ page, watch }) => {
  await open(page, '');
  await expect(page.locator('.figures > a')).toHaveCount(4);
  await expect(page.locator('.links li')).not.toHaveCount(0);
  await expect(goodValues(page, '.cards').first()).toBeVisible();
  await expect(page.locator('.cards svg .line').first()).toHaveAttribute('d', /M.*L/);
  await expect.poll(() => watch.frames.get('delta') ?? 0).toBeGreaterThan(5);
});

test('tags are listed live, and searched and opened by the address', async ({ page }) => {
  await open(page, 'tags');
  await expect(goodValues(page).first()).toBeVisible();
  await page.keyboard.press('/');
  await page.keyboard.type('tank1');
  await expect(page).toHaveURL(/q=tank1/);
  await page.getByRole('button', { name: 'tank1.level', exact: true }).click();
  await expect(page).toHaveURL(/tag=tank1\.level/);
  const panel = page.getByRole('complementary', { name: 'tank1.level' });
  await expect(panel.locator('.value.good .figure')).toHaveText(/^-?\d+\.\d+$/);
  await expect(panel).toContainText('cm');
  await page.reload();
  await expect(panel).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(panel).toBeHidden();
});

test('the value on the screen is the value of the server', async ({ page, request }) => {
  await open(page, 'tags?tag=tank1.level');
  const figure = page.getByRole('complementary', { name: 'tank1.level' }).locator('.value .figure');
  await expect(figure).toHaveText(/\d/);
  await expect
    .poll(async () => {
      const list = await (await request.get('api/v1/tags?name=tank1.level')).json();
      return Math.abs(Number(await figure.textContent()) - list.items[0].value);
    })
    .toBeLessThan(0.5);
});

test('a trend draws, zooms, goes back and keeps its state in the address', async ({ page }) => {
  await open(page, 'trends');
  await page.getByRole('button', { name: 'Add tank1.level to the trend' }).click();
  await expect(page).toHaveURL(/tag=tank1\.level/);
  const plot = page.locator('.u-over');
  await expect(plot).toBeVisible();
  await page.getByRole('button', { name: '2m' }).click();
  await expect(page).toHaveURL(/span=2m/);
  const live = page.getByRole('button', { name: 'LIVE' });
  await expect(live).toHaveAttribute('aria-pressed', 'true');

  const box = (await plot.boundingBox())!;
  const middle = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * 0.4, middle);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.7, middle, { steps: 5 });
  await page.mouse.up();
  await expect(page).toHaveURL(/from=.*to=/);
  await expect(live).toHaveAttribute('aria-pressed', 'false');
  await plot.dblclick();
  await expect(live).toHaveAttribute('aria-pressed', 'true');

  await page.mouse.move(box.x + box.width * 0.5, middle);
  await page.mouse.wheel(0, -200);
  await expect(live).toHaveAttribute('aria-pressed', 'false');
  const chart = page.getByRole('group', { name: /^Trend of/ });
  await chart.focus();
  await page.keyboard.press('Backspace');
  await expect(live).toHaveAttribute('aria-pressed', 'true');
  await page.keyboard.press('ArrowLeft');
  await expect(page.locator('.stage thead')).toContainText(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/);
});

test('a tag can be dragged onto the trend', async ({ page }) => {
  await open(page, 'trends?tag=tank1.level');
  const row = page.getByRole('table', { name: 'Add tags' }).locator('.drag', { hasText: 'pump1.voltage' });
  await row.dragTo(page.locator('.plot'));
  await expect(page).toHaveURL(/tag=pump1\.voltage/);
});

test('alarms are listed with guidance and lead to the trend', async ({ page }) => {
  await open(page, 'alarms?show=all&q=tank1.level.high');
  await page.getByRole('button', { name: 'tank1.level.high', exact: true }).click();
  const panel = page.getByRole('complementary', { name: 'tank1.level.high' });
  await expect(panel.locator('.value.good .figure')).toHaveText(/\d/);
  await panel.getByRole('link', { name: 'Trend at that time' }).click();
  await expect(page).toHaveURL(/trends\?.*tag=tank1\.level/);
  await expect(page.locator('.u-over')).toBeVisible();
});

test('machines show their state, ports and faceplate live', async ({ page }) => {
  await open(page, 'machines?machine=pump1_pid');
  await expect(page.getByRole('img', { name: /^PV \d/ })).toBeVisible();
  await expect(page.getByRole('img', { name: /^OUT \d/ })).toBeVisible();
  await expect(goodValues(page).first()).toBeVisible();
  const steps = page.locator('.stats dd').first();
  const before = await steps.textContent();
  await expect(steps).not.toHaveText(before!);
});

test('keys go to pages and open the help', async ({ page }) => {
  await open(page, '');
  for (const [key, path] of [['a', 'alarms'], ['t', 'tags'], ['m', 'machines']] as const) {
    await page.keyboard.press('g');
    await page.keyboard.press(key);
    await expect(page).toHaveURL(new RegExp(`/${path}$`));
  }
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();
});

test('the console speaks Spanish', async ({ page }) => {
  await open(page, '');
  await page.getByRole('button', { name: 'Settings and help' }).click();
  await page.getByRole('button', { name: 'Español' }).click();
  await expect(page.locator('html')).toHaveAttribute('lang', 'es');
  await expect(page.locator('nav.nav')).toContainText('Alarmas');
});

test('ten seconds of live tags leave the main thread mostly idle', async ({ page }) => {
  await open(page, 'tags');
  await expect(goodValues(page).first()).toBeVisible();
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const busy = async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return metrics.find((metric) => metric.name === 'TaskDuration')!.value;
  };
  const before = await busy();
  await page.waitForTimeout(10_000);
  const share = ((await busy()) - before) / 10;
  console.log(`main thread busy ${(share * 100).toFixed(1)} %`);
  expect(share).toBeLessThan(0.35);
});
