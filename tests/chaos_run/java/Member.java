// A member of a group with Kafka's own consumer, of any release from 0.11 on; its ledger has the lines of group.cpp.
//   Member LEDGER TOPIC sync|auto PROPERTY=VALUE...
// Works until its standard input ends. Lines go to the file unbuffered: they are kept when the process is killed.
import java.io.FileOutputStream;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.Properties;
import java.util.Random;
import java.util.Set;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.StringDeserializer;

public class Member {
    static final long WAIT_MS = 100;
    static FileOutputStream ledger;
    static volatile boolean stop = false;
    static final Set<TopicPartition> held = new HashSet<>();

    public static void main(String[] args) throws Exception {
        ledger = new FileOutputStream(args[0]);
        boolean sync = args[2].equals("sync");
        Properties properties = new Properties();
        for (String one : Arrays.asList(args).subList(3, args.length))
            properties.setProperty(one.substring(0, one.indexOf('=')), one.substring(one.indexOf('=') + 1));
        properties.setProperty("enable.auto.commit", sync ? "false" : "true");
        line("# java poll " + args[2]);
        KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
        Thread waiting = new Thread(() -> {
            try {
                while (System.in.read() >= 0) {
                }
            } catch (IOException e) {
                // as good as an end
            }
            stop = true;
        });
        waiting.setDaemon(true);
        waiting.start();
        consumer.subscribe(Collections.singletonList(args[1]), new Listener());
        Random random = new Random();
        while (!stop) {
            ConsumerRecords<String, String> records = poll(consumer);
            for (ConsumerRecord<String, String> record : records) {
                if (random.nextInt(300) == 0)
                    Thread.sleep(random.nextInt(500));
                String[] words = record.value().split(" ");
                line("P " + System.currentTimeMillis() + " " + record.partition() + " " + record.offset() + " "
                    + words[0] + " " + words[1] + " " + words[2]);
            }
            if (sync && !records.isEmpty())
                commit(consumer);
        }
        long leaving = System.currentTimeMillis();
        consumer.close();
        change("R", leaving, new ArrayList<>(held)); // of releases whose close does not call the listener
        line("END");
    }

    static void commit(KafkaConsumer<String, String> consumer) throws Exception {
        try {
            consumer.commitSync();
        } catch (CommitFailedException e) {
            line("N java commit failed");
        } catch (KafkaException e) { // of 4.x: a rebalance goes on, or an answer was late
            line("N java commit " + e.getClass().getSimpleName());
        }
    }

    /// poll(Duration) since 2.0, poll(long) before 4.0.
    @SuppressWarnings("unchecked")
    static ConsumerRecords<String, String> poll(KafkaConsumer<String, String> consumer) throws Exception {
        try {
            try {
                return (ConsumerRecords<String, String>) KafkaConsumer.class.getMethod("poll", java.time.Duration.class)
                    .invoke(consumer, java.time.Duration.ofMillis(WAIT_MS));
            } catch (NoSuchMethodException e) {
                return (ConsumerRecords<String, String>) KafkaConsumer.class.getMethod("poll", long.class).invoke(consumer, WAIT_MS);
            }
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof WakeupException)
                return ConsumerRecords.empty();
            throw e;
        }
    }

    static class Listener implements ConsumerRebalanceListener {
        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            change("A", System.currentTimeMillis(), partitions);
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            change("R", System.currentTimeMillis(), partitions);
        }

        public void onPartitionsLost(Collection<TopicPartition> partitions) { // since 2.4; before, onPartitionsRevoked
            change("L", System.currentTimeMillis(), partitions);
        }
    }

    static void change(String what, long time, Collection<TopicPartition> partitions) {
        if (partitions.isEmpty())
            return;
        if (what.equals("A"))
            held.addAll(partitions);
        else
            held.removeAll(partitions);
        StringBuilder text = new StringBuilder(what + " " + time);
        for (TopicPartition one : partitions)
            text.append(' ').append(one.partition());
        line(text.toString());
    }

    static synchronized void line(String text) {
        try {
            ledger.write((text + "\n").getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new RuntimeException(e);
        }
    }
}
