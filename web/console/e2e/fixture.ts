import { test as base, expect, type Page } from '@playwright/test';
import axe from 'axe-core';

export interface Watch {
  /** Texts of console errors and uncaught exceptions. */
  errors: string[];
  /** Requests that left the origin. */
  foreign: string[];
  /** Statuses of refusals that the test provokes: the browser notes each as an error. */
  expected: number[];
  /** Live frames received, by type. */
  frames: Map<string, number>;
}

/** A page that fails its test on console errors and foreign requests, whatever else the test looks at. */
export const test = base.extend<{ watch: Watch }>({
  watch: [
    async ({ page, baseURL }, use) => {
      const origin = new URL(baseURL!).origin;
      const watch: Watch = { errors: [], foreign: [], expected: [], frames: new Map() };
      page.on('console', (message) => {
        if (message.type() === 'error') watch.errors.push(message.text());
      });
      page.on('pageerror', (error) => watch.errors.push(String(error)));
      page.on('request', (request) => {
        if (new URL(request.url()).origin !== origin) watch.foreign.push(request.url());
      });
      page.on('websocket', (socket) => {
        if (new URL(socket.url()).host !== new URL(origin).host) watch.foreign.push(socket.url());
        socket.on('framereceived', (frame) => {
          const type = /"type"\s*:\s*"(\w+)"/.exec(String(frame.payload))?.[1] ?? 'unknown';
          watch.frames.set(type, (watch.frames.get(type) ?? 0) + 1);
        });
      });
      await use(watch);
      expect(watch.foreign, 'requests to another origin').toEqual([]);
      const refusal = /^Failed to load resource: the server responded with a status of (\d{3})\b/;
      const unexpected = watch.errors.filter((text) => !watch.expected.includes(Number(refusal.exec(text)?.[1])));
      expect(unexpected, 'console errors').toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

/** Opens a page of the console, by a path relative to its scope, and waits for the live feed. */
export async function open(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await expect(page.locator('header.header')).toBeVisible();
  await expect(page.locator('main')).not.toContainText('Loading…');
}

/** Whether the tests may restart the server: only one of their own. */
export const mayRestart = process.env.FLYBALL_RESTART !== undefined;

/** Restarts the server on its data and waits until it is ready. The page must not look at it meanwhile. */
export async function restart(page: Page): Promise<void> {
  await page.goto('about:blank');
  const reply = await fetch(process.env.FLYBALL_RESTART!, { method: 'POST' });
  expect(reply.ok, await reply.text()).toBe(true);
}

/** Values of a row or card that are shown as good and live. */
export function goodValues(page: Page, within = 'main') {
  return page.locator(`${within} .value.good:not(.stale) .figure`).filter({ hasText: /\d/ });
}

/** Runs axe in the page; `evaluate` is not subject to the page's content security policy. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const runner = (window as unknown as { axe: typeof axe }).axe;
    const result = await runner.run(document, {
      runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] },
    });
    return result.violations.map(
      (violation) => `${violation.id} (${violation.help}): ${violation.nodes.map((node) => node.target.join(' ')).join(', ')}`,
    );
  });
}

/** Every page in the state in which an operator sees it. */
export const PAGES: readonly { name: string; path: string }[] = [
  { name: 'overview', path: '' },
  { name: 'tags', path: 'tags' },
  { name: 'tag', path: 'tags?tag=tank1.level' },
  { name: 'trends', path: 'trends?tag=tank1.level&tag=tank2.level&tag=pump1.voltage&span=2m' },
  { name: 'alarms', path: 'alarms?show=all' },
  { name: 'alarm', path: 'alarms?show=all&alarm=tank1.level.high' },
  { name: 'occurrences', path: 'alarms?show=occurrences' },
  { name: 'journal', path: 'alarms?show=journal' },
  { name: 'machine', path: 'machines?machine=pump1_pid' },
  { name: 'health', path: 'about' },
];
