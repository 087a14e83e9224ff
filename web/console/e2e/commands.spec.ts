import type { Page } from '@playwright/test';
import { expect, open, test } from './fixture';

async function setParameter(page: Page, label: string, value: string): Promise<void> {
  await page.getByRole('button', { name: `Set ${label}`, exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(/New value/).fill(value);
  await dialog.getByRole('button', { name: 'Set', exact: true }).click();
  await expect(dialog).toBeHidden();
}

test('a set point is changed within its limits', async ({ page }) => {
  await open(page, 'machines?machine=pump2_pid');
  const cell = page.getByRole('row', { name: /^Set point/ }).getByRole('cell').nth(1);
  const before = Number.parseFloat((await cell.textContent())!);
  const other = String(Math.round((before > 5 ? before - 0.5 : before + 0.5) * 1000) / 1000);
  await setParameter(page, 'Set point', other);
  await expect(cell).toContainText(other);
  await setParameter(page, 'Set point', String(before));
  await expect(cell).toContainText(String(before));
});

test('a parameter that is no number is refused before it is sent', async ({ page }) => {
  await open(page, 'machines?machine=pump2_pid');
  await page.getByRole('button', { name: 'Set Gain', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(/New value/).fill('much');
  await dialog.getByRole('button', { name: 'Set', exact: true }).click();
  await expect(dialog.getByRole('alert')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
});

test('a controller goes to manual, its output tag is written, and it goes back to automatic', async ({ page }) => {
  await open(page, 'machines?machine=pump1_pid');
  const mode = page.getByRole('group', { name: 'Mode' });
  const manual = mode.getByRole('button', { name: 'Manual', exact: true });
  const auto = mode.getByRole('button', { name: 'Auto', exact: true });
  await manual.click();
  await page.getByRole('dialog').getByRole('button', { name: 'Manual', exact: true }).click();
  await expect(manual).toHaveAttribute('aria-pressed', 'true');

  try {
    await page.goto('tags?tag=pump1.voltage');
    await page.getByRole('button', { name: 'Write…' }).click();
    const dialog = page.getByRole('dialog');
    await expect(dialog).toContainText('Current value');
    await dialog.getByLabel(/New value/).fill('3.1');
    await dialog.getByRole('button', { name: 'Continue' }).click();
    await expect(dialog).toContainText('3.100');
    await dialog.getByRole('button', { name: 'Write', exact: true }).click();
    await expect(dialog).toBeHidden();
    await expect(page.locator('.toast')).toContainText('pump1.voltage');
  } finally {
    await page.goto('machines?machine=pump1_pid');
    await auto.click();
    await page.getByRole('dialog').getByRole('button', { name: 'Auto', exact: true }).click();
    await expect(auto).toHaveAttribute('aria-pressed', 'true');
  }
});

test('a transition asks first', async ({ page }) => {
  await open(page, 'machines?machine=pump2_pid');
  await page.getByRole('group', { name: 'Transitions' }).getByRole('button').first().click();
  await expect(page.getByRole('dialog')).toContainText('pump2_pid');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByRole('dialog')).toBeHidden();
});

test('an alarm is acknowledged with a comment', async ({ page, request }) => {
  const standing = await (await request.get('api/v1/alarms?state=unacknowledged')).json();
  test.skip(standing.items.length === 0, 'no alarm is unacknowledged now');
  const name: string = standing.items[0].name;
  await open(page, `alarms?alarm=${encodeURIComponent(name)}`);
  await page.getByRole('button', { name: 'With comment…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Comment (optional)').fill('seen in a browser test');
  await dialog.getByRole('button', { name: 'Acknowledge', exact: true }).click();
  await expect(dialog).toBeHidden();
  await page.goto('alarms?show=journal');
  await expect(page.getByText('seen in a browser test').first()).toBeVisible();
});
