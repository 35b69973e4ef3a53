/** How an image is run (OCI image spec 1.1, "Image Configuration"). What is not as the specification wants it is left out. */
export type ConfigDescription = {
  readonly digest: string;
  readonly user: string | null;
  readonly workingDir: string | null;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** `NAME=value` */
  readonly env: readonly string[];
  /** `80/tcp` */
  readonly ports: readonly string[];
  readonly volumes: readonly string[];
  readonly stopSignal: string | null;
  readonly labels: Readonly<Record<string, string>>;
};

export function configOf(digest: string, document: Fields): ConfigDescription {
  const run = fieldsOf(document['config']);
  return {
    digest,
    user: textOf(run['User']),
    workingDir: textOf(run['WorkingDir']),
    entrypoint: textsOf(run['Entrypoint']),
    cmd: textsOf(run['Cmd']),
    env: textsOf(run['Env']),
    ports: Object.keys(fieldsOf(run['ExposedPorts'])).toSorted(),
    volumes: Object.keys(fieldsOf(run['Volumes'])).toSorted(),
    stopSignal: textOf(run['StopSignal']),
    labels: Object.fromEntries(
      Object.entries(fieldsOf(run['Labels'])).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    ),
  };
}

/** The step that made each layer; nothing where history and layers do not fit together. */
export function createdByOf(document: Fields | undefined, layersCount: number): readonly (string | null)[] {
  const history = Array.isArray(document?.['history']) ? document['history'].map(fieldsOf) : [];
  const steps = history.filter((step) => step['empty_layer'] !== true);
  return steps.length === layersCount ? steps.map((step) => textOf(step['created_by'])) : [];
}

export type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
const textsOf = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
