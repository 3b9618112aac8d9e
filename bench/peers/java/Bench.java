// The benchmark's modes through Kafka's own Java client. As in ottla-bench, key for key.

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public final class Bench {
    // ---- options, values, measuring

    private static final Map<String, String> options = new HashMap<>();

    static String text(String key, String fallback) {
        return options.getOrDefault(key, fallback);
    }

    static double real(String key, double fallback) {
        return options.containsKey(key) ? Double.parseDouble(options.get(key)) : fallback;
    }

    static int number(String key, int fallback) {
        return (int) real(key, fallback);
    }

    static final class Values {
        final int size = number("size", 100);
        private byte[] text;
        private int at = 0;

        Values() throws Exception {
            String path = text("text", "");
            if (!path.isEmpty()) {
                text = Files.readAllBytes(Path.of(path));
                return;
            }
            StringBuilder words = new StringBuilder();
            for (long i = 0; words.length() < Math.max(size, 1 << 20); i++)
                words.append("line ").append(i * 2654435761L % 100003).append(" of a letter to Ottla, ");
            text = words.toString().getBytes(StandardCharsets.US_ASCII);
        }

        /** The client copies it into its batch. */
        byte[] next() {
            if (at + size > text.length)
                at = 0;
            byte[] value = Arrays.copyOfRange(text, at, at + size);
            at += size;
            return value;
        }
    }

    static byte[] keyOf(long i) {
        byte[] key = "key-0000000000".getBytes(StandardCharsets.US_ASCII);
        int number = (int) (i % 100000);
        for (int digit = key.length - 1; digit >= key.length - 5; digit--, number /= 10)
            key[digit] = (byte) ('0' + number % 10);
        return key;
    }

    static final class Measure {
        private static final double NS_PER_TICK = 1e7; // of /proc/self/stat
        private final long wall = System.nanoTime();
        private final double[] cpu = cpu();
        private final long csw = switches();

        private static double[] cpu() {
            try {
                String stat = Files.readString(Path.of("/proc/self/stat"));
                String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
                return new double[] {Double.parseDouble(fields[11]) * NS_PER_TICK, Double.parseDouble(fields[12]) * NS_PER_TICK};
            } catch (Exception e) {
                return new double[] {0, 0};
            }
        }

        private static long switches() {
            long sum = 0;
            try (var tasks = Files.newDirectoryStream(Path.of("/proc/self/task"))) {
                for (Path task : tasks)
                    for (String line : Files.readAllLines(task.resolve("status")))
                        if (line.contains("ctxt_switches"))
                            sum += Long.parseLong(line.replaceAll("\\D", ""));
            } catch (Exception e) {
                return sum; // a thread ended meanwhile
            }
            return sum;
        }

        void finish(Map<String, Object> out, long count, long bytes) throws Exception {
            double[] end = cpu();
            double seconds = (System.nanoTime() - wall) / 1e9;
            double n = Math.max(1, count);
            out.put("count", count);
            out.put("wall_s", seconds);
            out.put("msg_s", count / seconds);
            out.put("mb_s", bytes / 1e6 / seconds);
            out.put("user_ns_msg", (end[0] - cpu[0]) / n);
            out.put("sys_ns_msg", (end[1] - cpu[1]) / n);
            out.put("cpu_ns_msg", (end[0] - cpu[0] + end[1] - cpu[1]) / n);
            out.put("csw", switches() - csw);
            for (String line : Files.readAllLines(Path.of("/proc/self/status")))
                if (line.startsWith("VmHWM"))
                    out.put("maxrss_kb", Long.parseLong(line.replaceAll("\\D", "")));
            try (var tasks = Files.list(Path.of("/proc/self/task"))) {
                out.put("threads", tasks.count());
            }
        }
    }

    static void percentiles(Map<String, Object> out, double[] samples, int count) {
        double[] sorted = Arrays.copyOf(samples, count);
        Arrays.sort(sorted);
        double[] points = {0.5, 0.9, 0.99, 0.999, 1};
        String[] names = {"p50_us", "p90_us", "p99_us", "p999_us", "max_us"};
        for (int i = 0; i < points.length; i++)
            out.put(names[i], count == 0 ? 0.0 : sorted[Math.min((int) (points[i] * count), count - 1)]);
    }

    // ---- clients

    static long outstanding() {
        long usual = Math.max(1, Math.min(100000, (64 << 20) / number("size", 100)));
        return Math.max(1, (long) real("max-outstanding", usual));
    }

    static KafkaProducer<byte[], byte[]> producer() {
        Properties p = new Properties();
        p.put("bootstrap.servers", text("bootstrap", "127.0.0.1:9092"));
        p.put("client.id", "java-bench");
        p.put("acks", "all");
        p.put("enable.idempotence", number("idempotence", 1) != 0 ? "true" : "false");
        p.put("linger.ms", text("linger-ms", "5"));
        p.put("compression.type", text("compression", "none"));
        p.put("buffer.memory", String.valueOf(Math.max(1L << 27, outstanding() * (number("size", 100) + 100L) * 2)));
        if (options.containsKey("batch-size"))
            p.put("batch.size", text("batch-size", ""));
        if (number("size", 100) > 900_000)
            p.put("max.request.size", String.valueOf(number("size", 100) + 10_000));
        return new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer());
    }

    static KafkaConsumer<byte[], byte[]> consumer(boolean group) {
        Properties p = new Properties();
        p.put("bootstrap.servers", text("bootstrap", "127.0.0.1:9092"));
        p.put("client.id", "java-bench");
        p.put("auto.offset.reset", "earliest");
        p.put("enable.auto.commit", "false");
        if (group)
            p.put("group.id", text("group", "bench"));
        return new KafkaConsumer<>(p, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static List<TopicPartition> partitions() {
        List<TopicPartition> all = new ArrayList<>();
        for (int i = 0; i < number("partitions", 1); i++)
            all.add(new TopicPartition(text("topic", "bench"), i));
        return all;
    }

    // ---- modes

    static void produce(Map<String, Object> out) throws Exception {
        long count = (long) real("count", 1e6);
        long warmup = (long) real("warmup", count / 10);
        long limit = outstanding();
        int partitions = number("partitions", 1);
        boolean keys = number("keys", 0) != 0;
        String topic = text("topic", "bench");
        Values values = new Values();
        AtomicLong done = new AtomicLong();
        AtomicLong errors = new AtomicLong();
        try (KafkaProducer<byte[], byte[]> producer = producer()) {
            Measure measure = null;
            for (long i = 0; i < warmup + count; i++) {
                if (i == warmup) {
                    while (done.get() < warmup)
                        LockSupport.parkNanos(100_000);
                    measure = new Measure();
                }
                while (i - done.get() >= limit)
                    LockSupport.parkNanos(100_000);
                Integer partition = !keys && partitions > 1 ? (Integer) (int) (i % partitions) : null;
                producer.send(new ProducerRecord<>(topic, partition, keys ? keyOf(i) : null, values.next()), (metadata, error) -> {
                    if (error != null)
                        errors.incrementAndGet();
                    done.incrementAndGet();
                });
            }
            while (done.get() < warmup + count)
                LockSupport.parkNanos(100_000);
            measure.finish(out, count, count * values.size);
        }
        out.put("errors", errors.get());
    }

    static void consume(Map<String, Object> out) throws Exception {
        long count = (long) real("count", 1e6);
        long warmup = (long) real("warmup", count / 10);
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(false)) {
            consumer.assign(partitions());
            consumer.seekToBeginning(partitions());
            long received = 0;
            long bytes = 0;
            long touched = 0;
            long base = 0;
            long baseBytes = 0;
            Measure measure = null;
            while (measure == null || received - base < count) {
                if (measure == null && received >= warmup) {
                    base = received;
                    baseBytes = bytes;
                    measure = new Measure();
                }
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    received++;
                    bytes += record.value().length;
                    if (record.value().length > 0)
                        touched += record.value()[0];
                }
            }
            measure.finish(out, received - base, bytes - baseBytes);
            out.put("touched", touched);
        }
        out.put("errors", 0);
    }

    interface Send {
        void at(int index) throws Exception;
    }

    /** Calls `send` on the absolute schedule; returns the measure that began after the skipped part. */
    static Measure paced(int rate, int total, int skip, Send send) throws Exception {
        Measure measure = null;
        long start = System.nanoTime();
        for (int i = 0; i < total; i++) {
            long due = start + i * 1_000_000_000L / rate;
            for (long left = due - System.nanoTime(); left > 0; left = due - System.nanoTime())
                LockSupport.parkNanos(left);
            if (i == skip)
                measure = new Measure();
            send.at(i);
        }
        return measure;
    }

    static void latency(Map<String, Object> out) throws Exception {
        int rate = number("rate", 1000);
        int total = (int) (rate * real("duration", 5));
        int skip = (int) (rate * real("warmup-s", 1));
        String topic = text("topic", "bench");
        Values values = new Values();
        double[] samples = new double[total];
        AtomicLong done = new AtomicLong();
        AtomicLong errors = new AtomicLong();
        try (KafkaProducer<byte[], byte[]> producer = producer()) {
            Measure measure = paced(rate, total, skip, i -> {
                byte[] value = values.next();
                long sent = System.nanoTime();
                producer.send(new ProducerRecord<>(topic, value), (metadata, error) -> {
                    if (error != null)
                        errors.incrementAndGet();
                    samples[i] = (System.nanoTime() - sent) / 1e3;
                    done.incrementAndGet();
                });
            });
            while (done.get() < total)
                Thread.sleep(1);
            measure.finish(out, total - skip, (long) (total - skip) * values.size);
        }
        out.put("errors", errors.get());
        percentiles(out, Arrays.copyOfRange(samples, skip, total), total - skip);
    }

    static void endToEnd(Map<String, Object> out) throws Exception {
        int rate = number("rate", 1000);
        int total = (int) (rate * real("duration", 5));
        int skip = (int) (rate * real("warmup-s", 1));
        int partitions = number("partitions", 1);
        String topic = text("topic", "bench");
        Values values = new Values();
        double[] samples = new double[total];
        AtomicLong received = new AtomicLong();
        AtomicLong counted = new AtomicLong();
        AtomicBoolean probed = new AtomicBoolean();
        AtomicBoolean stop = new AtomicBoolean();
        long begin = System.nanoTime();
        Thread reader = new Thread(() -> {
            try (KafkaConsumer<byte[], byte[]> consumer = consumer(false)) {
                consumer.assign(partitions());
                consumer.seekToEnd(partitions());
                while (!stop.get()) {
                    ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(100));
                    long now = System.nanoTime() - begin;
                    for (ConsumerRecord<byte[], byte[]> record : records) {
                        ByteBuffer stamp = ByteBuffer.wrap(record.value()).order(ByteOrder.LITTLE_ENDIAN);
                        long sent = stamp.getLong();
                        long index = stamp.getLong();
                        if (index < 0) {
                            probed.set(true);
                            continue;
                        }
                        if (index >= skip)
                            samples[(int) counted.getAndIncrement()] = (now - sent) / 1e3;
                        received.incrementAndGet();
                    }
                }
            }
        });
        reader.start();
        try (KafkaProducer<byte[], byte[]> producer = producer()) {
            Send send = i -> {
                byte[] value = Arrays.copyOf(values.next(), Math.max(16, values.size));
                ByteBuffer.wrap(value).order(ByteOrder.LITTLE_ENDIAN).putLong(System.nanoTime() - begin).putLong(i);
                producer.send(new ProducerRecord<>(topic, Math.max(i, 0) % partitions, null, value));
            };
            while (!probed.get()) {
                send.at(-1);
                Thread.sleep(50);
            }
            Thread.sleep(200);
            Measure measure = paced(rate, total, skip, send);
            for (int i = 0; i < 20_000 && received.get() < total; i++)
                Thread.sleep(1);
            measure.finish(out, total - skip, (long) (total - skip) * values.size);
        }
        stop.set(true);
        reader.join();
        out.put("errors", total - received.get());
        percentiles(out, samples, (int) counted.get());
    }

    static void firstOrIdle(Map<String, Object> out, double stay) throws Exception {
        Measure measure = new Measure();
        String role = text("role", "producer");
        long errors = 0;
        if (role.equals("producer")) {
            try (KafkaProducer<byte[], byte[]> producer = producer()) {
                producer.send(new ProducerRecord<>(text("topic", "bench"), new Values().next())).get();
                System.out.println("FIRST");
                Thread.sleep((long) (stay * 1000));
            }
        } else {
            boolean group = role.equals("group");
            try (KafkaConsumer<byte[], byte[]> consumer = consumer(group)) {
                if (group) {
                    consumer.subscribe(List.of(text("topic", "bench")));
                } else {
                    consumer.assign(partitions());
                    consumer.seekToBeginning(partitions());
                }
                while (consumer.poll(Duration.ofSeconds(1)).isEmpty())
                    ;
                System.out.println("FIRST");
                for (long end = System.nanoTime() + (long) (stay * 1e9); System.nanoTime() < end;)
                    consumer.poll(Duration.ofSeconds(1));
            }
        }
        measure.finish(out, 1, number("size", 100));
        out.put("errors", errors);
    }

    static String json(Map<String, Object> out) {
        StringBuilder line = new StringBuilder("{");
        out.forEach((key, value) -> {
            line.append(line.length() > 1 ? "," : "").append('"').append(key).append("\":");
            if (value instanceof String)
                line.append('"').append(value).append('"');
            else if (value instanceof Double)
                line.append(String.format(Locale.ROOT, "%.3f", value));
            else
                line.append(value);
        });
        return line.append('}').toString();
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length == 0) {
            System.err.println("usage: Bench MODE --key value ...");
            System.exit(2);
        }
        for (int i = 1; i + 1 < arguments.length; i += 2)
            options.put(arguments[i].substring(2), arguments[i + 1]);
        Map<String, Object> out = new TreeMap<>();
        out.put("client", "java");
        out.put("mode", arguments[0]);
        switch (arguments[0]) {
            case "produce" -> produce(out);
            case "consume" -> consume(out);
            case "latency" -> latency(out);
            case "e2e" -> endToEnd(out);
            case "first" -> firstOrIdle(out, 0);
            case "idle" -> firstOrIdle(out, real("duration", 10));
            default -> {
                System.err.println("Bench: no mode " + arguments[0]);
                System.exit(2);
            }
        }
        System.out.println(json(out));
        System.exit(out.get("errors").toString().equals("0") ? 0 : 1);
    }
}
