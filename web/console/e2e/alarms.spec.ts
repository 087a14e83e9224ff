import type { APIRequestContext, Page } from '@playwright/test';
import { expect, mayRestart, open, restart, test, violations } from './fixture';

const PREFIX = 'e2e.';
const LEVEL = 'e2e.level';
const HIGH = 'e2e.level.high';
const LATCHED = 'e2e.level.high_high';
const BRIEF = 'e2e.level.low';

/** Makes and changes alarms of one tag; others stay as they are. */
const ALARMS = [
  'name,tag,kind,set_point,dead_band,latching,max_shelve_ms,priority,description,cause,action,respond_ms',
  `${HIGH},${LEVEL},HIGH,10,0.5,false,3600000,high,level is high,the outlet is closed,open the outlet,600000`,
  `${LATCHED},${LEVEL},HIGH_HIGH,20,0.5,true,,critical,level is very high,,,`,
  `${BRIEF},${LEVEL},LOW,1,0.5,false,0,low,level is low,,,`,
  '',
].join('\n');

async function apply(request: APIRequestContext, type: string, content: string): Promise<void> {
  const reply = await request.post('api/v1/plant/apply', { headers: { 'content-type': type }, data: content });
  expect(reply.ok(), await reply.text()).toBe(true);
}

/** Takes what the tests made out of the plant: a whole plant removes what it does not name. */
async function cleanUp(request: APIRequestContext): Promise<void> {
  const text = await (await request.get('api/v1/plant/export?format=toml')).text();
  const blocks = text.split(/^(?=\[\[)/m);
  const kept = blocks.filter((block) => !new RegExp(`^name = "${PREFIX.replace('.', '\\.')}`, 'm').test(block));
  if (kept.length < blocks.length) await apply(request, 'application/toml', kept.join(''));
}

async function write(request: APIRequestContext, value: number): Promise<void> {
  const { items } = await (await request.get(`api/v1/tags?name=${LEVEL}`)).json();
  const reply = await request.post(`api/v1/tags/${items[0].id}/write`, { data: { value, unit: 'cm' } });
  expect(reply.ok(), await reply.text()).toBe(true);
}

async function alarmNamed(request: APIRequestContext, name: string) {
  const { items } = await (await request.get(`api/v1/alarms?q=${name}`)).json();
  return (items as { id: number; name: string; state: string }[]).find((alarm) => alarm.name === name)!;
}

const panelOf = (page: Page, name: string) => page.getByRole('complementary', { name, exact: true });
const facts = (page: Page, name: string) => panelOf(page, name).locator('.facts');
const lists = (page: Page) => page.getByRole('group', { name: 'Which alarms' });
const shot = (page: Page, name: string) => page.screenshot({ path: `test-results/screens/${name}.png`, caret: 'initial', animations: 'allow' });

test.beforeEach(async ({ request }) => {
  await cleanUp(request);
  const tag = { name: LEVEL, quantity: 'length', unit: 'cm', range: { low: 0, high: 30 }, writable: true, initial: 5 };
  const reply = await request.post('api/v1/tags', { data: tag });
  expect(reply.status(), await reply.text()).toBe(201);
  await apply(request, 'text/csv', ALARMS);
});

test.afterEach(async ({ page, request }) => {
  await page.goto('about:blank');
  await cleanUp(request);
});

test('an alarm is shelved with a reason, counts down, and is taken from the shelf', async ({ page, request, watch }) => {
  watch.expected = [422];
  await write(request, 12);
  await open(page, `alarms?alarm=${HIGH}`);
  await expect(facts(page, HIGH)).toContainText('UNACK');
  await expect(facts(page, HIGH)).toContainText(/10 min,\s*9 min \d+ s left/);
  await expect(page.getByRole('region', { name: 'Newest unacknowledged alarm' })).toContainText(HIGH);

  await page.locator('main').focus();
  await page.keyboard.press('s');
  const dialog = page.getByRole('dialog');
  const shelve = dialog.getByRole('button', { name: 'Shelve', exact: true });
  const reason = dialog.getByLabel('Reason');
  await expect(dialog).toContainText(`Shelve ${HIGH}`);
  await shelve.click();
  await expect(reason).toHaveAttribute('aria-invalid', 'true');
  await expect(reason).toHaveAccessibleDescription('must be filled in');
  await reason.fill('cleaning the gauge');
  await dialog.getByLabel('Minutes').fill('soon');
  await shelve.click();
  await expect(dialog.getByRole('radiogroup')).toHaveAccessibleDescription(/1 to 10080/);

  await dialog.getByLabel('4 h').check();
  await shelve.click();
  await expect(dialog.getByRole('radiogroup')).toHaveAccessibleDescription(/3600 s at the most/);
  expect(await violations(page)).toEqual([]);
  await shot(page, 'shelve-refused');
  await dialog.getByLabel('15 min').check();
  await expect(dialog.getByRole('radiogroup')).toHaveAttribute('aria-invalid', 'false');
  await shelve.click();
  await expect(dialog).toBeHidden();

  await expect(facts(page, HIGH)).toContainText('SHLVD');
  await expect(facts(page, HIGH)).toContainText('UNACK');
  await expect(panelOf(page, HIGH)).toContainText(/back in 14 min \d+ s/);
  await expect(panelOf(page, HIGH)).toContainText('cleaning the gauge');
  await expect(panelOf(page, HIGH)).toContainText('by operator');
  await expect(page.getByRole('region', { name: 'Newest unacknowledged alarm' })).not.toContainText(HIGH);
  expect(await violations(page)).toEqual([]);
  await shot(page, 'shelved');

  if (mayRestart) {
    await restart(page);
    // The tag begins with its initial value.
    await write(request, 12);
    await open(page, `alarms?show=shelved&alarm=${HIGH}`);
    await expect(panelOf(page, HIGH)).toContainText(/back in 1\d min \d+ s/);
  }
  await panelOf(page, HIGH).getByRole('button', { name: 'Close' }).click();
  await lists(page).getByRole('button', { name: /^Shelved \d+$/ }).click();
  const row = page.getByRole('row').filter({ hasText: HIGH });
  await expect(row).toContainText(/back in 1\d min \d+ s · operator: cleaning the gauge/);
  await row.getByRole('button', { name: `Unshelve ${HIGH}` }).click();
  await expect(page.getByRole('button', { name: HIGH, exact: true })).toBeHidden();
  await lists(page).getByRole('button', { name: /^Active list \d+$/ }).click();
  await expect(page.getByRole('row').filter({ hasText: HIGH })).toContainText('unacknowledged');
});

test('an alarm goes out of service and back', async ({ page, request }) => {
  await open(page, `alarms?show=all&alarm=${BRIEF}`);
  const actions = panelOf(page, BRIEF).getByRole('group', { name: 'Actions' });
  await expect(actions.getByRole('button', { name: 'Out of service…' })).toBeVisible();
  await expect(actions.getByRole('button', { name: 'Shelve…' })).toBeHidden();
  await expect(actions.getByRole('button', { name: 'Acknowledge' })).toBeHidden();
  await actions.getByRole('button', { name: 'Out of service…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Take out of service' }).click();
  await expect(dialog.getByLabel('Reason')).toHaveAccessibleDescription('must be filled in');
  await dialog.getByLabel('Reason').fill('gauge is being replaced');
  expect(await violations(page)).toEqual([]);
  await shot(page, 'out-of-service');
  await dialog.getByRole('button', { name: 'Take out of service' }).click();
  await expect(dialog).toBeHidden();
  await expect(facts(page, BRIEF)).toContainText('OOSRV');
  await expect(panelOf(page, BRIEF)).toContainText('gauge is being replaced');

  await write(request, 0.2);
  await expect(facts(page, BRIEF)).toContainText('UNACK');
  await expect(page.getByRole('region', { name: 'Newest unacknowledged alarm' })).not.toContainText(BRIEF);
  await panelOf(page, BRIEF).getByRole('button', { name: 'Close' }).click();
  await lists(page).getByRole('button', { name: /^Out of service \d+$/ }).click();
  await page.getByRole('button', { name: `Return to service… ${BRIEF}` }).click();
  await dialog.getByRole('button', { name: 'Return to service', exact: true }).click();
  await expect(dialog).toBeHidden();
  await expect.poll(async () => (await alarmNamed(request, BRIEF)).state).toBe('UNACK');
});

test('a comment is shown with its occurrence and in the journal, and the journal is intact', async ({ page, request }) => {
  await write(request, 12);
  await open(page, `alarms?alarm=${HIGH}`);
  await panelOf(page, HIGH).getByRole('button', { name: 'Comment…', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Comment', { exact: true }).fill('the outlet sticks');
  await dialog.getByRole('button', { name: 'Keep comment' }).click();
  await expect(dialog).toBeHidden();
  await expect(panelOf(page, HIGH).locator('blockquote').first()).toContainText('the outlet sticks');
  expect(await violations(page)).toEqual([]);
  await shot(page, 'alarm-comment');

  await panelOf(page, HIGH).getByRole('link', { name: 'Journal of this alarm' }).click();
  await expect(page.getByRole('row').filter({ hasText: 'the outlet sticks' })).toContainText('commented');
  await page.getByRole('button', { name: 'Check the journal' }).click();
  await expect(page.getByText(/^The journal is as it was written: \d+ rows\./)).toBeVisible();
});

test('a silenced alarm no longer blinks, and stays unacknowledged', async ({ page, request }) => {
  await write(request, 12);
  await open(page, `alarms?alarm=${HIGH}`);
  const mark = panelOf(page, HIGH).locator('header .mark');
  await expect(mark).toHaveClass(/blink/);
  await panelOf(page, HIGH).getByRole('button', { name: 'Silence' }).click();
  await expect(mark).not.toHaveClass(/blink/);
  await expect(facts(page, HIGH)).toContainText('UNACK');
  await expect(facts(page, HIGH)).toContainText('silenced');
  await expect(page.getByRole('region', { name: 'Newest unacknowledged alarm' }).locator('.what .mark')).not.toHaveClass(/blink/);
});

test('a latched alarm is reset once its condition has passed', async ({ page, request }) => {
  await write(request, 25);
  await open(page, `alarms?alarm=${LATCHED}`);
  const actions = panelOf(page, LATCHED).getByRole('group', { name: 'Actions' });
  await expect(facts(page, LATCHED)).toContainText('UNACK');
  await expect(facts(page, LATCHED)).toContainText(/Peak\s*25 cm/);
  await write(request, 5);
  await expect(facts(page, LATCHED)).toContainText('LTUNK');
  await expect(actions.getByRole('button', { name: 'Reset' })).toBeHidden();
  await actions.getByRole('button', { name: 'Acknowledge', exact: true }).click();
  await expect(facts(page, LATCHED)).toContainText('LTACK');
  expect(await violations(page)).toEqual([]);
  await shot(page, 'latched');
  await actions.getByRole('button', { name: 'Reset' }).click();
  await expect(facts(page, LATCHED)).toContainText('NORM');
});

test('occurrences are listed by time and alarm, and lead to the trend', async ({ page, request }) => {
  // An alarm that comes back under its name has its occurrences back.
  const { id } = await alarmNamed(request, HIGH);
  const { items: earlier } = await (await request.get(`api/v1/alarms/occurrences?alarm=${id}&from=now-1h`)).json();
  const count = earlier.length + 2;
  for (const [value, state] of [[12, 'UNACK'], [5, 'RTNUN'], [13, 'UNACK'], [5, 'RTNUN']] as const) {
    await write(request, value);
    await expect.poll(async () => (await alarmNamed(request, HIGH)).state).toBe(state);
  }
  await open(page, 'alarms');
  await lists(page).getByRole('button', { name: 'Occurrences' }).click();
  await page.getByRole('group', { name: 'Begun in the last' }).getByRole('button', { name: '1 h' }).click();
  await expect(page).toHaveURL(/show=occurrences.*span=1h/);
  await page.getByLabel('Alarm', { exact: true }).fill(HIGH);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new RegExp(`alarm=${HIGH.replaceAll('.', '\\.')}`));
  const rows = page.getByRole('table', { name: 'Occurrences' }).getByRole('row').filter({ hasText: HIGH });
  await expect(rows).toHaveCount(count);
  await expect(rows.first()).toContainText('13 cm');
  await expect(rows.first()).toContainText('(stands)');
  await expect(page.getByRole('status').filter({ hasText: 'occurrences' })).toHaveText(`${count} occurrences`);
  expect(await violations(page)).toEqual([]);

  await page.getByRole('button', { name: 'From … to …' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('From', { exact: true }).fill('2020-01-01 00:00');
  await dialog.getByLabel('To', { exact: true }).fill('2020-01-02 00:00');
  await dialog.getByRole('button', { name: 'Show' }).click();
  await expect(page.getByText('Nothing occurred in this time.')).toBeVisible();
  await page.goBack();
  await expect(rows).toHaveCount(count);

  await page.getByLabel('Alarm', { exact: true }).fill('no.such.alarm');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('alert')).toContainText('There is no alarm no.such.alarm.');
  await page.goBack();
  await rows.first().getByRole('link', { name: /^Trend of/ }).click();
  await expect(page).toHaveURL(/trends\?.*tag=e2e\.level/);
  await expect(page.locator('.u-over')).toBeVisible();
});

for (const scheme of ['light', 'dark'] as const) {
  for (const [size, viewport] of [['wide', { width: 1280, height: 800 }], ['narrow', { width: 360, height: 740 }]] as const) {
    test(`lists, panel and dialogs of alarms are accessible and fit, ${size} ${scheme}`, async ({ page, request }) => {
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize(viewport);
      const fits = async (name: string) => {
        await shot(page, `${name}-${size}-${scheme}`);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        expect(overflow, 'the page must not scroll sideways').toBeLessThanOrEqual(0);
        expect(await violations(page)).toEqual([]);
      };
      const command = async (name: string, body: Record<string, unknown>) => {
        const { id } = await alarmNamed(request, name);
        const reply = await request.post(`api/v1/alarms/${id}/commands`, { data: body });
        expect(reply.ok(), await reply.text()).toBe(true);
      };
      await write(request, 25);
      await write(request, 5);
      await command(HIGH, { command: 'shelve', seconds: 600, one_shot: true, reason: 'a long reason that has to be cut somewhere, because rows are narrow' });
      await command(BRIEF, { command: 'out_of_service', reason: 'gauge is being replaced', by: 'ann' });
      for (const list of ['standing', 'shelved', 'suppressed', 'out_of_service', 'all', 'occurrences']) {
        await open(page, `alarms?show=${list}${list === 'all' ? `&q=${PREFIX}` : ''}`);
        await fits(`alarms-${list}`);
      }
      await open(page, `alarms?show=all&alarm=${HIGH}`);
      await expect(panelOf(page, HIGH)).toContainText(/back in 9 min \d+ s/);
      await expect(panelOf(page, HIGH).getByText('Last occurrences')).toBeVisible();
      await fits('alarm-shelved');
      await panelOf(page, HIGH).getByRole('button', { name: 'Change shelf…' }).click();
      await expect(page.getByRole('dialog')).toBeVisible();
      await fits('shelve');
    });
  }
}
