"""Transactions of the release's own producers as our consumer shows them: exactly the committed ones, in order, or all."""

import unittest

import broker as kafka
from broker import broker, ottla
from transactions import Transactions, check_reading, reader


class TransactionsTest(unittest.TestCase):
    @unittest.skipUnless(kafka.IDEMPOTENT, "this release has no transactions")
    def test_exactly_what_is_committed_is_shown_in_order(self):
        ottla("topics", "create", "-p", kafka.PARTITIONS, "-r", 1, "transactions")
        written = Transactions(self, kafka.VERSION, broker().bootstrap, "transactions", kafka.PARTITIONS, kafka.CODECS)
        check_reading(self, written, reader(ottla, "transactions", kafka.PARTITIONS))


if __name__ == "__main__":
    unittest.main()
