import com.lmax.disruptor.BatchEventProcessor;
import com.lmax.disruptor.BusySpinWaitStrategy;
import com.lmax.disruptor.EventHandler;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.WaitStrategy;
import com.lmax.disruptor.YieldingWaitStrategy;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;

/**
 * The LMAX Disruptor under the traffic of //runtime/ring:ring_buffer_bench: multi-producer sequencer, ring of 4096, events
 * of six longs that the producer writes and the consumer adds up and counts.  Told a line "STRATEGY CASE" it runs one window
 * and answers a number: millions of events a second, or nanoseconds there and back.  Between windows no thread of it runs.
 */
public final class DisruptorPeer {
  private static final int CAPACITY = 4096;
  private static final int BATCH = 64;
  private static final int EVENTS = 1 << 22;
  private static final int PINGS = 200_000;

  /** 48 bytes of payload. */
  private static final class Event {
    long a, b, c, d, e, f;

    void set(long number) {
      a = number;
      b = 0;
      c = 0;
      d = 0;
      e = 0;
      f = 0;
    }

    long sum() {
      return a + b + c + d + e + f;
    }
  }

  /** Adds up and counts; tells when all have come. */
  private static final class Counting implements EventHandler<Event> {
    private final long expected;
    private final CountDownLatch done = new CountDownLatch(1);
    private long sum;
    private long handled;

    Counting(long expected) {
      this.expected = expected;
    }

    @Override
    public void onEvent(Event event, long sequence, boolean endOfBatch) {
      sum += event.sum();
      if (++handled == expected) done.countDown();
    }
  }

  private static WaitStrategy strategy(String name) {
    return name.equals("busy_spin") ? new BusySpinWaitStrategy() : new YieldingWaitStrategy();
  }

  private static BatchEventProcessor<Event> consumer(RingBuffer<Event> ring, EventHandler<Event> handler) {
    BatchEventProcessor<Event> processor = new BatchEventProcessor<>(ring, ring.newBarrier(), handler);
    ring.addGatingSequences(processor.getSequence());
    return processor;
  }

  private static double flow(WaitStrategy wait, int producers, int batch) throws Exception {
    RingBuffer<Event> ring = RingBuffer.createMultiProducer(Event::new, CAPACITY, wait);
    int share = EVENTS / producers / batch * batch;
    Counting counting = new Counting((long) share * producers);
    BatchEventProcessor<Event> processor = consumer(ring, counting);
    Thread consumer = new Thread(processor);
    CyclicBarrier ready = new CyclicBarrier(producers + 1);
    Thread[] threads = new Thread[producers];
    for (int p = 0; p < producers; ++p) {
      threads[p] = new Thread(() -> {
        await(ready);
        if (batch == 1) {
          publishOneByOne(ring, share);
        } else {
          publishInBatches(ring, share, batch);
        }
      });
      threads[p].start();
    }
    consumer.start();
    ready.await();
    long start = System.nanoTime();
    counting.done.await();
    long nanoseconds = System.nanoTime() - start;
    for (Thread thread : threads) thread.join();
    processor.halt();
    consumer.join();
    if (counting.sum != (long) share * producers) throw new IllegalStateException("events were lost");
    return (double) share * producers / nanoseconds * 1e3;
  }

  private static void publishOneByOne(RingBuffer<Event> ring, int events) {
    for (int i = 0; i < events; ++i) {
      long sequence = ring.next();
      ring.get(sequence).set(1);
      ring.publish(sequence);
    }
  }

  private static void publishInBatches(RingBuffer<Event> ring, int events, int batch) {
    for (int i = 0; i < events; i += batch) {
      long last = ring.next(batch);
      long first = last - batch + 1;
      for (long sequence = first; sequence <= last; ++sequence) ring.get(sequence).set(1);
      ring.publish(first, last);
    }
  }

  private static double pingPong(String strategy) throws Exception {
    RingBuffer<Event> there = RingBuffer.createMultiProducer(Event::new, CAPACITY, strategy(strategy));
    RingBuffer<Event> back = RingBuffer.createMultiProducer(Event::new, CAPACITY, strategy(strategy));
    CountDownLatch done = new CountDownLatch(1);
    BatchEventProcessor<Event> ponger = consumer(there, (event, sequence, end) -> send(back, event.sum()));
    BatchEventProcessor<Event> pinger = consumer(back, (event, sequence, end) -> {
      if (event.sum() < PINGS) {
        send(there, event.sum() + 1);
      } else {
        done.countDown();
      }
    });
    Thread one = new Thread(ponger);
    Thread other = new Thread(pinger);
    one.start();
    other.start();
    long start = System.nanoTime();
    send(there, 1);
    done.await();
    long nanoseconds = System.nanoTime() - start;
    ponger.halt();
    pinger.halt();
    one.join();
    other.join();
    return (double) nanoseconds / PINGS;
  }

  private static void send(RingBuffer<Event> ring, long number) {
    long sequence = ring.next();
    ring.get(sequence).set(number);
    ring.publish(sequence);
  }

  private static void await(CyclicBarrier barrier) {
    try {
      barrier.await();
    } catch (Exception failure) {
      throw new IllegalStateException(failure);
    }
  }

  private static double window(String strategy, String what) throws Exception {
    switch (what) {
      case "1p1c":
        return flow(strategy(strategy), 1, 1);
      case "3p1c":
        return flow(strategy(strategy), 3, 1);
      case "batch64":
        return flow(strategy(strategy), 1, BATCH);
      case "ping_pong":
        return pingPong(strategy);
      default:
        throw new IllegalArgumentException(what);
    }
  }

  public static void main(String[] arguments) throws Exception {
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      String[] words = line.split(" ");
      System.out.println(window(words[0], words[1]));
      System.out.flush();
    }
  }
}
