// Printed from schemas/ by `npm run schemas:types`; do not edit.

/** A record of another topic as a link of the partition's hash chain. */
export type AuditEntry = {
  /** From 0, without a gap. */
  readonly seq: number;
  readonly previousHash: Buffer;
  readonly hash: Buffer;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  /** SHA-256 over key, value and headers of the record. */
  readonly recordHash: Buffer;
  readonly eventId: string | null;
  readonly eventType: string | null;
};

/** Last link of a partition's chain. */
export type AuditHead = {
  readonly seq: number;
  readonly hash: Buffer;
};

/** A manifest known in a repository. */
export type DigestEntry = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  /** <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
  readonly mediaType: string | null;
  readonly firstSeenAtMs: number;
  readonly lastSeenAtMs: number;
  readonly pushesCount: number;
  /** By whomever. */
  readonly pullsCount: number;
  readonly deletedAtMs: number | null;
  readonly lastEventId: string;
  /** By anybody but accounts of our own; null for never, and as far as earlier versions know. */
  readonly lastPulledAtMs: number | null;
};

/** An occurrence that was passed on; a second one with its id is not. */
export type SeenMark = {
  readonly eventId: string;
  readonly seenAtMs: number;
};

/** What a tag is now and was before. */
export type TagEntry = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  readonly tag: string;
  /** Null once deleted, or where the push named no digest. */
  readonly digest: string | null;
  readonly previousDigest: string | null;
  readonly firstSeenAtMs: number;
  /** When the digest last changed. */
  readonly changedAtMs: number;
  readonly lastSeenAtMs: number;
  readonly pushesCount: number;
  /** How often it went to another digest. */
  readonly movesCount: number;
  readonly deletedAtMs: number | null;
  readonly lastEventId: string;
};

/** All tags of a partition have been compared with a candidate, or cannot be. */
export type CandidateCompared = {
  /** What its author calls it. */
  readonly candidate: string;
  /** Of the start, as in CandidatePublished. */
  readonly shadowId: string;
  readonly partition: number;
  /** SHA-256 over the policies in force with the changes of the candidate; empty where there is a fault. */
  readonly candidateSetVersion: string;
  /** Why nothing can be decided by it; empty where all is well. */
  readonly fault: string;
  readonly comparedAtMs: number;
};

/** What DecisionDiffered said of a tag holds no longer: both decide it alike, or it is gone. */
export type DecisionAgreed = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  readonly tag: string;
  /** <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
  /** What its author calls it. */
  readonly candidate: string;
  /** Of the start, as in CandidatePublished. */
  readonly shadowId: string;
  readonly reason: string;
  readonly evaluatedAtMs: number;
};

export type Target = {
  /** Name of the registry in the configuration. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  readonly tag: string;
  /** As linux/amd64: what of the image is meant, in order; empty for all of it, and in records of earlier versions. */
  readonly platforms: readonly string[];
  /** Which copies go first: critical, high, normal or low. */
  readonly priorityClass: string;
};

/** What the policies on what may run say. */
export type AdmissionVerdict = {
  /** allow, deny or held. */
  readonly outcome: string;
  readonly code: string;
  readonly policyId: string | null;
  readonly reason: string;
};

/** What one set of policies says of an image. */
export type Verdict = {
  /** allow, deny or held. */
  readonly outcome: string;
  readonly code: string;
  /** The policy that decided; null where none matched. */
  readonly policyId: string | null;
  readonly reason: string;
  /** Where it may go. */
  readonly targets: readonly Target[];
  /** Null where no policy on what may run is in force. */
  readonly admission: AdmissionVerdict | null;
};

export type ScanInput = {
  /** <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
  readonly outcome: string;
  readonly worstSeverity: string;
  readonly scannedAtMs: number;
  readonly scanEventId: string;
};

export type SbomEvidence = {
  /** Of the manifest that is attached. */
  readonly digest: string;
  /** spdx, cyclonedx, syft or unknown. */
  readonly format: string;
};

/** By an identity that an issuer vouches for, or by a key. */
export type VerifiedSignature = {
  /** Of the manifest that carries it. */
  readonly digest: string;
  readonly issuer: string | null;
  /** The identity, as its issuer names it. */
  readonly subject: string | null;
  /** sha256:<hex> of the public key in DER (SubjectPublicKeyInfo). */
  readonly key: string | null;
  readonly verifiedAtMs: number;
};

export type RegistryInput = {
  /** Of its document. */
  readonly name: string;
  /** Null: not known. */
  readonly isHealthy: boolean | null;
  /** Null: not known. */
  readonly usedBytes: number | null;
  /** Whether the decision before on this digest names it. */
  readonly wasChosen: boolean;
};

export type UsageInput = {
  readonly bytes: number;
  readonly images: number;
  readonly copiesLastHour: number;
  /** Whether the copies of this image are among them. */
  readonly isCounted: boolean;
};

