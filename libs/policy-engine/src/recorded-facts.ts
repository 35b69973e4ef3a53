import type { ImageDecided } from '@waybill/domain';
import type { Evidence } from './evidence.ts';

type Facts = Pick<Evidence, 'registries' | 'usage' | 'pullsByRegion'>;
type Recorded = Pick<ImageDecided, 'registries' | 'usage' | 'pullsByRegion'>;

/** The facts beside an image that it was decided by, as its event names them. @param evidence Without those that did not count */
export const recordFacts = ({ registries = {}, usage, pullsByRegion }: Facts): Recorded => ({
  registries: Object.entries(registries).map(([name, { isHealthy, usedBytes, wasChosen }]) => ({
    ...{ name, isHealthy: isHealthy ?? null, usedBytes: usedBytes ?? null, wasChosen: wasChosen === true },
  })),
  usage: usage ?? null,
  pullsByRegion: pullsByRegion ?? null,
});

/** The other way round. */
export const recordedFacts = ({ registries, usage, pullsByRegion }: Recorded): Facts => ({
  ...(registries.length > 0 && {
    registries: Object.fromEntries(
      registries.map(({ name, isHealthy, usedBytes, wasChosen }) => [
        name,
        {
          ...(isHealthy !== null && { isHealthy }),
          ...(usedBytes !== null && { usedBytes }),
          ...(wasChosen && { wasChosen }),
        },
      ]),
    ),
  }),
  ...(usage !== null && { usage }),
  ...(pullsByRegion !== null && { pullsByRegion }),
});
