"""The plan of faults, and what is understood of the brokers' answers."""

import random
import struct
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import view  # noqa: E402
from faults import Deck, Injector, Targets  # noqa: E402


class FakeView:
    """Of a cluster that is always whole and has no nodes to disturb."""

    def is_whole(self, nodes):
        return nodes == 3

    def leader(self, topic, partition):
        return -1


class PlanTest(unittest.TestCase):
    def test_every_kind_comes_before_any_comes_again(self):
        deck = Deck(["a", "b", "c"], random.Random(5))
        drawn = [deck.draw() for _ in range(30)]
        for start in range(0, 30, 3):
            self.assertEqual({"a", "b", "c"}, set(drawn[start : start + 3]))
        self.assertNotEqual(drawn[:3] * 10, drawn)

    def test_the_seed_is_the_plan(self):
        one, same, other = (Deck(list("abcdef"), random.Random(seed)) for seed in (1, 1, 2))
        drawn = [[deck.draw() for _ in range(12)] for deck in (one, same, other)]
        self.assertEqual(drawn[0], drawn[1])
        self.assertNotEqual(drawn[0], drawn[2])

    def test_kinds_follow_from_what_the_workload_has(self):
        plain = Injector(FakeView(), Targets("t", 6), 1)
        self.assertEqual(["kill leader", "stop leader"], plain.kinds)
        copy = Injector(FakeView(), Targets("t", 6, ["x"], ["g"]), 1, {"own": print})
        self.assertEqual(6, len(copy.kinds))
        self.assertEqual("own", copy.kinds[-1])

    def test_a_fault_without_a_target_does_not_count(self):
        injector = Injector(FakeView(), Targets("t", 6), 1)
        injector.inject("kill leader")
        self.assertEqual(0, sum(injector.done.values()))
        injector.special = {"own": lambda chance: None}
        injector.inject("own")
        self.assertEqual({"own": 1}, dict(injector.done))


class AnswersTest(unittest.TestCase):
    def test_metadata(self):
        broker = struct.pack(">i", 2) + view.string("127.0.0.1") + struct.pack(">ih", 9092, -1)
        partition = struct.pack(">hii", 0, 4, 2) + struct.pack(">iii", 2, 2, 3) + struct.pack(">ii", 1, 2)
        topic = struct.pack(">h", 0) + view.string("t") + struct.pack(">bi", 0, 1) + partition
        data = struct.pack(">i", 1) + broker + struct.pack(">i", 2) + struct.pack(">i", 1) + topic
        self.assertEqual({("t", 4): view.Partition(2, [2, 3], [2])}, view.parse_metadata(data))

    def test_offsets(self):
        def answer(error):
            return struct.pack(">ii", 0, 1) + view.string("t") + struct.pack(">iihqq", 1, 3, error, -1, 77)

        self.assertEqual({3: 77}, view.parse_offsets(answer(0)))
        with self.assertRaises(view.NoAnswer):
            view.parse_offsets(answer(6))

    def test_the_hash_that_chooses_coordinators(self):
        self.assertEqual(99162322, view.java_hash("hello"))  # known of String.hashCode
        self.assertGreaterEqual(view.java_hash("a long name whose hash is negative"), 0)


if __name__ == "__main__":
    unittest.main()