/** A candidate decides a tag otherwise than the policies in force do, from the same facts at the same moment. */
export type DecisionDiffered = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  readonly tag: string;
  /** <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
  /** What its author calls it. */
  readonly candidate: string;
  /** Of the start, as in CandidatePublished. */
  readonly shadowId: string;
  /** SHA-256 over the policies in force. */
  readonly policySetVersion: string;
  /** The same over them with the changes of the candidate. */
  readonly candidateSetVersion: string;
  /** By the policies in force. */
  readonly active: Verdict;
  /** By the candidate. */
  readonly shadow: Verdict;
  /** Verdicts on its platforms that it was made with. */
  readonly scans: readonly ScanInput[];
  /** The event that the facts of its manifest were taken from; null where there was none, or it is older than this field. */
  readonly inspectionEventId: string | null;
  /** Attached to it, as far as was known; null where nobody had looked, and in events of earlier versions. */
  readonly sboms: readonly SbomEvidence[] | null;
  /** Verified ones that it was made with; null where nobody had looked, and in events of earlier versions. */
  readonly signatures: readonly VerifiedSignature[] | null;
  /** What was known of registries when some were to be chosen; of others it did not count. */
  readonly registries: readonly RegistryInput[];
  /** What its tenant had, where that counted. */
  readonly usage: UsageInput | null;
  /** Pulls of its repository, where they counted. */
  readonly pullsByRegion: Readonly<Record<string, number>> | null;
  /** Whether nothing would have had it decided anew: as many tags as are followed waited for the digest already. */
  readonly cannotWait: boolean;
  /** SHA-256 in hex over all that both were made from beside the documents. */
  readonly inputsSha256: string;
  /** The newest decision on the digest that was told; null where none was. */
  readonly decisionEventId: string | null;
  readonly pushEventId: string;
  readonly evaluatedAtMs: number;
};

/** What is decided about a tag, or what is awaited. */
export type DecisionState = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  readonly tag: string;
  /** <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
  /** held, allowed, denied or deleted. */
  readonly status: string;
  readonly awaiting: readonly string[];
  readonly reason: string;
  readonly policyId: string | null;
  readonly policySetVersion: string;
  readonly targets: readonly Target[];
  readonly pushEventId: string;
  readonly correlationId: string;
  readonly pushedAtMs: number;
  readonly decisionEventId: string | null;
  readonly changedAtMs: number;
  /** Outcome of the newest decision on the digest that an event has told; empty for none, and in rows of earlier versions. */
  readonly toldOutcome: string;
  /** The same of what may run. */
  readonly toldAdmission: string;
  /** When it may be decided otherwise though nothing happens; null for never. */
  readonly reviewAtMs: number | null;
  /** What was last told of how a candidate decides it otherwise, `<shadowId> <SHA-256>`; empty where nothing is, or that it does no longer. */
  readonly toldDifference: string;
  /** Copies that earlier decisions on the tag sent out and that may still be counted, where the newest sends none. */
  readonly earlierImages: number;
  /** Their size, as far as it is known. */
  readonly earlierBytes: number;
};

export type PolicyTrace = {
  readonly policyId: string;
  readonly matched: boolean;
  /** allow, deny, held, not-matched, or error where its condition fails. */
  readonly outcome: string;
  readonly reason: string;
};

/** What the policies on what may run say. */
export type AdmissionDecision = {
  /** allow, deny or held. */
  readonly outcome: string;
  readonly code: string;
  readonly policyId: string | null;
  readonly reason: string;
  /** Whether its policy says `enforce: running`: a denial is about what runs already, too. */
  readonly isAboutRunning: boolean;
  /** Whether this very digest was allowed to run before, and is no longer. */
  readonly retroactive: boolean;
};

/** Where an image may go, and why. */
export type ImageDecided = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  readonly tag: string;
  /** <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
  /** allow, deny, or held: what was allowed is no longer, and waits for new facts. */
  readonly outcome: string;
  /** The policy that decided; null where none matched. */
  readonly policyId: string | null;
  /** SHA-256 over the policies in force. */
  readonly policySetVersion: string;
  readonly reason: string;
  readonly trace: readonly PolicyTrace[];
  /** Where it may go; of a deny or a hold those that it takes back. */
  readonly targets: readonly Target[];
  /** Verdicts on its platforms that it was made with. */
  readonly scans: readonly ScanInput[];
  readonly evaluatedAtMs: number;
  readonly pushEventId: string;
  /** Why, in one word; docs/policies.md has the list. Empty in events of earlier versions. */
  readonly code: string;
  /** What had the tag decided: push, evidence, time, policies that changed, registries that failed or came back, or usage that fell. */
  readonly occasion: string;
  /** Whether this very digest was allowed under this tag before, and is no longer. */
  readonly retroactive: boolean;
  /** Exceptions without which it would not be allowed. */
  readonly exceptionIds: readonly string[];
  /** Targets that an earlier decision on the digest named and this one does not allow: no new copy goes there, what is there stays. */
  readonly takenBack: readonly Target[];
  /** Null where no policy on what may run is in force. */
  readonly admission: AdmissionDecision | null;
  /** The event that the facts of its manifest were taken from; null where there was none, or it is older than this field. */
  readonly inspectionEventId: string | null;
  /** Attached to it, as far as was known; null where nobody had looked, and in events of earlier versions. */
  readonly sboms: readonly SbomEvidence[] | null;
  /** SHA-256 in hex over all that it was made from beside the documents in force; empty in events of earlier versions. */
  readonly inputsSha256: string;
  /** Verified ones that it was made with; null where nobody had looked, and in events of earlier versions. */
  readonly signatures: readonly VerifiedSignature[] | null;
  /** What was known of registries when some were to be chosen; of others it did not count. */
  readonly registries: readonly RegistryInput[];
  /** What its tenant had, where that counted. */
  readonly usage: UsageInput | null;
  /** Pulls of its repository, where they counted. */
  readonly pullsByRegion: Readonly<Record<string, number>> | null;
  /** Whose image it is, by the documents in force; null for nobody's, and in events of earlier versions. */
  readonly tenant: string | null;
  /** Of all that belongs to the image; null where it is not known, and in events of earlier versions. */
  readonly sizeBytes: number | null;
  /** Whether nothing would have had it decided anew: as many tags as are followed waited for the digest already. */
  readonly cannotWait: boolean;
};

