import type { WebSocketRoute } from '@playwright/test';
import { expect, goodValues, open, test, violations } from './fixture';

test('a lost connection is told across the page, values turn stale, and all comes back', async ({ page }) => {
  let cut = false;
  const routes: WebSocketRoute[] = [];
  await page.routeWebSocket(/\/api\/v1\/ws$/, (route) => {
    if (cut) {
      void route.close({ code: 1001 });
      return;
    }
    routes.push(route);
    route.connectToServer();
  });
  await open(page, 'tags');
  await expect(goodValues(page).first()).toBeVisible();

  cut = true;
  for (const route of routes) await route.close({ code: 1001 });
  const bar = page.locator('.lost-bar');
  await expect(bar).toContainText(/last heard \d+ s ago/);
  await expect(goodValues(page)).toHaveCount(0);
  expect(await violations(page)).toEqual([]);
  await page.screenshot({ path: 'test-results/screens/lost.png', caret: 'initial', animations: 'allow' });

  cut = false;
  await bar.getByRole('button').click();
  await expect(bar).toBeHidden();
  await expect(goodValues(page).first()).toBeVisible();
});
