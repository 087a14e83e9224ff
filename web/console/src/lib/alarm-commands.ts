import type { AlarmCommandName, AlarmView } from '../api/types';
import { HOUR, MINUTE } from '../live/time-range';
import { parseInput } from './format';

/** The order in which they are offered. */
const ORDER: readonly AlarmCommandName[] = [
  'acknowledge',
  'reset',
  'silence',
  'shelve',
  'unshelve',
  'out_of_service',
  'return_to_service',
  'comment',
];

/** Those that a dialog asks about; the others are done at once. */
export type AskedCommand = 'shelve' | 'out_of_service' | 'return_to_service' | 'comment';
const ASKED: readonly AlarmCommandName[] = ['shelve', 'out_of_service', 'return_to_service', 'comment'];

export function isAsked(command: AlarmCommandName): command is AskedCommand {
  return ASKED.includes(command);
}

/** What may be done to an alarm now, as the server says; a command that the console does not know is left out. */
export function commandsFor(alarm: Pick<AlarmView, 'allowed'>): AlarmCommandName[] {
  return ORDER.filter((command) => alarm.allowed.includes(command));
}

/** The one command that a row of a list offers: what brings the alarm on from the state that is shown. */
export function rowCommand(alarm: Pick<AlarmView, 'allowed' | 'state'>): AlarmCommandName | null {
  const wanted: AlarmCommandName[] =
    alarm.state === 'SHLVD' ? ['unshelve'] : alarm.state === 'OOSRV' ? ['return_to_service'] : ['acknowledge', 'reset'];
  return wanted.find((command) => alarm.allowed.includes(command)) ?? null;
}

export const SHELF_PRESETS: readonly { label: string; seconds: number }[] = [
  { label: '15 min', seconds: (15 * MINUTE) / 1000 },
  { label: '1 h', seconds: HOUR / 1000 },
  { label: '4 h', seconds: (4 * HOUR) / 1000 },
  { label: '8 h', seconds: (8 * HOUR) / 1000 },
];

/** The server takes a week at the most. */
const MINUTES_MAX = 10_080;

/** Seconds of a time that was typed in minutes; `null` where it is none. */
export function shelfSeconds(minutes: string): number | null {
  const typed = parseInput(minutes, 'float');
  if (typeof typed !== 'number' || !(typed >= 1 && typed <= MINUTES_MAX)) return null;
  return Math.round(typed * 60);
}
