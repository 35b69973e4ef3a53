import { field } from '../../json.ts';
import type { Finding } from '../../sighting.ts';
import type { Payload, Source } from '../../source.ts';
import { harbor } from '../harbor/harbor.ts';

/** Of the chart repositories that Harbor 1 had, and that Tencent kept. */
const chartTypes: ReadonlySet<unknown> = new Set(['uploadChart', 'downloadChart', 'deleteChart']);

/**
 * Tencent Cloud TCR: the payload of Harbor 1, from which it comes.
 * Source: tencentcloud.com, "TCR: Managing triggers".
 */
const read = (payload: Payload): readonly Finding[] =>
  chartTypes.has(field(payload.json, 'type')) ? [{ ignored: 'HELM_CHART' }] : harbor.read(payload);

export const tencent: Source = { title: 'Tencent Cloud TCR', auth: ['header', 'bearer', 'basic', 'url-query', 'url-path'], read };
