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

/** The part of Distribution's configuration that we write. */
export type OciRegistryConfig = {
  readonly version: number;
  readonly log: object;
  readonly storage: object;
  readonly http: { readonly addr: string; readonly secret: string };
  readonly notifications?: { readonly endpoints: readonly NotificationEndpoint[] };
};
export type NotificationEndpoint = {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly timeout: string;
  readonly threshold: number;
  readonly backoff: string;
  readonly ignore: { readonly mediatypes: readonly string[] };
};

/**
 * Distribution's configuration. Its notification queue is in memory, serial, and repeats a refused event for ever, hence a
 * short backoff: what waits behind a gateway that restarts is sent soon after. Layers are left out, they are no images.
 * Source: CNCF Distribution, "Configuring a registry" and "Work with notifications".
 */
export function renderOciRegistryConfig({ port, storageDir, uploadSecret, notifications }: OciRegistrySettings): string {
  const config: OciRegistryConfig = {
    version: 0.1,
    log: { level: 'warn', formatter: 'json', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: storageDir }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}`, secret: uploadSecret },
    ...(notifications === undefined ? {} : { notifications: { endpoints: [endpoint(notifications)] } }),
  };
  return stringify(config);
}

function endpoint({ url, headers }: Notifications): NotificationEndpoint {
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
