package waybill.bench;

import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** The two stages, each with a RocksDB store and its changelog: drop what was seen, then count and keep the newest value per key. */
final class Stages {
  final LongAdder inputs = new LongAdder();
  final LongAdder outputs = new LongAdder();
  final AtomicLong firstNanos = new AtomicLong();
  final AtomicLong lastNanos = new AtomicLong();

  Topology topology(String input, String output) {
    Serde<byte[]> bytes = Serdes.ByteArray();
    Topology topology = new Topology();
    topology.addSource("input", bytes.deserializer(), bytes.deserializer(), input);
    topology.addProcessor("drop-seen", DropSeen::new, "input");
    topology.addProcessor("keep-newest", KeepNewest::new, "drop-seen");
    topology.addStateStore(store("seen", bytes), "drop-seen");
    topology.addStateStore(store("latest", bytes), "keep-newest");
    topology.addSink("output", output, bytes.serializer(), bytes.serializer(), "keep-newest");
    return topology;
  }

  private static StoreBuilder<KeyValueStore<byte[], byte[]>> store(String name, Serde<byte[]> bytes) {
    return Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(name), bytes, bytes).withLoggingEnabled(Map.of());
  }

  private final class DropSeen implements Processor<byte[], byte[], byte[], byte[]> {
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<byte[], byte[]> seen;

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
      this.context = context;
      seen = context.getStateStore("seen");
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
      firstNanos.compareAndSet(0, System.nanoTime());
      byte[] id = record.headers().lastHeader("ce_id").value();
      if (seen.get(id) == null) {
        seen.put(id, ByteBuffer.allocate(Long.BYTES).putLong(record.timestamp()).array());
        context.forward(record);
      }
      inputs.increment();
      lastNanos.set(System.nanoTime());
    }
  }

  private final class KeepNewest implements Processor<byte[], byte[], byte[], byte[]> {
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<byte[], byte[]> latest;

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
      this.context = context;
      latest = context.getStateStore("latest");
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
      byte[] before = latest.get(record.key());
      long count = before == null ? 1 : ByteBuffer.wrap(before).getLong() + 1;
      byte[] row = ByteBuffer.allocate(Long.BYTES + record.value().length).putLong(count).put(record.value()).array();
      latest.put(record.key(), row);
      context.forward(record);
      outputs.increment();
    }
  }
}
