/** The one thing the tests need of Node's globals. */
declare const process: { env: Record<string, string | undefined> };
