import type { AlarmCommand, AlarmCommandName, AlarmView } from '../api/types';
import type { TextKey } from '../text/text.svelte';
import { t } from '../text/text.svelte';
import { acknowledge } from './acknowledge';
import { plant } from './app';
import { preferences } from './preferences.svelte';

/** Does something to an alarm in the name kept in the preferences; a refusal is thrown. */
export async function command(alarm: AlarmView, wish: AlarmCommand): Promise<void> {
  if (wish.command === 'acknowledge') return acknowledge([alarm], wish.reason);
  const by = preferences.current.operator.trim();
  plant.mergeAlarms([await plant.api.commandAlarm(alarm.id, { ...wish, ...(by ? { by } : {}) })]);
  plant.say('done', [t(`did.${wish.command}` satisfies TextKey, { alarm: alarm.name })]);
}

/** The same at once; a refusal becomes a message. */
export async function commandNow(alarm: AlarmView, name: AlarmCommandName): Promise<void> {
  try {
    await command(alarm, { command: name });
  } catch (error) {
    plant.sayProblem(error);
  }
}
