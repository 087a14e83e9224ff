import { describe, expect, it } from 'vitest';
import { applyQuery, hrefOf, parseRoute, scopeOf, socketUrl } from './route';

const at = (scope: string, path: string) => parseRoute(scope, new URL(path, 'http://host'));

describe('scope', () => {
  it('is the folder above the entry script', () => {
    expect(scopeOf('http://host/assets/index-abc.js')).toBe('/');
    expect(scopeOf('http://host/plant/assets/index-abc.js')).toBe('/plant/');
    expect(scopeOf('http://host/a/b/assets/index-abc.js?x=1')).toBe('/a/b/');
    expect(scopeOf('http://host/src/main.ts')).toBe('/');
  });

  it('is where relative assets of every page resolve to', () => {
    for (const scope of ['/', '/plant/', '/a/b/']) {
      for (const href of [hrefOf(scope, 'overview'), hrefOf(scope, 'tags', { tag: 'a/b' })]) {
        const asset = new URL('./assets/index.js', new URL(href, 'http://host'));
        expect(scopeOf(asset.href)).toBe(scope);
      }
    }
  });
});

describe('routes', () => {
  it('names the page under any scope', () => {
    expect(at('/', '/').page).toBe('overview');
    expect(at('/plant/', '/plant/').page).toBe('overview');
    expect(at('/plant/', '/plant').page).toBe('overview');
    expect(at('/plant/', '/plant/tags?tag=x').page).toBe('tags');
    expect(at('/plant/', '/plant/tags?tag=x').query.get('tag')).toBe('x');
  });

  it('names no page for anything else', () => {
    for (const path of ['/plant/nothing', '/plant/tags/7', '/other/tags', '/plant/overview']) {
      expect(at('/plant/', path).page).toBeNull();
    }
  });

  it('writes links that parse back', () => {
    const href = hrefOf('/plant/', 'trends', { tag: ['unit1/TI 101', 'b,c'], span: '1h', from: null });
    expect(href.startsWith('/plant/trends?')).toBe(true);
    expect(at('/plant/', href).query.getAll('tag')).toEqual(['unit1/TI 101', 'b,c']);
  });

  it('replaces parameters in place', () => {
    const query = new URLSearchParams('q=x&tag=a&tag=b');
    applyQuery(query, { q: '', tag: ['c'], span: '2m' });
    expect(query.toString()).toBe('tag=c&span=2m');
  });

  it('finds the live feed', () => {
    expect(socketUrl('/plant/', new URL('https://host:8443/plant/tags'))).toBe('wss://host:8443/plant/api/v1/ws');
    expect(socketUrl('/', new URL('http://host/'))).toBe('ws://host/api/v1/ws');
  });
});
