"""ottla list and ottla topics: what there is, and changing it."""

import unittest

from programs import DONE, FAILED, USAGE, ClusterTest, Mock, ottla


class ListTest(ClusterTest):
    mock_options = ("--brokers", "3", "--topic", "orders:4", "--topic", "users:1", "--partitions", "2")

    def test_the_cluster_as_json(self):
        cluster = self.run_ottla("list", "--json").json
        self.assertEqual(self.mock.servers.split(","), [broker["name"] for broker in cluster["brokers"]])
        self.assertEqual([1, 2, 3], [broker["id"] for broker in cluster["brokers"]])
        self.assertIn(cluster["controllerid"], [1, 2, 3])
        self.assertIn(cluster["originating_broker"], [1, 2, 3])
        topics = {topic["topic"]: topic for topic in cluster["topics"]}
        self.assertEqual(["orders", "users"], sorted(topics))
        self.assertEqual([0, 1, 2, 3], [partition["partition"] for partition in topics["orders"]["partitions"]])
        for partition in topics["orders"]["partitions"]:
            self.assertIn(partition["leader"], partition["replicas"])
            self.assertIn(partition["leader"], partition["isrs"])

    def test_the_cluster_as_a_table(self):
        lines = self.run_ottla("list").lines
        self.assertIn(" 3 brokers", lines)
        for number, server in enumerate(self.mock.servers.split(","), 1):
            self.assertTrue(any(line.split()[:2] == [str(number), server] for line in lines), lines)
        self.assertIn(" 2 topics", lines)
        self.assertIn("  orders: 4 partitions", lines)
        self.assertEqual(5, sum(line.startswith("    partition ") for line in lines))

    def test_one_topic(self):
        self.assertEqual(["users"], [topic["topic"] for topic in self.run_ottla("list", "-t", "users", "-J").json["topics"]])

    def test_a_topic_is_not_made_by_asking(self):
        result = self.run_ottla("list", "-t", "nowhere", status=FAILED)
        self.assertIn("nowhere", result.errors)
        self.assertIn("UNKNOWN_TOPIC_OR_PART: nowhere", result.errors)
        self.assertNotIn("nowhere", [topic["topic"] for topic in self.run_ottla("list", "-J").json["topics"]])

    def test_any_of_several_brokers_will_do(self):
        result = ottla("list", "-J", "-b", "127.0.0.1:1," + self.mock.servers)
        self.assertEqual(DONE, result.status, result)
        self.assertEqual(3, len(result.json["brokers"]))

    def test_the_broker_may_be_named_by_a_property(self):
        for name in ("bootstrap.servers", "metadata.broker.list"):
            with self.subTest(name=name):
                result = ottla("list", "-J", "-X", f"{name}={self.mock.servers}")
                self.assertEqual(DONE, result.status, result)


class TopicsTest(ClusterTest):
    def test_create_describe_delete(self):
        created = self.run_ottla("topics create", "a", "b", "-p", 3)
        self.assertEqual(["created a", "created b"], created.lines)
        described = self.run_ottla("topics describe", "a", "b", "--json").json
        self.assertEqual([("a", 3), ("b", 3)], [(topic["topic"], len(topic["partitions"])) for topic in described])
        self.assertEqual("  a: 3 partitions", self.run_ottla("topics describe", "a").lines[0])
        self.assertEqual([{"topic": "a"}, {"topic": "b"}], self.run_ottla("topics delete", "a", "b", "-J").json)
        self.run_ottla("topics describe", "a", status=FAILED)

    def test_a_topic_by_flag(self):
        self.run_ottla("topics create", "-t", "flag")
        self.run_ottla("topics describe", "-t", "flag")

    def test_what_cannot_be_made_is_named_and_the_rest_is_made(self):
        self.run_ottla("topics create", "there")
        result = self.run_ottla("topics create", "there", "bad name!", "fine", status=FAILED)
        self.assertEqual(["created fine"], result.lines)
        self.assertIn("TOPIC_ALREADY_EXISTS: there", result.errors)
        self.assertIn("bad name!", result.errors)
        rows = {row["topic"]: row for row in self.run_ottla("topics create", "there", "new", "-J", status=FAILED).json}
        self.assertEqual({"topic": "new"}, rows["new"])
        self.assertEqual("TOPIC_ALREADY_EXISTS", rows["there"]["error"])

    def test_what_is_not_there_cannot_be_deleted_or_described(self):
        for command in ("topics delete", "topics describe"):
            with self.subTest(command=command):
                result = self.run_ottla(command, "nowhere", status=FAILED)
                self.assertIn("nowhere", result.errors)
                self.assertIn("UNKNOWN_TOPIC_OR_PART", result.errors)
                rows = self.run_ottla(command, "nowhere", "-J", status=FAILED).json
                self.assertEqual([("nowhere", "UNKNOWN_TOPIC_OR_PART")], [(row["topic"], row["error"]) for row in rows])

    def test_settings(self):
        topic = self.make_topic(1, "--config", "max.message.bytes=2000", "-c", "message.timestamp.type=LogAppendTime")
        result = self.produce(topic, b"x" * 5000, status=FAILED)
        self.assertIn(f"{topic}[0]: MSG_SIZE_TOO_LARGE", result.errors)
        self.produce(topic, b"x" * 500)
        self.assertIn('"tstype":"logappend"', self.consume(topic, "-J").out.decode())
        result = self.run_ottla("topics create", "other", "-c", "max.message.bytes=many", status=FAILED)
        self.assertIn("max.message.bytes", result.errors)
        self.assertIn("--config novalue", self.run_ottla("topics create", "other", "-c", "novalue", status=USAGE).errors)

    def test_replicas(self):
        self.assertIn("too-many", self.run_ottla("topics create", "too-many", "-r", 3, status=FAILED).errors)
        self.assertIn("too-few", self.run_ottla("topics create", "too-few", "-p", 0, status=FAILED).errors)


class MockTest(unittest.TestCase):
    def test_it_ends_when_told_to(self):
        self.assertEqual(DONE, Mock().end())

    def test_a_port_that_is_taken(self):
        with Mock() as first:
            port = first.servers.rpartition(":")[2]
            result = ottla("mock", "--port", port)
            self.assertEqual(FAILED, result.status, result)
            self.assertIn(f"127.0.0.1 port {port}: Address already in use", result.errors)

    def test_wrong_options(self):
        for options in (
            ["--brokers", "0"],
            ["--brokers", "x"],
            ["--port", "70000"],
            ["--port", "65535", "--brokers", "2"],
            ["--topic", "a:x"],
            ["--topic", "a:1x"],
            ["--topic", "a:0"],
            ["--topic", "bad name!"],
            ["--topic", ":3"],
            ["--partitions", "0"],
        ):
            with self.subTest(options=options):
                result = ottla("mock", *(["--port", "0"] if "--port" not in options else []), *options)
                self.assertEqual(USAGE, result.status, result)
                self.assertIn(options[1], result.errors)

    def test_topics_by_use_or_not(self):
        with Mock("--partitions", "7") as mock:
            self.assertEqual(DONE, ottla("produce", "-b", mock.servers, "-t", "new", stdin=b"x\n").status)
            listed = ottla("list", "-J", "-b", mock.servers).json
            self.assertEqual([("new", 7)], [(topic["topic"], len(topic["partitions"])) for topic in listed["topics"]])


if __name__ == "__main__":
    unittest.main()
