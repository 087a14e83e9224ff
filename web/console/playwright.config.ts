import { defineConfig } from '@playwright/test';

// The tests need a running server with the quadruple-tank demo; see e2e/README.md.
export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results',
  workers: 1,
  fullyParallel: false,
  forbidOnly: true,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: 'list',
  use: {
    // The slash at the end matters: pages are named relative to the scope of the console.
    baseURL: `${(process.env.FLYBALL_URL ?? 'http://127.0.0.1:8080').replace(/\/+$/, '')}/`,
    locale: 'en-GB',
    viewport: { width: 1280, height: 800 },
    trace: 'off',
    launchOptions: {
      executablePath: '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
});
