/** What the tests need of Node's globals. */
declare const process: { env: Record<string, string | undefined> };
declare const Buffer: { from(text: string): Uint8Array };