export type ReportedFinding = {
  /** CVE, GHSA or the scanner's own id. */
  readonly id: string;
  /** critical, high, medium, low or unknown. */
  readonly severity: string;
};

export type ScanEvidence = {
  /** <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
  readonly outcome: string;
  readonly worstSeverity: string;
  readonly reason: string | null;
  readonly scannedAtMs: number;
  readonly scanEventId: string;
  /** Worst first, each id once; null where they are not listed, as in earlier versions. */
  readonly findings: readonly ReportedFinding[] | null;
  /** Findings beside those listed, none of them worse than the last that is. */
  readonly findingsOmitted: number;
};

/** What the policy app knows of a manifest: its facts and the scans of its platforms. */
export type ImageEvidence = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  /** <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
  readonly inspected: boolean;
  readonly inspectionFailure: string | null;
  readonly kind: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly platformDigests: readonly string[];
  readonly scans: readonly ScanEvidence[];
  /** Tags of this repository that wait for or point to it. */
  readonly tags: readonly string[];
  /** The event that said what it is, or that nobody can say. */
  readonly inspectionEventId: string | null;
  /** As linux/amd64; empty for none, and in rows of earlier versions. */
  readonly platforms: readonly string[];
  /** Of its manifests, configs and layers, each once; null where it is not known. */
  readonly sizeBytes: number | null;
  /** Attached to it, in the order of their digests; null until somebody has looked. */
  readonly sboms: readonly SbomEvidence[] | null;
  /** Those that were verified; null until somebody has looked. */
  readonly signatures: readonly VerifiedSignature[] | null;
  /** What they were verified with when the manifest was read last. */
  readonly trustSha256: string | null;
};

/** How far the tags of a partition have been compared with the documents in force. */
export type PolicySweep = {
  /** Policy set versions that tags here may have been decided by, the one in force last; an empty one stands for any. */
  readonly versions: readonly string[];
  /** Key of the last row that was looked at, empty at the beginning; null when all have been. */
  readonly after: string | null;
  /** Key of the last row to look at; null for the last there is. */
  readonly until: string | null;
  /** Key up to which all have to be looked at again from the beginning, because other documents came into force meanwhile. */
  readonly again: string | null;
  /** Key of the tag that was asked for last, until it has been decided anew: so long the sweep waits. Null in rows of earlier versions. */
  readonly asked: string | null;
};

/** A tag that its tenant's quota denies: to be looked at again when the tenant has less. */
export type QuotaDenial = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  readonly tag: string;
  /** <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
};

export type DayPulls = {
  /** Midnight UTC. */
  readonly dayStartMs: number;
  readonly pulls: number;
};

export type PullPlace = {
  /** Where it was pulled: host. */
  readonly placeRegistry: string;
  /** Path below the host, without tag or digest. */
  readonly placeRepository: string;
  /** Of the place's registry, by its document; null where none is published. */
  readonly region: string | null;
  /** Newest last, at most 31; days without pulls are left out. */
  readonly days: readonly DayPulls[];
};

/** How often and where a repository is pulled, copies with their source. */
export type RepositoryPulls = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  /** Each place once, the one that was told of last at the end; at most 100. */
  readonly places: readonly PullPlace[];
};

/** A tag may have to be decided otherwise, though nothing has happened to its image. */
export type ReviewRequested = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  readonly tag: string;
  /** <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
  /** time: what it was decided by has come of age; policies: other documents are in force. */
  readonly occasion: string;
  /** From when on it may have to be decided otherwise. */
  readonly dueAtMs: number;
  /** In force when it was asked for. */
  readonly policySetVersion: string;
  readonly requestedAtMs: number;
};

/** A webhook as it was received, byte for byte. Credentials are cut from the headers. */
export type DeliveryReceived = {
  /** Kind of sender. */
  readonly source: string;
  /** Name of the source in the gateway's configuration. */
  readonly endpoint: string;
  readonly receivedAtMs: number;
  readonly contentType: string | null;
  /** Lower-case names; authorization, cookie and signature values are left out. */
  readonly headers: Readonly<Record<string, string>>;
  readonly remoteAddress: string | null;
  /** Lower-case hex. */
  readonly bodySha256: string;
  readonly body: Buffer;
};

/** Somebody had a stored delivery read by a newer parser or under other settings, and events came of it that were not there before. */
export type DeliveryReplayed = {
  /** Event id of the DeliveryReceived; the cause of the new events too. */
  readonly deliveryId: string;
  readonly endpoint: string;
  /** Kind of sender that it was read as. */
  readonly source: string;
  /** When the delivery came; the new events carry the same time. */
  readonly receivedAtMs: number;
  /** The events that were appended. */
  readonly eventIds: readonly string[];
  readonly requestedBy: string;
  readonly reason: string;
  readonly requestedAtMs: number;
};

