import { expect, open, PAGES, test, violations } from './fixture';

const SIZES = { wide: { width: 1280, height: 800 }, narrow: { width: 360, height: 740 } } as const;

for (const scheme of ['light', 'dark'] as const) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    test.describe(`${size} ${scheme}`, () => {
      test.use({ colorScheme: scheme, viewport });

      for (const { name, path } of PAGES) {
        test(`${name} is accessible and fits`, async ({ page }) => {
          await open(page, path);
          if (name === 'trends') await expect(page.locator('.u-over')).toBeVisible();
          await page.waitForTimeout(1_000);
          await page.screenshot({
            path: `test-results/screens/${name}-${size}-${scheme}.png`,
            caret: 'initial',
            animations: 'allow',
          });
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
          expect(overflow, 'the page must not scroll sideways').toBeLessThanOrEqual(0);
          expect(await violations(page)).toEqual([]);
        });
      }
    });
  }
}

test.describe('dialogs', () => {
  for (const scheme of ['light', 'dark'] as const) {
    test(`dialogs are accessible, ${scheme}`, async ({ page }) => {
      await page.emulateMedia({ colorScheme: scheme });
      await open(page, 'tags?tag=pump1.voltage');
      await page.keyboard.press('?');
      await expect(page.getByRole('dialog')).toBeVisible();
      expect(await violations(page)).toEqual([]);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Write…' }).click();
      await expect(page.getByRole('dialog')).toBeVisible();
      await page.screenshot({ path: `test-results/screens/write-${scheme}.png`, caret: 'initial', animations: 'allow' });
      expect(await violations(page)).toEqual([]);
    });
  }
});
