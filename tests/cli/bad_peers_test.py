"""Wrong addresses and peers that misbehave: an error that names the peer and the reason, in time, and the reason at once."""

import os
import select
import time
import unittest

import peers
from programs import DONE, FAILED, ClusterTest, Result, end_of, finish, ottla, start

SOON = ["-X", "socket.connection.setup.timeout.ms=1000"]


class WrongAddressTest(unittest.TestCase):
    """Every command against everything that may stand behind an address."""

    def assert_fails(self, address: str, reason: str, limit: int = 1, patience: float = 10):
        """All at once, since each of them waits for its time limit, in seconds."""
        timeout = f"message.timeout.ms={limit * 1000}"
        commands = {
            "list": start("list", "-b", address, "-m", limit, *SOON),
            "create": start("topics", "create", "a", "-b", address, "-m", limit, *SOON),
            "consume": start("consume", "-t", "a", "-b", address, "-m", limit, *SOON),
            "produce": start("produce", "-t", "a", "-b", address, "-X", timeout, *SOON, "-J", stdin=-1),
        }
        for process in commands.values():
            self.addCleanup(end_of, process)
        with commands["produce"].stdin as lines:
            lines.write(b"one\ntwo\n")
        commands["produce"].stdin = None  # so that communicate() leaves it alone
        for name, process in commands.items():
            with self.subTest(command=name, address=address):
                result = finish(process, patience)
                self.assertEqual(FAILED, result.status, result)
                self.assertLess(result.seconds, limit + 4)
                last = result.errors.splitlines()[-1]
                self.assertTrue(last.startswith("ottla: "), result)
                if name == "produce":
                    self.assertIn("2 of 2 messages were not delivered", last)
                    self.assertEqual((0, 2), (result.json["delivered"], result.json["failed"]))
                    told = result.errors  # the report says that time is up, the lines before why
                else:
                    told = last
                self.assertIn(address, told)
                self.assertIn(reason, told)

    def test_a_port_where_nobody_listens(self):
        with peers.closed_port() as address:
            self.assert_fails(address, "Connection refused")

    def test_a_name_that_does_not_resolve(self):
        self.assert_fails("no-such-host.invalid:9092", "_RESOLVE", patience=30)

    def test_a_peer_that_is_silent(self):
        with peers.peer(peers.silent) as address:
            self.assert_fails(address, "the peer accepts connections but does not answer ApiVersions", limit=2)

    def test_a_peer_that_is_silent_for_longer_than_the_command_waits(self):
        with peers.peer(peers.silent) as address:
            result = ottla("list", "-b", address, "-m", 1)
            self.assertEqual(FAILED, result.status)
            self.assertIn(f"{address}/bootstrap has accepted the connection but does not answer ApiVersions", result.errors)

    def test_a_peer_that_hangs_up(self):
        with peers.peer(peers.deaf) as address:
            self.assert_fails(address, "instead of answering ApiVersions")

    def test_garbage(self):
        with peers.peer(peers.garbage) as address:
            self.assert_fails(address, "is it a Kafka broker?")

    def test_garbage_that_looks_like_a_frame(self):
        with peers.peer(peers.small_garbage) as address:
            self.assert_fails(address, "response with correlation id 1431655765 where")

    def test_a_connection_that_is_cut_in_mid_frame(self):
        with peers.peer(peers.mid_frame) as address:
            self.assert_fails(address, "the peer closed the connection in the middle of a response")

    def test_a_tls_server(self):
        with peers.peer(peers.tls) as address:
            self.assert_fails(address, "TLS")

    def test_a_tls_server_that_says_so(self):
        with peers.peer(peers.tls_alert) as address:
            self.assert_fails(address, "the peer speaks TLS")

    def test_a_web_server(self):
        with peers.peer(peers.http_proxy) as address:
            self.assert_fails(address, "the peer speaks HTTP")

    def test_a_web_server_that_waits_for_the_rest_of_the_line(self):
        with peers.web_server() as address:
            self.assert_fails(address, "does not answer ApiVersions", limit=2)


def read_until(process, text: bytes, seconds: float) -> bytes:
    """What comes on stderr until `text` has come, or time is up."""
    limit = time.monotonic() + seconds
    got = b""
    while text not in got and select.select([process.stderr], [], [], max(0.0, limit - time.monotonic()))[0]:
        more = os.read(process.stderr.fileno(), 65536)
        if not more:
            break
        got += more
    return got


class ReasonAtOnceTest(ClusterTest):
    """By default some limits are minutes: whoever waits must be told why at the beginning."""

    mock_options = ("--topic", "there:1")  # and others by use

    def assert_told(self, process, *texts: str, seconds: float = 5):
        told = read_until(process, texts[-1].encode(), seconds).decode()
        for text in texts:
            self.assertIn(text, told)
        self.assertIsNone(process.poll(), "it is still at it")

    def test_a_closed_port(self):
        with peers.closed_port() as address:
            for command in (["produce", "-t", "a"], ["consume", "-t", "a"], ["topics create", "a"]):
                with self.subTest(command=command):
                    process = self.start_at(address, *command, stdin=-1)
                    self.assert_told(process, address, "Connection refused", "_ALL_BROKERS_DOWN")

    def test_a_topic_that_is_not_there(self):
        process = self.start("produce", "-t", "nowhere", "-X", "allow.auto.create.topics=false", stdin=-1)
        process.stdin.write(b"one\n")
        process.stdin.close()
        self.assert_told(process, "|TOPIC|", "nowhere: broker does not host the topic")

    def test_a_broker_that_goes_away(self):
        process = self.start("consume", "-t", "there", stdin=-1)
        self.produce("there", b"one\n")
        self.assertEqual(b"one\n", process.stdout.readline())
        with self.gone_mock():
            self.assert_told(process, self.mock.servers, "_ALL_BROKERS_DOWN")

    def gone_mock(self):
        """Ends the cluster of the class; another takes its place."""
        test = self

        class Gone:
            def __enter__(self):
                test.mock.end()

            def __exit__(self, *_):
                test.tearDownClass()
                test.doClassCleanups()
                test.setUpClass()

        return Gone()