/** A registry has begun or ceased to answer. */
export type RegistryHealthChanged = {
  /** Its name in registries.yaml. */
  readonly registry: string;
  /** Null: nobody asks it any more. */
  readonly isHealthy: boolean | null;
  /** What it did when it was asked, with a code where it failed. */
  readonly reason: string;
  /** Of the answer, or its lack, that settled it. */
  readonly changedAtMs: number;
};

/** What is told of a registry's health, and what speaks against it. */
export type RegistryProbe = {
  /** Its name in registries.yaml. */
  readonly registry: string;
  /** As the newest event says; null before there is one. */
  readonly isHealthy: boolean | null;
  /** Probes in a row that came out otherwise than what is told. */
  readonly contraryCount: number;
};

/** A tag, a manifest or a whole repository was deleted. */
export type ImageDeleted = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  /** Empty where not single tags were deleted. */
  readonly tags: readonly string[];
  /** Null where a tag or the whole repository was deleted. */
  readonly digest: string | null;
  /** Free text chosen by the sender; never a key. */
  readonly actor: string | null;
  /** The registry's own time, Unix ms; null where it gave none or nonsense. */
  readonly occurredAtMs: number | null;
  /** When the gateway received the delivery, Unix ms. */
  readonly receivedAtMs: number;
  /** Kind of sender: distribution, harbor, dockerhub. */
  readonly source: string;
  /** Name of the source in the gateway's configuration. */
  readonly endpoint: string;
  /** Stable across the sender's retries where it has such an id. */
  readonly sourceDeliveryId: string | null;
  /** webhook, or reconciled where the loss detector filled it in. */
  readonly origin: string;
};

/** A manifest was pulled. */
export type ImagePulled = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  /** Empty where the manifest was pushed by digest. */
  readonly tags: readonly string[];
  /** Null where the sender gave none (Docker Hub) or no valid one; then the inspector resolves the tag. */
  readonly digest: string | null;
  /** What the sender wrote where that is no valid digest. */
  readonly rawDigest: string | null;
  /** Of the manifest. */
  readonly mediaType: string | null;
  readonly configMediaType: string | null;
  /** Of the manifest, not of the image. */
  readonly sizeBytes: number | null;
  /** Free text chosen by the sender; never a key. */
  readonly actor: string | null;
  /** The registry's own time, Unix ms; null where it gave none or nonsense. */
  readonly occurredAtMs: number | null;
  /** When the gateway received the delivery, Unix ms. */
  readonly receivedAtMs: number;
  /** Kind of sender: harbor, github, ecr and so on; docs/registries has a page for each. */
  readonly source: string;
  /** Name of the source in the gateway's configuration. */
  readonly endpoint: string;
  /** Stable across the sender's retries where it has such an id. */
  readonly sourceDeliveryId: string | null;
  /** webhook, or reconciled where the loss detector filled it in. */
  readonly origin: string;
  /** As in ImagePushed. */
  readonly artifactKind: string;
  /** True where the actor is one of the accounts that the configuration names as our own: its pulls are no use of the image. */
  readonly byOwnRobot: boolean;
};

/** A manifest was pushed. */
export type ImagePushed = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  /** Empty where the manifest was pushed by digest. */
  readonly tags: readonly string[];
  /** Null where the sender gave none (Docker Hub) or no valid one; then the inspector resolves the tag. */
  readonly digest: string | null;
  /** What the sender wrote where that is no valid digest. */
  readonly rawDigest: string | null;
  /** Of the manifest. */
  readonly mediaType: string | null;
  readonly configMediaType: string | null;
  /** Of the manifest, not of the image. */
  readonly sizeBytes: number | null;
  /** Free text chosen by the sender; never a key. */
  readonly actor: string | null;
  /** The registry's own time, Unix ms; null where it gave none or nonsense. */
  readonly occurredAtMs: number | null;
  /** When the gateway received the delivery, Unix ms. */
  readonly receivedAtMs: number;
  /** Kind of sender: harbor, github, ecr and so on; docs/registries has a page for each. */
  readonly source: string;
  /** Name of the source in the gateway's configuration. */
  readonly endpoint: string;
  /** Stable across the sender's retries where it has such an id. */
  readonly sourceDeliveryId: string | null;
  /** webhook, or reconciled where the loss detector filled it in. */
  readonly origin: string;
  /** image, index, helm-chart, signature, sbom, attestation, or artifact for others; unknown where the payload does not tell. */
  readonly artifactKind: string;
  /** What the sender wrote where that is no time that can be placed, such as one without a zone. */
  readonly rawOccurredAt: string | null;
  /** Id of the message that carried the event, where that is another than sourceDeliveryId (SNS). */
  readonly transportDeliveryId: string | null;
};

export type Layer = {
  /** <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
};

export type PlatformManifest = {
  /** <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly os: string;
  readonly architecture: string;
  readonly variant: string | null;
  readonly configDigest: string;
  /** As the config says it. */
  readonly createdAt: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly layers: readonly Layer[];
  /** Config and layers, compressed. */
  readonly totalBytes: number;
};

export type Referrer = {
  /** <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
  readonly mediaType: string;
  readonly artifactType: string | null;
  readonly sizeBytes: number;
};

export type RefusedSignature = {
  /** Of the manifest that carries it. */
  readonly digest: string;
  /** Stable: SIGNATURE_… */
  readonly code: string;
  readonly reason: string;
};

