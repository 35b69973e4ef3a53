import { stringify } from 'yaml';

export type Notifications = {
  readonly url: string;
  /** Sent with each notification; holds the webhook's secret, so it goes into a file of mode 0600 and nowhere else. */
  readonly headers: Readonly<Record<string, string>>;
};

export type OciRegistrySettings = {
  readonly port: number;
  readonly storageDir: string;
  /** Signs the state of unfinished uploads: kept, so that they survive a restart. */
  readonly uploadSecret: string;
  readonly notifications?: Notifications;
};

/**
 * Distribution's configuration. Its notification queue is in memory, serial, and repeats a refused event for ever, hence a
 * short backoff: what waits behind a gateway that restarts is sent soon after. Layers are left out, they are no images.
 * Source: CNCF Distribution, "Configuring a registry" and "Work with notifications".
 */
export function renderOciRegistryConfig({ port, storageDir, uploadSecret, notifications }: OciRegistrySettings): string {
  return stringify({
    version: 0.1,
    log: { level: 'warn', formatter: 'json', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: storageDir }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}`, secret: uploadSecret },
    ...(notifications === undefined ? {} : { notifications: { endpoints: [endpoint(notifications)] } }),
  });
}

function endpoint({ url, headers }: Notifications): object {
  return {
    name: 'waybill',
    url,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    timeout: '5s',
    threshold: 3,
    backoff: '500ms',
    ignore: { mediatypes: ['application/octet-stream'] },
  };
}
