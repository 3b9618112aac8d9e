"""A process of chaos_client, which works beside the run."""

import json
import subprocess
import threading
import time
from pathlib import Path

TOPIC = "chaos"
PARTITIONS = 6
STUCK_SECONDS = 200
"""A client whose counters stand still so long once the cluster is whole does not come to its end. (A flush may take 180 s.)"""


class RunFailed(RuntimeError):
    """The run could not be brought to its end; it tells nothing."""


class Client:
    """A chaos_client process. It ends its work when `finish` closes its standard input."""

    def __init__(self, options, bootstrap: str, folder: Path, workload: str, name: str = "client", *more: str, partitions: int = PARTITIONS):
        self.ledger, self.counters, self.name = folder / f"{name}.ledger", {}, name
        words = [options.client, "--workload", workload, "--bootstrap", bootstrap, "--ledger", self.ledger, "--topic", TOPIC]
        words += ["--partitions", partitions, "--rate", options.rate, "--seed", options.seed, "--seconds", options.seconds + 3600, *more]
        with open(folder / f"{name}.log", "ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()

    def _listen(self) -> None:
        for line in self.process.stdout:
            self.counters = json.loads(line)

    def check(self) -> None:
        if self.process.poll() is not None:
            raise RunFailed(f"{self.name} has ended with status {self.process.returncode}")

    def finish(self) -> None:
        self.process.stdin.close()
        seen, since = self.counters, time.monotonic()
        while (status := self.process.poll()) is None:
            if self.counters != seen:
                seen, since = self.counters, time.monotonic()
            if time.monotonic() - since > STUCK_SECONDS:
                raise RunFailed(f"{self.name} has not come to its end, and done nothing for {STUCK_SECONDS} s: {seen}")
            time.sleep(0.1)
        self.listener.join(10)
        if status:
            raise RunFailed(f"{self.name} has ended with status {status}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