/** Newest facts of a manifest in a repository. */
export type ImageFacts = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  /** <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
  readonly mediaType: string;
  /** image, index or artifact. */
  readonly kind: string;
  readonly artifactType: string | null;
  /** Of the manifest itself. */
  readonly sizeBytes: number;
  /** One for a single image, the children for an index; attestation children are left out. */
  readonly platforms: readonly PlatformManifest[];
  readonly annotations: Readonly<Record<string, string>>;
  /** Union over the platforms; where they differ the first wins. */
  readonly labels: Readonly<Record<string, string>>;
  /** Each blob once. */
  readonly totalBytes: number;
  readonly referrers: readonly Referrer[];
  readonly inspectedAtMs: number;
  readonly eventId: string;
  /** Digest of the manifest that it is attached to (OCI image spec, subject); null for none, and in earlier versions. */
  readonly subject: string | null;
  /** Those of this manifest that were verified; null where nobody looked, as in earlier versions. */
  readonly signatures: readonly VerifiedSignature[] | null;
  /** What this artifact proves of its subject. */
  readonly subjectSignatures: readonly VerifiedSignature[];
  /** Looked at and not counted, of either. */
  readonly refusedSignatures: readonly RefusedSignature[];
  /** SHA-256 over the keys and roots that they were verified with; null where nobody looked. */
  readonly trustSha256: string | null;
  /** In-toto predicates that an artifact says it attests to its subject, or that an index holds for each of its platforms; nobody has verified them. */
  readonly predicateTypes: readonly string[];
};

/** What a pushed image is. */
export type ImageInspected = {
  readonly tags: readonly string[];
  readonly pushEventId: string;
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  /** <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
  readonly mediaType: string;
  /** image, index or artifact. */
  readonly kind: string;
  readonly artifactType: string | null;
  /** Of the manifest itself. */
  readonly sizeBytes: number;
  /** One for a single image, the children for an index; attestation children are left out. */
  readonly platforms: readonly PlatformManifest[];
  readonly annotations: Readonly<Record<string, string>>;
  /** Union over the platforms; where they differ the first wins. */
  readonly labels: Readonly<Record<string, string>>;
  /** Each blob once. */
  readonly totalBytes: number;
  readonly referrers: readonly Referrer[];
  readonly inspectedAtMs: number;
  /** Digest of the manifest that it is attached to (OCI image spec, subject); null for none, and in earlier versions. */
  readonly subject: string | null;
  /** Those of this manifest that were verified; null where nobody looked, as in earlier versions. */
  readonly signatures: readonly VerifiedSignature[] | null;
  /** What this artifact proves of its subject. */
  readonly subjectSignatures: readonly VerifiedSignature[];
  /** Looked at and not counted, of either. */
  readonly refusedSignatures: readonly RefusedSignature[];
  /** SHA-256 over the keys and roots that they were verified with; null where nobody looked. */
  readonly trustSha256: string | null;
  /** In-toto predicates that an artifact says it attests to its subject, or that an index holds for each of its platforms; nobody has verified them. */
  readonly predicateTypes: readonly string[];
};

/** An image could not be read, and no further try will be made by itself. */
export type ImageInspectionFailed = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  readonly tags: readonly string[];
  readonly digest: string | null;
  readonly pushEventId: string;
  readonly code: string;
  readonly reason: string;
  readonly attempts: number;
  readonly failedAtMs: number;
};

/** What would become of one policy by a candidate, which is never in force: decisions by it are only compared. */
export type CandidatePublished = {
  /** What its author calls it. */
  readonly candidate: string;
  /** Of the start, the same in all events of it: another start is another shadow, also of the same candidate. */
  readonly shadowId: string;
  readonly policyId: string;
  /** YAML, or sealed as in PolicyPublished; null where the candidate retires the policy. */
  readonly document: string | null;
  readonly documentSha256: string | null;
  /** How many policies the candidate changes: it is complete when the log holds so many with this shadowId. */
  readonly changesCount: number;
  readonly author: string;
  /** Why, in the author's words. */
  readonly reason: string;
  readonly publishedAtMs: number;
};

/** A candidate no longer says anything of a policy. */
export type CandidateWithdrawn = {
  /** What its author calls it. */
  readonly candidate: string;
  readonly policyId: string;
  readonly author: string;
  /** Why, in the author's words. */
  readonly reason: string;
  readonly withdrawnAtMs: number;
};

/** A policy as its author wrote it; the newest of an id is in force. */
export type PolicyPublished = {
  readonly policyId: string;
  /** YAML. */
  readonly document: string;
  readonly documentSha256: string;
  readonly author: string;
  readonly publishedAtMs: number;
  /** Why, in the author's words; empty where nobody said. */
  readonly reason: string;
  /** documentSha256 of what this takes the place of; null where nothing was in force. */
  readonly previousSha256: string | null;
};

/** A policy is no longer in force. */
export type PolicyRetired = {
  readonly policyId: string;
  readonly author: string;
  readonly retiredAtMs: number;
  /** Why, in the author's words; empty where nobody said. */
  readonly reason: string;
  /** documentSha256 of what was in force. */
  readonly previousSha256: string | null;
};

