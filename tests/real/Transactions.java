// Writes transactions with Kafka's own producers, of any release from 0.11 on: some producers at once, committed, aborted and open ones
// mixed, and messages outside of transactions between them.
//   Transactions BOOTSTRAP TOPIC PARTITIONS SEED CODEC...
// Prints "R PARTITION OFFSET TRANSACTION" for each record (transaction 0: outside of any), "T TRANSACTION c|a" for each transaction that
// has been ended, committed or aborted; then "OPEN", and when standard input ends the rest, and "END". Values are "PARTITION NUMBER padding".
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import java.util.Random;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringSerializer;

public class Transactions {
    static final int STEPS = 400;
    static final int SMALL_ABORTS = 150;
    static String bootstrap;
    static String topic;
    static int partitions;
    static Random random;
    static int lastTransaction = 0;
    static int lastNumber = 0;

    /// One producer and the transaction that it is in.
    static class Writer {
        final KafkaProducer<String, String> producer;
        int transaction = 0; // 0: none

        Writer(String id, String codec) {
            Properties properties = new Properties();
            properties.setProperty("bootstrap.servers", bootstrap);
            properties.setProperty("acks", "all");
            properties.setProperty("compression.type", codec);
            properties.setProperty("batch.size", "1500"); // so that transactions have several batches
            properties.setProperty("linger.ms", "5");
            if (id != null) {
                properties.setProperty("transactional.id", id);
                properties.setProperty("transaction.timeout.ms", "600000");
            }
            producer = new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer());
            if (id != null)
                producer.initTransactions();
        }

        void begin() {
            producer.beginTransaction();
            transaction = ++lastTransaction;
        }

        void end(boolean commit) {
            if (commit)
                producer.commitTransaction();
            else
                producer.abortTransaction();
            System.out.println("T " + transaction + (commit ? " c" : " a"));
            transaction = 0;
        }

        /// To one partition, or (-1) to any.
        void send(int count, int partition) throws Exception {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int i = 0; i < count; ++i) {
                int to = partition < 0 ? random.nextInt(partitions) : partition;
                char[] padding = new char[random.nextInt(200)];
                Arrays.fill(padding, (char) ('a' + random.nextInt(26)));
                sent.add(producer.send(new ProducerRecord<>(topic, to, null, to + " " + ++lastNumber + " " + new String(padding))));
            }
            producer.flush();
            for (Future<RecordMetadata> one : sent)
                System.out.println("R " + one.get().partition() + " " + one.get().offset() + " " + transaction);
        }
    }

    public static void main(String[] args) {
        try {
            write(args);
        } catch (Exception e) {
            e.printStackTrace();
            System.exit(1); // the producers' threads would go on
        }
    }

    static void write(String[] args) throws Exception {
        bootstrap = args[0];
        topic = args[1];
        partitions = Integer.parseInt(args[2]);
        random = new Random(Long.parseLong(args[3]));
        List<Writer> writers = new ArrayList<>();
        for (int i = 4; i < args.length; ++i)
            writers.add(new Writer(topic + "-" + args[i], args[i]));
        Writer plain = new Writer(null, "none");

        for (int step = 0; step < STEPS; ++step) {
            if (random.nextInt(10) == 0)
                plain.send(1 + random.nextInt(3), -1);
            Writer writer = writers.get(random.nextInt(writers.size()));
            if (writer.transaction == 0)
                writer.begin();
            writer.send(random.nextInt(30), random.nextBoolean() ? -1 : random.nextInt(partitions));
            if (random.nextInt(3) == 0)
                writer.end(random.nextInt(5) > 1);
        }
        for (Writer writer : writers)
            if (writer.transaction != 0)
                writer.end(true);

        // Many short aborted transactions in one fetch, between others.
        for (int i = 0; i < SMALL_ABORTS; ++i) {
            Writer writer = writers.get(i % writers.size());
            writer.begin();
            writer.send(1 + i % 2, 0);
            writer.end(i % 10 == 0);
        }

        // Two stay open: what lies behind their beginning is not to be shown.
        Writer first = writers.get(0);
        Writer second = writers.get(1);
        first.begin();
        first.send(20, 1);
        plain.send(10, -1);
        second.begin();
        second.send(30, -1);
        first.send(5, 1);
        plain.send(10, -1);
        System.out.println("OPEN");
        System.out.flush();
        while (System.in.read() >= 0) {
        }
        first.end(false);
        second.end(true);
        System.out.println("END");
        System.out.flush();
        for (Writer writer : writers)
            writer.producer.close();
        plain.producer.close();
    }
}
