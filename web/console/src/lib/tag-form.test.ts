import { describe, expect, it } from 'vitest';
import type { TagDefinition } from '../api/definition';
import { mergePatch } from '../api/merge-patch';
import { definitionOf, formOf } from './tag-form';

const full: TagDefinition = {
  name: 'tank1.level',
  display_name: 'Tank 1',
  description: 'Lower tank',
  area: 'demo/tanks',
  data_type: 'float',
  quantity: 'level',
  unit: 'cm',
  display_unit: 'm',
  range: { low: 0, high: 20 },
  link: 'quadtank',
  node: 'ns=2;s=tank1.level',
  poll_ms: 500,
  filter: { kalman: { process_noise: 0.01, measurement_noise: 0.5, reset_sigmas: 5 } },
  screens: {
    alarm: 'medium',
    frozen: { deviation: 0.001, window_ms: 60_000 },
    outlier: { samples: 11, sigmas: 3, floor: 0.1 },
    range: { low: 0 },
    rate: { limit: 5 },
    drift: { target: 10, slack: 0.5, threshold: 5 },
  },
  dead_band: { percent: 1 },
  max_silence_ms: 60_000,
  stale_after_ms: 5_000,
  writable: true,
  write_limits: { low: 1, high: 19 },
  write_role: 'supervisor',
  history: true,
  history_dead_band: { absolute: 1e-7 },
  retention: 'trace',
  location: { segment: 'A', post: 12.5 },
};

const others: TagDefinition[] = [
  { name: 'mean', data_type: 'float', expression: '(a + b) / 2', history: false },
  { name: 'count', data_type: 'integer', initial: 3, history: true, dead_band: { absolute: 1 } },
  { name: 'on', data_type: 'boolean', initial: false, history: true, writable: true },
  { name: 'note', data_type: 'text', initial: ' as typed ', history: true },
  { name: 'lag', data_type: 'float', link: 'l', node: 'n', publish_ms: 50, filter: { lag: { time_constant_ms: 2000 } }, history: true },
  {
    name: 'median',
    data_type: 'float',
    history: true,
    filter: { median: { samples: 5 } },
    screens: { drift: { reference_samples: 200, slack: 0, threshold: 1 } },
  },
];

describe('form of a tag', () => {
  it('says of every definition what it was', () => {
    for (const definition of [full, ...others]) {
      expect(definitionOf(formOf(definition))).toEqual({ definition, faults: {} });
    }
  });

  it('takes null for absent', () => {
    const { definition } = definitionOf(formOf({ ...others[0]!, unit: null, range: null, screens: null, filter: null, dead_band: null }));
    expect(definition).toEqual(others[0]);
  });

  it('sends only what is changed', () => {
    const form = formOf(full);
    form.unit = 'mm';
    form.filter = 'lag';
    form.time_constant_ms = '2000';
    form.band = 'absolute';
    form.band_width = '0,25';
    form.screens.rate = false;
    expect(mergePatch(full, definitionOf(form).definition)).toEqual({
      unit: 'mm',
      filter: { kalman: null, lag: { time_constant_ms: 2000 } },
      dead_band: { percent: null, absolute: 0.25 },
      screens: { rate: null },
    });
  });

  it('changes the source as one', () => {
    const form = formOf(full);
    form.source = 'expression';
    form.expression = 'tank2.level * 2';
    const patch = mergePatch(full, definitionOf(form).definition);
    expect(patch).toEqual({
      link: null,
      node: null,
      poll_ms: null,
      expression: 'tank2.level * 2',
      writable: null,
      write_limits: null,
      write_role: null,
    });
  });

  it('leaves out what a text or a switch cannot have', () => {
    const form = formOf(full);
    form.data_type = 'boolean';
    const { definition, faults } = definitionOf(form);
    expect(faults).toEqual({});
    expect(Object.keys(definition)).not.toEqual(expect.arrayContaining(['unit']));
    for (const key of ['range', 'filter', 'screens', 'dead_band', 'write_limits', 'history_dead_band'] as const) {
      expect(definition[key], key).toBeUndefined();
    }
  });

  it('says what cannot be read, by its pointer', () => {
    const form = formOf({ ...full, name: '' });
    Object.assign(form, {
      low: '20',
      high: '0',
      link: '',
      poll_ms: '1.5',
      process_noise: 'much',
      band_width: '',
      drift_target: '',
      write_low: '',
      post: '',
    });
    expect(definitionOf(form).faults).toEqual({
      '/name': 'form.required',
      '/location/post': 'form.required',
      '/range/high': 'form.order',
      '/link': 'form.required',
      '/poll_ms': 'form.whole',
      '/filter/kalman/process_noise': 'form.number',
      '/dead_band/percent': 'form.required',
      '/screens/drift/target': 'form.required',
      '/write_limits/low': 'form.required',
    });
    const count = formOf(others[1]);
    count.initial = '3.5';
    expect(definitionOf(count).faults).toEqual({ '/initial': 'form.type' });
  });
});
