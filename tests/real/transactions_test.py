"""Transactions of Kafka's producers as our consumer shows them: exactly the committed ones, in order, or all."""

import unittest

from program import CODECS, ottla
from real_cluster import VERSION, cluster
from transactions import Transactions, check_reading, reader


class TransactionsTest(unittest.TestCase):
    def test_exactly_what_is_committed_is_shown_in_order(self):
        ottla("topics", "create", "-p", 3, "-r", 3, "transactions")
        written = Transactions(self, VERSION, cluster().bootstrap, "transactions", 3, CODECS)
        check_reading(self, written, reader(ottla, "transactions", 3))


if __name__ == "__main__":
    unittest.main()
