package waybill.bench;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.processor.StateRestoreListener;

/** From the first store's start to the last store's end. */
final class RestoreClock implements StateRestoreListener {
  final LongAdder records = new LongAdder();
  private final AtomicLong startNanos = new AtomicLong();
  private final AtomicLong endNanos = new AtomicLong();

  double seconds() {
    return (endNanos.get() - startNanos.get()) / 1e9;
  }

  @Override
  public void onRestoreStart(TopicPartition partition, String store, long from, long to) {
    startNanos.compareAndSet(0, System.nanoTime());
  }

  @Override
  public void onBatchRestored(TopicPartition partition, String store, long end, long count) {
    records.add(count);
  }

  @Override
  public void onRestoreEnd(TopicPartition partition, String store, long total) {
    endNanos.set(System.nanoTime());
  }
}
