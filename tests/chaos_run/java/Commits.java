// What a group has ever committed, out of the topic in which the coordinator keeps it: a line for each commit, in their order.
//   Commits BOOTSTRAP GROUP
// Prints "TIME PARTITION OFFSET": the coordinator's clock in ms since 1970, what was committed, as the offset to read next. Keys and
// values have been laid out like this since 0.10: key: version (0, 1), group, topic, partition; value: version, offset...
import java.io.PrintStream;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

public class Commits {
    static final String TOPIC = "__consumer_offsets";

    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("bootstrap.servers", args[0]);
        properties.setProperty("enable.auto.commit", "false");
        properties.setProperty("group.id", "commits-reader");
        PrintStream out = new PrintStream(System.out, false, "UTF-8");
        try (KafkaConsumer<byte[], byte[]> consumer =
                 new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> all = new ArrayList<>();
            for (PartitionInfo one : consumer.partitionsFor(TOPIC))
                all.add(new TopicPartition(TOPIC, one.partition()));
            consumer.assign(all);
            consumer.seekToBeginning(all);
            Map<TopicPartition, Long> ends = consumer.endOffsets(all);
            while (!atTheEnd(consumer, ends))
                for (ConsumerRecord<byte[], byte[]> record : poll(consumer))
                    print(record, args[1], out);
        }
        out.println("END");
        out.flush();
    }

    static boolean atTheEnd(KafkaConsumer<byte[], byte[]> consumer, Map<TopicPartition, Long> ends) {
        for (Map.Entry<TopicPartition, Long> end : ends.entrySet())
            if (consumer.position(end.getKey()) < end.getValue())
                return false;
        return true;
    }

    static void print(ConsumerRecord<byte[], byte[]> record, String wanted, PrintStream out) {
        ByteBuffer key = ByteBuffer.wrap(record.key());
        if (key.getShort() > 1 || !text(key).equals(wanted))
            return;
        text(key);
        int partition = key.getInt();
        if (record.value() == null) {
            out.println(record.timestamp() + " " + partition + " -1");
            return;
        }
        ByteBuffer value = ByteBuffer.wrap(record.value());
        value.getShort();
        out.println(record.timestamp() + " " + partition + " " + value.getLong());
    }

    static String text(ByteBuffer from) {
        byte[] bytes = new byte[from.getShort()];
        from.get(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    /// poll(Duration) since 2.0, poll(long) before 4.0.
    @SuppressWarnings("unchecked")
    static ConsumerRecords<byte[], byte[]> poll(KafkaConsumer<byte[], byte[]> consumer) throws Exception {
        try {
            Method method = KafkaConsumer.class.getMethod("poll", java.time.Duration.class);
            return (ConsumerRecords<byte[], byte[]>) method.invoke(consumer, java.time.Duration.ofMillis(200));
        } catch (NoSuchMethodException e) {
            return (ConsumerRecords<byte[], byte[]>) KafkaConsumer.class.getMethod("poll", long.class).invoke(consumer, 200L);
        }
    }
}
