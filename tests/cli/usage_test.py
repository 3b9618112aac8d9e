"""What is wrong on the command line is said by name, with exit status 2, before anything is done."""

import unittest

from programs import DONE, USAGE, ottla

# Nobody listens there; a usage error must show before anyone would be asked.
NOWHERE = ["-b", "127.0.0.1:1"]


class UsageTest(unittest.TestCase):
    def assert_usage(self, arguments: list, *names: str):
        result = ottla(*arguments, patience=5)
        self.assertEqual(USAGE, result.status, f"{arguments}: {result}")
        self.assertEqual(b"", result.out)
        for name in names:
            self.assertIn(name, result.errors)

    def test_help_and_version(self):
        for arguments in (["--help"], ["produce", "--help"], ["topics", "create", "-h"], ["--version"]):
            with self.subTest(arguments=arguments):
                result = ottla(*arguments)
                self.assertEqual((DONE, ""), (result.status, result.errors))
                self.assertTrue(result.out)

    def test_commands_and_flags_that_do_not_exist(self):
        self.assert_usage([])
        self.assert_usage(["frobnicate"], "frobnicate")
        self.assert_usage(["list", "--frobnicate"], "--frobnicate")
        self.assert_usage(["topics"], "create, delete or describe")
        self.assert_usage(["topics", "frobnicate"], "frobnicate")
        self.assert_usage(["produce", *NOWHERE], "--topic")
        self.assert_usage(["consume", *NOWHERE], "--topic")

    def test_values_that_make_no_sense(self):
        for command in ("produce", "consume"):
            base = [command, *NOWHERE, "-t", "a"]
            self.assert_usage([*base, "-p", "x"], "--partition")
            self.assert_usage([*base, "-p", "-7"], "--partition")
            self.assert_usage([*base, "-c", "many"], "--count")
            self.assert_usage([*base, "-c", "-1"], "--count")
            self.assert_usage([command, *NOWHERE, "-t", ""], "--topic")
        self.assert_usage(["consume", *NOWHERE, "-t", "a", "-p", "-1"], "--partition")
        self.assert_usage(["consume", *NOWHERE, "-t", "a", "-p", "1", "-p", "1"], "--partition", "1")
        for offset in ("noon", "5x", "s@", "s@noon", "e@-", "", "99999999999999999999"):
            self.assert_usage(["consume", *NOWHERE, "-t", "a", "-o", offset], f'-o "{offset}"')
        self.assert_usage(["produce", *NOWHERE, "-t", "a", "-z", "rar"], "rar")
        self.assert_usage(["produce", *NOWHERE, "-t", "a", "-D", ""], "--delimiter")
        self.assert_usage(["produce", *NOWHERE, "-t", "a", "-K", "\\q"], "\\q")
        self.assert_usage(["topics", "create", *NOWHERE], "topic")
        self.assert_usage(["topics", "create", *NOWHERE, ""], "topic")
        self.assert_usage(["list", *NOWHERE, "-m", "0"], "--timeout")

    def test_properties(self):
        commands = (["list"], ["topics", "describe", "a"], ["produce", "-t", "a"], ["consume", "-t", "a"])
        for command in commands:
            base = [*command, *NOWHERE]
            with self.subTest(command=command):
                self.assert_usage([*base, "-X", "foo=bar"], '"foo"')
                self.assert_usage([*base, "-X", "foo"], "-X foo", "key=value")
                self.assert_usage([*base, "-X", "=bar"], "-X =bar", "key=value")
                self.assert_usage([*base, "-X", "socket.timeout.ms=soon"], "socket.timeout.ms", '"soon"')
                self.assert_usage([*base, "-X", "socket.timeout.ms=1"], "socket.timeout.ms", "10..300000")
                self.assert_usage([*base, "-X", "broker.address.family=v5"], "broker.address.family", '"v5"', "v4")
                self.assert_usage([*base, "-X", "sasl.jaas.config=x"], "sasl.jaas.config", "sasl.username")
        self.assert_usage(["produce", *NOWHERE, "-t", "a", "-X", "acks=some"], "acks", '"some"')
        self.assert_usage(["produce", *NOWHERE, "-t", "a", "-X", "linger.ms=-1"], "linger.ms")
        self.assert_usage(["consume", *NOWHERE, "-t", "a", "-X", "auto.offset.reset=noon"], "auto.offset.reset", "noon")

    def test_addresses(self):
        for server in ("host:port", "host:0", "host:70000", ":9092", "[::1", "ssl://host:1"):
            with self.subTest(server=server):
                self.assert_usage(["list", "-b", server], f'"{server}"')
        for nothing in ("", ","):
            self.assert_usage(["list", "-b", nothing], "-b")

    def test_options_that_contradict_each_other(self):
        produce = ["produce", *NOWHERE, "-t", "a"]
        consume = ["consume", *NOWHERE, "-t", "a"]
        for arguments, one, other in (
            ([*produce, "--whole", "-l"], "--whole", "--lines"),
            ([*produce, "--whole", "-D", ";"], "--whole", "--delimiter"),
            ([*produce, "--whole", "-K", ":"], "--whole", "--key-delimiter"),
            ([*produce, "-z", "lz4", "-X", "compression.codec=gzip"], "-z", "compression.codec"),
            ([*produce, "-X", "bootstrap.servers=127.0.0.1:2"], "-b", "bootstrap.servers"),
            ([*produce, "-X", "metadata.broker.list=127.0.0.1:2"], "-b", "metadata.broker.list"),
            ([*produce, "-X", "enable.idempotence=true", "-X", "acks=1"], "enable.idempotence", "acks"),
            ([*consume, "-J", "-f", "%s"], "--json", "--format"),
            ([*consume, "-J", "-K", ":"], "--json", "--key-delimiter"),
            ([*consume, "-f", "%s", "-K", ":"], "--format", "--key-delimiter"),
            ([*consume, "-f", "%s", "-D", ":"], "--format", "--delimiter"),
            ([*consume, "-o", "5", "-o", "beginning"], '-o "5"', '-o "beginning"'),
            ([*consume, "-o", "s@5", "-o", "7"], '-o "s@5"', '-o "7"'),
            ([*consume, "-o", "e@5", "-o", "e@7"], '-o "e@5"', '-o "e@7"'),
            ([*consume, "-t", "b"], "several topics", "-G"),
            ([*consume, "-G", "g", "-p", "0"], "-p", "-G"),
            ([*consume, "-G", "g", "-o", "5"], "-G", "-o"),
            ([*consume, "-G", "g", "-o", "s@5"], "-G", "-o"),
            ([*consume, "-G", "g", "-o", "beginning", "-o", "e@5"], "-G", "-o"),
            ([*consume, "-G", "g", "-o", "end", "-X", "auto.offset.reset=earliest"], "-o", "auto.offset.reset"),
            ([*consume, "-G", "g", "-X", "group.id=h"], "-G", "group.id"),
            ([*consume, "-G", "g", "-X", "enable.auto.offset.store=true"], "-G", "enable.auto.offset.store"),
            ([*consume, "-G", ""], "--group", "empty"),
        ):
            with self.subTest(arguments=arguments):
                self.assert_usage(arguments, one, other)


if __name__ == "__main__":
    unittest.main()
