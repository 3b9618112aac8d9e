// Runs Kafka's own command-line tools one after the other in one JVM: starting a JVM for each would cost seconds.
//
// A line of stdin is a call: the files for its stdin, stdout and stderr, the class and its arguments, separated by the
// character 0x1e. The answer is a line with the exit status. Everything the tools do is theirs; only what ends a JVM is
// done differently here: exits become exceptions, and shutdown hooks (ConsoleProducer flushes in one) run after the call.
import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.common.utils.Exit;

public class Tools {
    static class Exited extends RuntimeException {
        Exited() {
            super(null, null, false, false);
        }
    }

    static final List<Runnable> hooks = new ArrayList<>();
    static Integer status; // of the first exit of a call: some tools catch the exception of it and exit again

    /// The jar with the tools, which must not be on the class path: each call loads its tool anew, since the tools keep
    /// counters in static fields.
    public static void main(String[] args) throws Exception {
        URL[] tools = {Path.of(args[0]).toUri().toURL()};
        Exit.setExitProcedure((status, message) -> {
            if (message != null)
                System.err.println(message);
            exit(status);
        });
        Exit.setHaltProcedure((status, message) -> exit(status));
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        PrintStream answers = System.out;
        BufferedReader calls = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = calls.readLine()) != null;)
            answers.println(run(tools, line.split("\u001e", -1)));
        System.exit(0);
    }

    static void exit(int wanted) {
        if (status == null)
            status = wanted;
        throw new Exited();
    }

    static int run(URL[] tools, String[] call) throws Exception {
        PrintStream usualErr = System.err;
        try (InputStream in = new FileInputStream(call[0]);
             PrintStream out = printTo(call[1]);
             PrintStream err = printTo(call[2]);
             URLClassLoader loader = new URLClassLoader(tools, Tools.class.getClassLoader())) {
            System.setIn(in);
            System.setOut(out);
            System.setErr(err);
            Thread.currentThread().setContextClassLoader(loader);
            status = null;
            int returned = call(loader, call[3], Arrays.copyOfRange(call, 4, call.length));
            hooks.forEach(Runnable::run);
            return status != null ? status : returned;
        } finally {
            hooks.clear();
            System.setErr(usualErr);
        }
    }

    static int call(ClassLoader loader, String name, String[] args) throws Exception {
        try {
            loader.loadClass(name).getMethod("main", String[].class).invoke(null, (Object) args);
            return 0;
        } catch (InvocationTargetException e) {
            if (status == null)
                e.getCause().printStackTrace();
            return 1;
        }
    }

    static PrintStream printTo(String file) throws Exception {
        return new PrintStream(new BufferedOutputStream(new FileOutputStream(file), 1 << 16), false, StandardCharsets.UTF_8);
    }
}
