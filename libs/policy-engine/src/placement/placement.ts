/** Where copies of an image lie, and from where it is pulled. */
export type Placement = {
  /** What the image is called; tells placements apart. */
  readonly image: string;
  readonly sizeBytes: number;
  /** Names of the registries that hold it, each once. */
  readonly registries: readonly string[];
  /** Pulls within 30 days, by region. */
  readonly pullsByRegion: Readonly<Record<string, number>>;
  /** Of the registries that hold it, those where it has to stay. */
  readonly pinned: readonly string[];
  /** Registries where policies and residency want or let it lie. */
  readonly allowed: readonly string[];
  /** Copies that policies want of it in these. */
  readonly copiesMin: number;
};
