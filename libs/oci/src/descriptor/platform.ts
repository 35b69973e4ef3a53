import { findPlatform, type Platform } from '@waybill/domain';
import { OciError } from '../host/errors.ts';

/** @throws OciError `PLATFORM_INVALID`, with what would be right */
export function parsePlatform(text: string): Platform {
  const platform = findPlatform(text);
  if (platform !== undefined) return platform;
  const shown = JSON.stringify(text.slice(0, 100));
  const message = `platform ${shown} is none: write os/architecture[/variant], as in linux/amd64 or linux/arm/v7`;
  throw new OciError('PLATFORM_INVALID', message, { host: '', repository: '' });
}