/** An image is at a target and was read back there. */
export type ImageCopied = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  readonly tag: string;
  /** <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
  readonly targetRegistry: string;
  readonly targetRepository: string;
  readonly targetTag: string;
  readonly manifestsCopied: number;
  readonly blobsCopied: number;
  readonly blobsSkipped: number;
  readonly referrersCopied: number;
  readonly bytesCopied: number;
  readonly verified: boolean;
  readonly decisionEventId: string;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  /** As linux/amd64: what of the image was copied; empty for all of it, and in events of earlier versions. */
  readonly platforms: readonly string[];
  /** What is at the target: `digest`, or where platforms were left out that of what is left. Null in events of earlier versions, where it is `digest`. */
  readonly copiedDigest: string | null;
  /** Of all manifests, configs and layers that belong to what is at the target, and what refers to it, each once, whether they were there already or not; null in events of earlier versions. */
  readonly imageBytes: number | null;
};

/** A copy was given up; redrive starts it again. */
export type ImageCopyFailed = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  readonly tag: string;
  /** <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
  readonly targetRegistry: string;
  readonly targetRepository: string;
  readonly targetTag: string;
  readonly code: string;
  readonly reason: string;
  readonly attempts: number;
  readonly decisionEventId: string;
  readonly failedAtMs: number;
};

/** What is where, or is under way. */
export type ReplicaState = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  readonly tag: string;
  /** Of the image that it is a copy of: <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
  readonly targetRegistry: string;
  readonly targetRepository: string;
  readonly targetTag: string;
  /** copying, copied or failed. */
  readonly status: string;
  /** What was last read back at the target: where platforms were left out another one than `digest`. */
  readonly copiedDigest: string | null;
  readonly reason: string | null;
  readonly decisionEventId: string;
  readonly correlationId: string;
  readonly changedAtMs: number;
  /** As linux/amd64: what of the image is, or is to be, at the target; empty for all of it, and in rows of earlier versions. */
  readonly platforms: readonly string[];
  /** Which copies go first: critical, high, normal or low. */
  readonly priorityClass: string;
};

export type SeverityCounts = {
  readonly critical: number;
  readonly high: number;
  readonly medium: number;
  readonly low: number;
  readonly unknown: number;
};

export type Finding = {
  /** CVE, GHSA or the scanner's own id. */
  readonly id: string;
  /** critical, high, medium, low or unknown. */
  readonly severity: string;
  readonly package: string;
  readonly version: string;
  readonly fixedVersion: string | null;
};

/** A scanner has judged a platform manifest; keyed by its digest. */
export type ImageScanned = {
  /** <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  readonly scanner: string;
  readonly scannerVersion: string | null;
  /** none, low, medium, high, critical or unknown. */
  readonly worstSeverity: string;
  readonly counts: SeverityCounts;
  /** Worst first, at most 200; counts count all. */
  readonly findings: readonly Finding[];
  readonly findingsOmitted: number;
  /** Of the scanner's output. */
  readonly reportSha256: string;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
};

/** The scanner gave no valid verdict, and no further try will be made by itself. */
export type ScanFailed = {
  /** <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  readonly scanner: string;
  readonly code: string;
  readonly reason: string;
  readonly attempts: number;
  readonly failedAtMs: number;
};

/** The verdict on a digest, told to a repository that holds it; keyed by repository. */
export type ScanReported = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  /** <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
  readonly imageDigest: string;
  /** scanned or failed. */
  readonly outcome: string;
  readonly worstSeverity: string;
  readonly counts: SeverityCounts;
  readonly scanner: string;
  readonly scannedAtMs: number;
  /** Why it failed. */
  readonly reason: string | null;
  readonly scanEventId: string;
  /** Worst first, each id once; null where they are not listed, as in earlier versions. */
  readonly findings: readonly ReportedFinding[] | null;
  /** Findings beside those listed, none of them worse than the last that is. */
  readonly findingsOmitted: number;
};

/** A platform manifest of an image wants a scan; keyed by its digest. */
export type ScanRequested = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  /** <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
  /** The index or image it belongs to. */
  readonly imageDigest: string;
};

export type Requester = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  readonly imageDigest: string;
  readonly requestEventId: string;
  readonly correlationId: string;
};

/** Newest verdict on a digest, and who waits for it. */
export type ScanState = {
  /** <algorithm>:<hex> (OCI image spec, Digests). */
  readonly digest: string;
  /** waiting, scanned or failed. */
  readonly status: string;
  readonly waiting: readonly Requester[];
  readonly worstSeverity: string;
  readonly counts: SeverityCounts | null;
  readonly scanner: string;
  readonly scannedAtMs: number;
  readonly reason: string | null;
  readonly scanEventId: string | null;
  /** Worst first, each id once; null where they are not listed, as in earlier versions. */
  readonly findings: readonly ReportedFinding[] | null;
  /** Findings beside those listed, none of them worse than the last that is. */
  readonly findingsOmitted: number;
};

export type Header = {
  readonly name: string;
  readonly value: Buffer;
};

/** A record that an app could not process, or that waits behind one with the same topic and key; gone when processed or dropped. */
export type HeldRecord = {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
  /** parked: it failed. waiting: it is run as soon as it is the first of its key. */
  readonly status: string;
  /** Times that it has failed. */
  readonly attempts: number;
  /** Of the last failure. */
  readonly code: string | null;
  readonly reason: string | null;
  readonly correlationId: string;
  /** When it last failed, or began to wait. */
  readonly heldAtMs: number;
};

