"""Transactions written by Kafka's own producers (Transactions.java), and what of them is to be seen."""

import subprocess
import tempfile
from pathlib import Path

import kafka_tools  # noqa: F401 -- makes the cluster scripts importable

import kafka_runtime as runtime

HERE = Path(__file__).resolve().parent


class Transactions:
    """Written when this is made; `end` ends those that were left open: one is aborted, one committed."""

    def __init__(self, test, version: str, bootstrap: str, topic: str, partitions: int, codecs: list[str], seed: int = 1):
        folder = tempfile.TemporaryDirectory(prefix="ottla-transactions.")
        test.addCleanup(folder.cleanup)
        jars = runtime.class_path_dir(version)
        compiler = [f"{runtime.java_binary()}c", "-nowarn", "-cp", jars / f"kafka-clients-{version}.jar", "-d", folder.name]
        runtime.check_output([*compiler, HERE / "Transactions.java"])
        words = [bootstrap, topic, partitions, seed, *codecs]
        command = [runtime.java_binary(), "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true"]
        command += [*runtime.log_options(version, Path(folder.name), "WARN"), "-cp", f"{folder.name}:{jars}/*", "Transactions", *words]
        self.log = Path(folder.name, "log")
        with open(self.log, "wb") as log:
            self.program = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        test.addCleanup(self.close)
        self.records: dict[int, dict[int, int]] = {partition: {} for partition in range(partitions)}
        """Partition to offset to transaction; 0: outside of any."""
        self.outcomes: dict[int, str] = {}
        """Transaction to c or a; an open one is missing."""
        self._read("OPEN")

    def _read(self, last: str) -> None:
        for line in self.program.stdout:
            words = line.split()
            if words[0] == "R":
                self.records[int(words[1])][int(words[2])] = int(words[3])
            elif words[0] == "T":
                self.outcomes[int(words[1])] = words[2]
            elif words[0] == last:
                return
        told = self.log.read_text(errors="replace")[-3000:]
        raise AssertionError(f"Transactions.java has ended with status {self.program.wait()} before it said {last}\n{told}")

    def end(self) -> None:
        self.program.stdin.close()
        self._read("END")

    def close(self) -> None:
        self.program.kill()
        self.program.wait()
        self.program.stdout.close()
        self.program.stdin.close()

    def all(self, begin: int = 0) -> dict[int, list[int]]:
        """Partition to the offsets from `begin` on that read_uncommitted is to show."""
        return {partition: sorted(offset for offset in some if offset >= begin) for partition, some in self.records.items()}

    def committed(self, begin: int = 0) -> dict[int, list[int]]:
        """The same for read_committed: nothing that is aborted, and nothing behind the beginning of an open transaction."""
        shown = {}
        for partition, some in self.records.items():
            stable = min((offset for offset, transaction in some.items() if self._is(transaction, None)), default=1 << 62)
            wanted = [offset for offset, transaction in some.items() if transaction == 0 or self._is(transaction, "c")]
            shown[partition] = sorted(offset for offset in wanted if begin <= offset < stable)
        return shown

    def _is(self, transaction: int, outcome: str | None) -> bool:
        return transaction != 0 and self.outcomes.get(transaction) == outcome


def reader(ottla, topic: str, partitions: int):
    """For check_reading: `ottla` runs the program."""

    def read(isolation: str, begin: int, *properties: str) -> dict[int, list[int]]:
        settings = [word for one in (f"isolation.level={isolation}", *properties) for word in ("-X", one)]
        done = ottla("consume", "-t", topic, "-o", begin, "-e", "-f", "%p %o %s\\n", *settings)
        found: dict[int, list[int]] = {partition: [] for partition in range(partitions)}
        for line in done.stdout.decode().splitlines():
            partition, offset, value = line.split(" ", 2)
            assert value.split()[0] == partition, line
            found[int(partition)].append(int(offset))
        return found

    return read


def check_reading(test, written: Transactions, read) -> None:
    """`read(isolation, begin, *properties)`: partition to the offsets that ottla shows, in its order."""
    test.assertGreater(list(written.outcomes.values()).count("a"), 150)
    test.assertNotEqual(written.all(), written.committed())
    tiny = ["message.max.bytes=1000", "fetch.message.max.bytes=1000", "fetch.max.bytes=4000"]  # so that answers begin and end within transactions
    for properties in ([], tiny):
        test.assertEqual(written.all(), read("read_uncommitted", 0, *properties))
        test.assertEqual(written.committed(), read("read_committed", 0, *properties))
    for begin in (1, 7, 50, 333, 1000):
        test.assertEqual(written.committed(begin), read("read_committed", begin), f"from {begin}")
    open_ones = written.committed()
    written.end()
    test.assertEqual(written.all(), read("read_uncommitted", 0))
    test.assertEqual(written.committed(), read("read_committed", 0))
    test.assertNotEqual(open_ones, written.committed())