class SpoiltAnswersTest(ClusterTest):
    """A broker whose answers get lost on the way: nothing is lost, nothing comes twice."""

    data = b"".join(b"%d %s\n" % (n, b"x" * (n % 97)) for n in range(20_000))
    hasty = ["-X", "reconnect.backoff.ms=10", "-X", "retry.backoff.ms=10"]

    def assert_moves_through(self, spoil, *properties: str):
        spoilt = []

        def spoil_and_count(number: int, answer: bytes) -> bytes:
            shown = spoil(number, answer)
            if shown != answer:
                spoilt.append(number)
            return shown

        topic = self.make_topic()
        with peers.relay(self.mock.servers, spoil_and_count) as address:
            produced = self.run_at(address, "produce", "-t", topic, "-J", "-X", "batch.num.messages=500", *properties, stdin=self.data)
            self.assertEqual(20_000, produced.json["delivered"], produced)
            self.assertGreater(len(spoilt), 2)
            self.assertEqual(self.data, self.consume(topic).out)
            before = len(spoilt)
            consumed = self.run_at(address, "consume", "-t", topic, "-e", "-X", "fetch.message.max.bytes=20000", *properties)
            self.assertGreater(len(spoilt), before + 2)
            self.assertEqual(self.data, consumed.out)

    def run_at(self, address: str, command: str, *arguments, **how) -> Result:
        result = finish_with(self.start_at(address, command, *arguments, *self.hasty, stdin=-1), **how)
        self.assertEqual(DONE, result.status, result)
        return result

    def test_connections_cut_in_mid_frame(self):
        self.assert_moves_through(lambda number, answer: answer[: len(answer) * 2 // 3] if number % 6 == 5 else answer)

    def test_answers_that_never_come(self):
        self.assert_moves_through(
            lambda number, answer: b"" if number >= 12 else answer, "-X", "socket.timeout.ms=300", "-X", "fetch.wait.max.ms=50"
        )


def finish_with(process, stdin: bytes = b"") -> Result:
    begin = time.monotonic()
    out, errors = process.communicate(stdin, timeout=30)
    return Result(process.returncode, out, errors.decode(errors="replace"), time.monotonic() - begin)


class WrongRequestTest(ClusterTest):
    """Nothing is wrong with the cluster."""

    def test_consuming_what_is_not_there(self):
        result = self.run_ottla("consume", "-t", "nowhere", status=FAILED)
        self.assertRegex(result.errors, r"^ottla: UNKNOWN_TOPIC_OR_PART: nowhere: .*\n$")
        self.assertLess(result.seconds, 5)
        topic = self.make_topic(3)
        result = self.run_ottla("consume", "-t", topic, "-p", 3, status=FAILED)
        self.assertEqual(f"ottla: _UNKNOWN_PARTITION: {topic}[3]: no such partition, there are 3\n", result.errors)

    def test_topics_with_impossible_names(self):
        for name in ("bad name!", "x" * 250, ".", "ä"):
            with self.subTest(name=name):
                self.assertIn(name, self.run_ottla("consume", "-t", name, status=FAILED).errors)
                result = self.run_ottla("produce", "-t", name, "-X", "message.timeout.ms=3000", stdin=b"x\n", status=FAILED)
                self.assertIn(name, result.errors)

    def test_producing_to_what_is_not_there(self):
        result = self.run_ottla(
            "produce", "-t", "nowhere", "-X", "topic.metadata.propagation.max.ms=500", "-J", stdin=b"x\ny\n", status=FAILED
        )
        self.assertIn("2 of 2 messages were not delivered; the first: nowhere: _UNKNOWN_TOPIC", result.errors)
        self.assertEqual(2, result.json["failed"])
        topic = self.make_topic(3)
        result = self.run_ottla("produce", "-t", topic, "-p", 3, stdin=b"x\n", status=FAILED)
        self.assertIn(f"{topic}[3]: _UNKNOWN_PARTITION", result.errors)

    def test_a_message_that_is_too_large(self):
        topic = self.make_topic()
        result = self.produce(topic, b"small\n" + b"x" * 1_100_000 + b"\nsmall, too\n", "-J", status=FAILED)
        self.assertIn(
            f"ottla: MSG_SIZE_TOO_LARGE: {topic}: message 2, of 1100000 bytes: larger than message.max.bytes allows", result.errors
        )
        self.assertEqual({"accepted": 1, "delivered": 1}, {name: result.json[name] for name in ("accepted", "delivered")})
        # The broker's limit, which the client does not know.
        result = self.produce(topic, b"x" * 1_100_000, "-X", "message.max.bytes=2000000", status=FAILED)
        self.assertIn(f"1 of 1 messages were not delivered; the first: {topic}[0]: MSG_SIZE_TOO_LARGE", result.errors)
        self.assertEqual(b"small\n", self.consume(topic).out)


if __name__ == "__main__":
    unittest.main()
