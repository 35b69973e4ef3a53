import type { Require } from '../document/require.ts';
import { broken, met, unknown, type Compile } from './answer.ts';

/** A list of what is in it, attached to it, for those who have to find out later. */
export const sbom: Compile<NonNullable<Require['sbom']>> = ({ formats }) => ({
  ask: ({ evidence: { sboms } }) => {
    if (sboms === undefined) return unknown('sbom');
    const found = sboms.find(({ format }) => formats === undefined || (formats as readonly string[]).includes(format));
    if (found) return met(`has an SBOM (${found.format})`);
    const wanted = formats === undefined ? 'an SBOM' : `an SBOM as ${formats.join(' or ')}`;
    const others = [...new Set(sboms.map(({ format }) => format))].toSorted();
    const has = others.length === 0 ? '' : `, only as ${others.join(', ')}`;
    return broken('SBOM_MISSING', `it does not have ${wanted}${has}: attach one to its digest`);
  },
});
