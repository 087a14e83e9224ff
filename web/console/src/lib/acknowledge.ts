import type { AckResult, AlarmView } from '../api/types';
import { t } from '../text/text.svelte';
import { plant } from './app';
import { preferences } from './preferences.svelte';

/** The server takes no more alarms in one request. */
const BULK_MAX = 1000;

/** Acknowledges alarms in the name kept in the preferences; what the server refuses is told one by one. */
export async function acknowledge(alarms: AlarmView[], comment = ''): Promise<void> {
  const by = preferences.current.operator.trim();
  const options = { ...(by ? { by } : {}), ...(comment.trim() ? { comment: comment.trim() } : {}) };
  const single = alarms.length === 1 ? alarms[0] : undefined;
  if (single) {
    plant.mergeAlarms([await plant.api.acknowledge(single.id, options)]);
    plant.say('done', [t('ack.done', { n: 1 })]);
    return;
  }
  const changed: AlarmView[] = [];
  const refused: AckResult['items'] = [];
  for (let start = 0; start < alarms.length; start += BULK_MAX) {
    const ids = alarms.slice(start, start + BULK_MAX).map((alarm) => alarm.id);
    const { items } = await plant.api.acknowledgeMany(ids, options);
    const acknowledged = items.flatMap((item) => (item.alarm ? [item.alarm] : []));
    plant.mergeAlarms(acknowledged);
    changed.push(...acknowledged);
    refused.push(...items.filter((item) => item.problem !== null));
  }
  if (changed.length > 0) plant.say('done', [t('ack.done', { n: changed.length })]);
  if (refused.length > 0) {
    const nameOf = (id: number) => alarms.find((alarm) => alarm.id === id)?.name ?? String(id);
    plant.say('error', refused.slice(0, 5).map((item) => `${nameOf(item.id)}: ${item.problem!.detail ?? item.problem!.title}`));
  }
}

/** Acknowledges one alarm at once; a refusal becomes a message. */
export async function acknowledgeNow(alarm: AlarmView): Promise<void> {
  try {
    await acknowledge([alarm]);
  } catch (error) {
    plant.sayProblem(error);
  }
}
