import { describe, expect, it } from 'vitest';
import { commandsFor, isAsked, rowCommand, SHELF_PRESETS, shelfSeconds } from './alarm-commands';

describe('commands of an alarm', () => {
  it('offers what the server allows, in one order, and nothing that it does not know', () => {
    expect(commandsFor({ allowed: ['comment', 'explode', 'shelve', 'acknowledge'] })).toEqual(['acknowledge', 'shelve', 'comment']);
    expect(commandsFor({ allowed: [] })).toEqual([]);
  });

  it('asks before what needs a reason or has a time', () => {
    expect(commandsFor({ allowed: ['acknowledge', 'reset', 'silence', 'shelve', 'unshelve', 'out_of_service', 'return_to_service', 'comment'] }).filter(isAsked)).toEqual([
      'shelve',
      'out_of_service',
      'return_to_service',
      'comment',
    ]);
  });

  it('offers in a row what brings the alarm on', () => {
    expect(rowCommand({ state: 'UNACK', allowed: ['acknowledge', 'silence', 'shelve'] })).toBe('acknowledge');
    expect(rowCommand({ state: 'LTACK', allowed: ['reset', 'shelve'] })).toBe('reset');
    expect(rowCommand({ state: 'LTACK', allowed: ['shelve'] })).toBeNull();
    expect(rowCommand({ state: 'SHLVD', allowed: ['shelve', 'unshelve', 'out_of_service'] })).toBe('unshelve');
    expect(rowCommand({ state: 'OOSRV', allowed: ['unshelve', 'return_to_service'] })).toBe('return_to_service');
    expect(rowCommand({ state: 'DSUPR', allowed: ['out_of_service', 'comment'] })).toBeNull();
    expect(rowCommand({ state: 'NORM', allowed: ['shelve', 'out_of_service'] })).toBeNull();
  });

  it('shelves for a quarter, one, four or eight hours, or for minutes that are typed', () => {
    expect(SHELF_PRESETS.map((preset) => preset.seconds)).toEqual([900, 3_600, 14_400, 28_800]);
    expect(shelfSeconds('90')).toBe(5_400);
    expect(shelfSeconds(' 1,5 ')).toBe(90);
    expect(shelfSeconds('10080')).toBe(604_800);
    for (const wrong of ['', '0', '-5', 'soon', '10081', '0.5']) expect(shelfSeconds(wrong), wrong).toBeNull();
  });
});
