import type { DeadBand, Filter, TagDefinition } from '../api/definition';
import { formatSpanMs } from './format';
import { t } from '../text/text.svelte';
import { SCREENS } from './tag-form';

function filterText(filter: Filter, unit: string): string {
  if (filter.lag) return `${t('filter.lag')} ${formatSpanMs(filter.lag.time_constant_ms)}`;
  if (filter.median) return `${t('filter.median')} ${filter.median.samples}`;
  const kalman = filter.kalman;
  return kalman ? `${t('filter.kalman')} ${kalman.process_noise} / ${kalman.measurement_noise}${unit}` : '';
}

function bandText(band: DeadBand, unit: string): string {
  return typeof band.percent === 'number' ? `${band.percent} %` : `${band.absolute ?? ''}${unit}`;
}

/** How a tag is conditioned and timed, in a few phrases; widths are in the source unit. */
export function conditioningText(definition: TagDefinition): string[] {
  const unit = definition.unit ? ` ${definition.unit}` : '';
  const { filter, dead_band: band, screens } = definition;
  const names = SCREENS.filter((screen) => screens?.[screen]).map((screen) => t(`screen.${screen}`).toLowerCase());
  return [
    filter ? t('summary.filter', { value: filterText(filter, unit) }) : '',
    band ? t('summary.band', { value: bandText(band, unit) }) : '',
    names.length > 0 ? t('summary.screens', { value: names.join(', ') }) : '',
    definition.max_silence_ms ? t('summary.silence', { value: formatSpanMs(definition.max_silence_ms) }) : '',
    definition.history === false ? t('tag.nohistory') : '',
  ].filter((phrase) => phrase !== '');
}