/** A piece of slow work that is due, running or parked; gone when done. */
export type Job = {
  readonly id: string;
  readonly kind: string;
  /** Routing key of the record that made it. */
  readonly key: string;
  /** due or parked. */
  readonly status: string;
  /** Tries made so far. */
  readonly attempt: number;
  /** Higher first. */
  readonly priority: number;
  readonly notBeforeMs: number;
  /** Limits per host count by it. */
  readonly host: string | null;
  /** JSON. */
  readonly payload: string;
  readonly lastError: string | null;
  /** Event that scheduled it. */
  readonly causeId: string;
  readonly correlationId: string;
  readonly traceparent: string | null;
  readonly createdAtMs: number;
};

/** What a transaction of an app has marked as done; a mark ends by itself. */
export type MarkBatch = {
  readonly ids: readonly string[];
  /** When each was made: as many as ids, in their order. */
  readonly atMs: readonly number[];
};

/** Somebody has given up what is parked: it is not to be tried again. */
export type ParkedDropRequested = {
  /** App that parked it. */
  readonly app: string;
  /** record or job. */
  readonly kind: string;
  /** topic/partition/offset of the record, or the job's id. */
  readonly id: string;
  readonly requestedBy: string;
  readonly reason: string;
  readonly requestedAtMs: number;
};

/** Somebody wants what is parked to be tried again. */
export type ParkedRetryRequested = {
  /** App that parked it. */
  readonly app: string;
  /** record or job. */
  readonly kind: string;
  /** topic/partition/offset of the record, or the job's id. */
  readonly id: string;
  readonly requestedBy: string;
  readonly reason: string | null;
  readonly requestedAtMs: number;
};

/** From now on another version of an app is the one whose events count. The newest of an app is in force. */
export type ProjectionSwapped = {
  readonly app: string;
  readonly liveVersion: number;
  /** All that were ever live before, newest first. */
  readonly formerVersions: readonly number[];
  readonly changedBy: string;
  readonly reason: string;
  readonly changedAtMs: number;
};

/** A record that could not be processed, with its bytes. */
export type RecordParked = {
  readonly app: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
  readonly code: string;
  readonly reason: string;
  readonly parkedAtMs: number;
};

/** What became of a copy, told to the place that it goes to. */
export type CopyChanged = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  readonly tag: string;
  /** Of the image that is copied. */
  readonly digest: string;
  /** Registry host, lower case, with its port where it has one. */
  readonly targetRegistry: string;
  /** As the configuration names it; null where only its host is told. */
  readonly targetRegistryName: string | null;
  /** Path below the host, without tag or digest. */
  readonly targetRepository: string;
  readonly targetTag: string;
  /** wanted, withdrawn, copied or failed. */
  readonly change: string;
  /** Whose image it is, of one that is wanted; null for nobody's. */
  readonly tenant: string | null;
  /** Of all that belongs to it: as inspected of one that is wanted, as found at the target of one that is copied. Null where it is not known. */
  readonly sizeBytes: number | null;
  /** What is at the target, of one that is copied. */
  readonly copiedDigest: string | null;
  /** When it was decided, or when the copy ended. */
  readonly changedAtMs: number;
};

/** What is known of a copy at a tag of its target: by the newest of each kind of news, in whatever order they came. */
export type CopyState = {
  /** Of the target: host. */
  readonly registry: string;
  /** As the configuration names it; null until a decision is known. */
  readonly registryName: string | null;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  readonly tag: string;
  /** Of the image that was wanted last; empty until a decision is known. */
  readonly digest: string;
  readonly tenant: string | null;
  readonly sizeBytes: number | null;
  /** Where it is copied from. */
  readonly sourceRegistry: string | null;
  readonly sourceRepository: string | null;
  readonly wantedAtMs: number | null;
  readonly withdrawnDigest: string | null;
  readonly withdrawnAtMs: number | null;
  readonly failedDigest: string | null;
  readonly failedAtMs: number | null;
  /** Of the image that was copied last. */
  readonly copiedDigest: string | null;
  readonly copiedAtMs: number | null;
  /** Of what is at the target. */
  readonly copiedBytes: number | null;
  /** What is at the target, where it is another than copiedDigest. */
  readonly placedDigest: string | null;
  /** Of the tag. */
  readonly deletedAtMs: number | null;
};

/** A manifest or a whole repository that copies go to, and when it was last deleted. */
export type DeletionState = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  /** Null for the repository. */
  readonly digest: string | null;
  /** Tags that point to the manifest, as far as decisions and copies tell. */
  readonly tags: readonly string[];
  readonly deletedAtMs: number | null;
};

/** How often a repository was pulled. */
export type PullState = {
  /** Registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  /** What it is a copy of, by the newest decision; null for none. */
  readonly sourceRegistry: string | null;
  readonly sourceRepository: string | null;
  /** When that was decided. */
  readonly sourceAtMs: number | null;
  /** Newest last, at most 31. */
  readonly days: readonly DayPulls[];
  readonly toldAtMs: number | null;
  /** When it will be told. */
  readonly dueAtMs: number | null;
};

