"""`ottla config`: the properties, what a client would have in force, and what is wrong with a configuration."""

import unittest

from programs import DONE, USAGE, ottla


class ConfigTest(unittest.TestCase):
    def config(self, *arguments):
        result = ottla("config", *arguments)
        self.assertEqual((DONE, ""), (result.status, result.errors), str(result))
        return result

    def in_force(self, *arguments) -> dict:
        return {row["name"]: (row["value"], row["source"]) for row in self.config("dump", "--json", *arguments).json}

    def test_list_shows_every_property_once(self):
        rows = self.config("list", "--json").json
        names = [(row["name"], row["level"]) for row in rows]
        self.assertEqual(len(set(names)), len(names))
        self.assertGreater(len(names), 170)
        self.assertEqual(len(rows), len(self.config("list").lines))
        self.assertNotIn(("client.software.name", "global"), names)
        self.assertIn("client.software.name", {row["name"] for row in self.config("list", "--all", "--json").json})

    def test_list_of_one_kind(self):
        scopes = {row["scope"] for row in self.config("list", "-k", "consumer", "--json").json}
        self.assertEqual({"*", "C"}, scopes)
        self.assertEqual({"*"}, {row["scope"] for row in self.config("list", "-k", "admin", "--json").json})

    def test_describe_by_either_name(self):
        for name in ("acks", "request.required.acks"):
            (row,) = self.config("describe", "--json", name).json
            self.assertEqual(("acks", "-1 .. 1000, all", "-1"), (row["name"], row["range"], row["default"]))
        lines = self.config("describe", "sasl.password", "compression.type").lines
        self.assertEqual("sasl.password", lines[0])
        self.assertIn("  secret      yes", lines)
        self.assertIn("compression.type (topic)", lines)

    def test_dump_says_where_values_come_from(self):
        values = self.in_force("-X", "ottla.profile=java", "-X", "linger.ms=50")
        self.assertEqual(("50", "set"), values["linger.ms"])
        self.assertEqual(("16384", "profile"), values["batch.size"])
        self.assertEqual(("100", "adjusted"), values["sticky.partitioning.linger.ms"])
        self.assertEqual(("100", "default"), values["retry.backoff.ms"])
        self.assertNotIn("fetch.min.bytes", values)
        self.assertEqual({"linger.ms", "sticky.partitioning.linger.ms", "message.copy.max.bytes"}, set(self.in_force("-c", "-X", "linger.ms=50")))
        self.assertIn("fetch.min.bytes", self.in_force("-k", "consumer"))

    def test_dump_masks_secrets(self):
        result = self.config("dump", "-X", "sasl.password=hush-hush")
        self.assertNotIn(b"hush-hush", result.out)
        self.assertIn(b"********", result.out)

    def test_what_is_wrong_is_said(self):
        wrong = [
            (["dump", "-X", "no.such=1"], 'No such configuration property: "no.such"'),
            (["describe", "no.such"], 'No such configuration property: "no.such"'),
            (["dump", "-X", "batch.size=many"],
             'Invalid value "many" for configuration property "batch.size": expected a whole number'),
            (["dump", "-X", "batch.size=0"],
             'Configuration property "batch.size" value 0 is outside allowed range 1..2147483647'),
            (["dump", "-X", "acks=1", "-X", "enable.idempotence=true"], "acks must be all with enable.idempotence"),
            (["dump", "-k", "consumer", "-X", "fetch.max.bytes=1"], "fetch.max.bytes must not be below message.max.bytes"),
            (["dump", "-X", "acks"], "-X acks: expected key=value"),
            (["dump", "-k", "broker"], "broker"),
            ([], "subcommand"),
        ]
        for arguments, text in wrong:
            with self.subTest(arguments=arguments):
                result = ottla("config", *arguments)
                self.assertEqual(USAGE, result.status, str(result))
                self.assertIn(text, result.errors)
                self.assertEqual(b"", result.out)


if __name__ == "__main__":
    unittest.main()
