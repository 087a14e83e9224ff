import type { TagView } from '../api/types';
import type { TagCell } from '../live/tag-store';

/** Reason of a value that an operator has put in place of the device's. */
const SUBSTITUTED = 'substituted';

/** Whether an operator's value stands. A live cell knows; what was read of the tag counts only beside one that is not. */
export function isSubstituted(cell: Pick<TagCell, 'live' | 'reason'>, tag: Pick<TagView, 'substituted'> | undefined): boolean {
  return cell.reason === SUBSTITUTED || (!cell.live && tag?.substituted === true);
}
