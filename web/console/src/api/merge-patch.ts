/** A JSON Merge Patch (RFC 7396) of an object: `null` removes. */
export type MergePatch = { [key: string]: unknown };

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The smallest patch that makes `after` of `before`. Absent keys, `undefined` and `null` are the same. */
export function mergePatch(before: object, after: object): MergePatch {
  const from = before as Record<string, unknown>;
  const to = after as Record<string, unknown>;
  const patch: MergePatch = {};
  for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
    const old = from[key] ?? null;
    const wanted = to[key] ?? null;
    if (isObject(old) && isObject(wanted)) {
      const inner = mergePatch(old, wanted);
      if (Object.keys(inner).length > 0) patch[key] = inner;
    } else if (!sameJson(old, wanted)) {
      patch[key] = wanted;
    }
  }
  return patch;
}

/** `target` with `patch` applied, as the server does it; neither is changed. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = applyMergePatch(result[key], value);
  }
  return result;
}

function sameJson(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
