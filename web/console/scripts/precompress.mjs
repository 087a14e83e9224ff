// Writes .br and .gz beside each file of the build, and fails when the first load grows past its budget.
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const BUDGET_BYTES = 150_000;
const dist = fileURLToPath(new URL('../dist/', import.meta.url));

function* filesUnder(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesUnder(path);
    else if (!/\.(br|gz)$/.test(entry.name)) yield path;
  }
}

let firstLoad = 0;
const html = readFileSync(join(dist, 'index.html'), 'utf8');
for (const path of [...filesUnder(dist)]) {
  const content = readFileSync(path);
  const brotli = brotliCompressSync(content, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
    },
  });
  writeFileSync(`${path}.br`, brotli);
  writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
  const name = path.slice(dist.length);
  const first = name === 'index.html' || html.includes(name);
  if (first) firstLoad += brotli.length;
  console.log(`${name.padEnd(44)} ${String(statSync(path).size).padStart(8)} B  ${String(brotli.length).padStart(7)} B br${first ? '  first load' : ''}`);
}
console.log(`first load: ${firstLoad} B of ${BUDGET_BYTES} B`);
if (firstLoad > BUDGET_BYTES) {
  console.error('the first load passes its budget');
  process.exit(1);
}