/** How often a repository was pulled at one place; what an earlier one says of that place is replaced. */
export type PullsCounted = {
  /** Of the repository that it is a copy of, or the place itself: registry host, lower case, with its port where it has one. */
  readonly registry: string;
  /** Path below the host, without tag or digest. */
  readonly repository: string;
  /** Where it was pulled: host. */
  readonly placeRegistry: string;
  /** Path below the host, without tag or digest. */
  readonly placeRepository: string;
  /** Of the place's registry, by its document; null where none is published. */
  readonly region: string | null;
  /** Newest last, at most 31; days without pulls are left out. */
  readonly days: readonly DayPulls[];
  readonly countedAtMs: number;
};

/** What a registry holds of a partition, as RegistryUsage tells it. */
export type RegistryTotal = {
  readonly registry: string;
  readonly usedBytes: number;
  /** Tags at targets. */
  readonly images: number;
  /** Of these, those whose size is not known: they add no bytes. */
  readonly imagesUnsized: number;
  readonly changedAtMs: number;
  /** When it will be told; null where it has been. */
  readonly dueAtMs: number | null;
};

/** What is decided to be in a registry, of one partition; all partitions together are what it holds. */
export type RegistryUsage = {
  /** Name, as the configuration and its document have it. */
  readonly registry: string;
  readonly partition: number;
  /** Each copy by itself: layers that are shared take less. */
  readonly usedBytes: number;
  /** Tags at targets. */
  readonly images: number;
  /** Of these, those whose size is not known: they add no bytes. */
  readonly imagesUnsized: number;
  readonly changedAtMs: number;
};

export type MinuteCopies = {
  readonly minuteStartMs: number;
  readonly copies: number;
};

/** What a tenant has at the places of a partition, as TenantUsage tells it. */
export type TenantTotal = {
  readonly tenant: string;
  readonly bytes: number;
  /** Tags at targets. */
  readonly images: number;
  /** Of these, those whose size is not known: they add no bytes. */
  readonly imagesUnsized: number;
  readonly copiesByMinute: readonly MinuteCopies[];
  readonly releasedCount: number;
  readonly changedAtMs: number;
  /** When it will be told; null where it has been. */
  readonly dueAtMs: number | null;
};

/** What a tenant has at the places of one partition; all partitions together are what it has. */
export type TenantUsage = {
  readonly tenant: string;
  readonly partition: number;
  /** Each copy by itself. */
  readonly bytes: number;
  /** Tags at targets. */
  readonly images: number;
  /** Of these, those whose size is not known: they add no bytes. */
  readonly imagesUnsized: number;
  /** Copies that were decided on, of the hour before the newest, newest last; minutes without any are left out. */
  readonly copiesByMinute: readonly MinuteCopies[];
  /** How often something was no longer counted: where it has risen there may be room again. */
  readonly releasedCount: number;
  readonly changedAtMs: number;
};

/** Record type by name, as in the schemas' file names. */
export type RecordTypes = {
  readonly AuditEntry: AuditEntry;
  readonly AuditHead: AuditHead;
  readonly CandidateCompared: CandidateCompared;
  readonly CandidatePublished: CandidatePublished;
  readonly CandidateWithdrawn: CandidateWithdrawn;
  readonly CopyChanged: CopyChanged;
  readonly CopyState: CopyState;
  readonly DecisionAgreed: DecisionAgreed;
  readonly DecisionDiffered: DecisionDiffered;
  readonly DecisionState: DecisionState;
  readonly DeletionState: DeletionState;
  readonly DeliveryReceived: DeliveryReceived;
  readonly DeliveryReplayed: DeliveryReplayed;
  readonly DigestEntry: DigestEntry;
  readonly HeldRecord: HeldRecord;
  readonly ImageCopied: ImageCopied;
  readonly ImageCopyFailed: ImageCopyFailed;
  readonly ImageDecided: ImageDecided;
  readonly ImageDeleted: ImageDeleted;
  readonly ImageEvidence: ImageEvidence;
  readonly ImageFacts: ImageFacts;
  readonly ImageInspected: ImageInspected;
  readonly ImageInspectionFailed: ImageInspectionFailed;
  readonly ImagePulled: ImagePulled;
  readonly ImagePushed: ImagePushed;
  readonly ImageScanned: ImageScanned;
  readonly Job: Job;
  readonly MarkBatch: MarkBatch;
  readonly ParkedDropRequested: ParkedDropRequested;
  readonly ParkedRetryRequested: ParkedRetryRequested;
  readonly PolicyPublished: PolicyPublished;
  readonly PolicyRetired: PolicyRetired;
  readonly PolicySweep: PolicySweep;
  readonly ProjectionSwapped: ProjectionSwapped;
  readonly PullState: PullState;
  readonly PullsCounted: PullsCounted;
  readonly QuotaDenial: QuotaDenial;
  readonly RecordParked: RecordParked;
  readonly RegistryHealthChanged: RegistryHealthChanged;
  readonly RegistryProbe: RegistryProbe;
  readonly RegistryTotal: RegistryTotal;
  readonly RegistryUsage: RegistryUsage;
  readonly ReplicaState: ReplicaState;
  readonly RepositoryPulls: RepositoryPulls;
  readonly ReviewRequested: ReviewRequested;
  readonly ScanFailed: ScanFailed;
  readonly ScanReported: ScanReported;
  readonly ScanRequested: ScanRequested;
  readonly ScanState: ScanState;
  readonly SeenMark: SeenMark;
  readonly TagEntry: TagEntry;
  readonly TenantTotal: TenantTotal;
  readonly TenantUsage: TenantUsage;
};
