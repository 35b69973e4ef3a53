package waybill.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;

/**
 * The bench's work on Kafka Streams with exactly_once_v2. Arguments are name=value: brokers, app, input, output, records,
 * threads, bulk, restore, stateDir. Writes a line of JSON after each phase, and ends when its standard input does, so that the
 * bench can look at the living process.
 */
public final class StreamsPeer {
  private final Map<String, String> options;
  private final Stages stages = new Stages();

  private StreamsPeer(Map<String, String> options) {
    this.options = options;
  }

  public static void main(String[] args) throws Exception {
    Map<String, String> options = new java.util.HashMap<>();
    for (String arg : args) options.put(arg.substring(0, arg.indexOf('=')), arg.substring(arg.indexOf('=') + 1));
    Thread watch = new Thread(StreamsPeer::exitWithTheBench);
    watch.start();
    new StreamsPeer(options).run();
    watch.join();
  }

  private static void exitWithTheBench() {
    try {
      while (System.in.read() >= 0) { }
    } catch (IOException error) {
      error.printStackTrace();
    }
    System.exit(0);
  }

  private void run() throws Exception {
    tell("\"phase\":\"booted\"");
    KafkaStreams first = start(null);
    process();
    close(first);
    if (Boolean.parseBoolean(options.get("restore"))) restore();
  }

  private void process() throws Exception {
    long records = Long.parseLong(options.get("records"));
    while (stages.inputs.sum() < records) Thread.sleep(5);
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", options.get("brokers")))) {
      while (committed(admin) < records) Thread.sleep(10);
    }
    long committedNanos = System.nanoTime();
    long firstNanos = stages.firstNanos.get();
    tell(
        "\"phase\":\"processed\",\"inputs\":%d,\"outputs\":%d,\"seconds\":%.4f,\"committedSeconds\":%.4f",
        stages.inputs.sum(), stages.outputs.sum(), (stages.lastNanos.get() - firstNanos) / 1e9, (committedNanos - firstNanos) / 1e9);
  }

  private long committed(Admin admin) throws Exception {
    return admin.listConsumerGroupOffsets(options.get("app")).partitionsToOffsetAndMetadata().get().values().stream()
        .filter(Objects::nonNull)
        .mapToLong(OffsetAndMetadata::offset)
        .sum();
  }

  private void restore() throws Exception {
    wipe();
    RestoreClock clock = new RestoreClock();
    long startNanos = System.nanoTime();
    KafkaStreams second = start(clock);
    double restartSeconds = (System.nanoTime() - startNanos) / 1e9;
    tell(
        "\"phase\":\"restored\",\"records\":%d,\"seconds\":%.4f,\"restartSeconds\":%.4f",
        clock.records.sum(), clock.seconds(), restartSeconds);
    close(second);
  }

  /** Resolves once it runs: partitions assigned, stores restored. */
  private KafkaStreams start(RestoreClock clock) throws InterruptedException {
    KafkaStreams streams = new KafkaStreams(stages.topology(options.get("input"), options.get("output")), settings());
    CountDownLatch isRunning = new CountDownLatch(1);
    if (clock != null) streams.setGlobalStateRestoreListener(clock);
    streams.setStateListener((now, before) -> {
      if (now == KafkaStreams.State.RUNNING) isRunning.countDown();
      if (now == KafkaStreams.State.ERROR) System.exit(3);
    });
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      System.exit(3);
      return null;
    });
    streams.start();
    isRunning.await();
    return streams;
  }

  private Properties settings() {
    Properties settings = new Properties();
    settings.put("application.id", options.get("app"));
    settings.put("bootstrap.servers", options.get("brokers"));
    settings.put("processing.guarantee", "exactly_once_v2");
    settings.put("num.stream.threads", options.get("threads"));
    settings.put("state.dir", options.get("stateDir"));
    settings.put("replication.factor", 1);
    settings.put("commit.interval.ms", 100);
    settings.put("consumer.auto.offset.reset", "earliest");
    if (Boolean.parseBoolean(options.get("bulk"))) {
      settings.put("consumer.max.poll.records", 5_000);
      settings.put("consumer.max.partition.fetch.bytes", 4 * 1_024 * 1_024);
      settings.put("producer.batch.size", 64 * 1_024);
    }
    return settings;
  }

  /** Leaves the group: by default a member stays, and the next start waits for 45 s until its session has ended. */
  private static void close(KafkaStreams streams) {
    Duration bound = Duration.ofSeconds(60);
    streams.close(CloseOptions.timeout(bound).withGroupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP));
  }

  private void wipe() throws IOException {
    List<Path> paths;
    try (var walk = Files.walk(Path.of(options.get("stateDir")))) {
      paths = walk.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : paths) Files.delete(path);
  }

  private static void tell(String format, Object... values) {
    System.out.println("{" + String.format(Locale.ROOT, format, values) + "}");
  }
}
