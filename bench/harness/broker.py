"""The broker that benchmarks run against: `ottla mock`, as null broker or storing."""

import re
import selectors
import signal
import subprocess
import time
from pathlib import Path


class Broker:
    """Runs from construction until closed; use it in a `with`."""

    def __init__(self, build: Path, null: bool, arguments: tuple = (), partitions: int = 1):
        command = [build / "bin/ottla", "mock", "--port", "0", "--topic", f"bench:{partitions}", *arguments]
        command += ["--null"] if null else ["--retention-mb", "64"]
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        selector = selectors.DefaultSelector()
        selector.register(self.process.stdout, selectors.EVENT_READ)
        line = self.process.stdout.readline() if selector.select(timeout=20) else ""
        found = re.match(r"bootstrap\.servers=(\S+)", line)
        if not found:
            self.process.kill()
            raise RuntimeError(f"the broker did not come up: {line}{self.process.stderr.read()}")
        self.bootstrap = found[1]

    def cpu_seconds(self) -> float:
        """Of the broker so far: shows whether it or the client was the bottleneck."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def stall(self) -> None:
        """From here on it neither reads nor answers."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def __enter__(self) -> "Broker":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def wait_a_little() -> None:
    """Between runs: what one left to be done should not be paid by the next."""
    time.sleep(0.2)
