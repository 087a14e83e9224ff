import { describe, expect, it } from 'vitest';
import { asProblem, Problem, problemOf } from './problem';

const answer = (body: string, type: string, status = 422) => new Response(body, { status, headers: { 'content-type': type } });

describe('problems', () => {
  it('tell the detail first and then each field', async () => {
    const body = {
      title: 'invalid parameter',
      status: 422,
      code: 'invalid_parameter',
      detail: 'gain is out of bounds',
      errors: [{ pointer: '/gain', code: 'too_high', detail: 'must be at most 50' }],
    };
    const problem = await problemOf(answer(JSON.stringify(body), 'application/problem+json'));
    expect(problem.lines).toEqual(['gain is out of bounds', 'gain: must be at most 50']);
    expect(problem.code).toBe('invalid_parameter');
  });

  it('are made of answers that are no problem documents', async () => {
    expect((await problemOf(answer('<html>', 'text/html', 502))).body).toMatchObject({ status: 502, code: 'unknown' });
    expect((await problemOf(answer('{broken', 'application/json', 500))).body.status).toBe(500);
  });

  it('are made of failures to reach the server', () => {
    expect(asProblem(new TypeError('failed to fetch')).code).toBe('unreachable');
    expect(asProblem(new DOMException('late', 'TimeoutError')).code).toBe('deadline');
    const problem = new Problem({ title: 'x', status: 1, code: 'y' });
    expect(asProblem(problem)).toBe(problem);
  });
});
