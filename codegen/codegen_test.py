"""Tests of the generator on tiny specs. Run: python3 -m unittest discover -s codegen -p '*_test.py'"""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import emit
import errors
import main
from resolve import resolve, snake_case
from spec import LAST, SpecError, Versions, parse_spec


def spec_of(fields, valid="0-3", flexible="2+", common=None, name="TinyRequest"):
    raw = {"apiKey": 0, "type": "request", "name": name, "validVersions": valid, "flexibleVersions": flexible, "fields": fields}
    if common:
        raw["commonStructs"] = common
    return parse_spec(raw)


class VersionsTest(unittest.TestCase):
    def test_ranges_are_read(self):
        self.assertEqual(Versions.parse("3"), Versions(3, 3))
        self.assertEqual(Versions.parse("3-5"), Versions(3, 5))
        self.assertEqual(Versions.parse("3+"), Versions(3, LAST))
        self.assertFalse(Versions.parse("none"))
        with self.assertRaises(SpecError):
            Versions.parse("3-")

    def test_a_range_that_reaches_the_end_of_its_parent_stays_open(self):
        self.assertEqual(Versions(2, LAST).within(Versions(0, 7)), Versions(2, LAST))
        self.assertEqual(Versions(2, 5).within(Versions(0, 7)), Versions(2, 5))
        self.assertFalse(Versions(8, LAST).within(Versions(0, 7)))


class NamesTest(unittest.TestCase):
    def test_names_become_snake_case(self):
        for name, wanted in [
            ("FetchOffset", "fetch_offset"), ("timeoutMs", "timeout_ms"), ("isKRaftController", "is_kraft_controller"),
            ("ISRs", "isrs"), ("SASLName", "sasl_name"), ("Port", "port"),
        ]:
            self.assertEqual(snake_case(name), wanted)

    def test_keywords_and_names_of_static_members_get_an_underscore(self):
        message = resolve(spec_of([
            {"name": "Name", "type": "string", "versions": "0+"},
            {"name": "Namespace", "type": "int8", "versions": "0+"},
            {"name": "Inner", "type": "Inner", "versions": "0+", "fields": [{"name": "Name", "type": "string", "versions": "0+"}]},
        ]))
        self.assertEqual([m.name for m in message.structs[-1].members], ["name_", "namespace_", "inner"])
        self.assertEqual(message.structs[0].members[0].name, "name")


class TypesTest(unittest.TestCase):
    def member(self, **field):
        return resolve(spec_of([dict({"name": "F", "versions": "0+"}, **field)])).structs[-1].members[0]

    def test_defaults_in_any_spelling(self):
        self.assertEqual(self.member(type="int32", default="0x7fffffff").default_value, 2**31 - 1)
        self.assertEqual(self.member(type="int32", default="-2147483648").initializer, " = std::numeric_limits<int32_t>::min()")
        self.assertEqual(self.member(type="bool", default="False").initializer, " = false")
        self.assertEqual(self.member(type="bool", default=True).initializer, " = true")

    def test_a_default_that_does_not_fit_is_refused(self):
        for field in ({"type": "int8", "default": "128"}, {"type": "uint16", "default": "-1"}, {"type": "string", "default": "null"}):
            with self.assertRaises(SpecError):
                self.member(**field)

    def test_a_nullable_field_without_default_starts_empty(self):
        self.assertEqual(self.member(type="string", nullableVersions="0+").initializer, "{std::in_place}")
        self.assertEqual(self.member(type="string", nullableVersions="0+", default="null").initializer, "")
        self.assertEqual(self.member(type="[]int32", nullableVersions="1+").type, "std::optional<std::vector<int32_t>>")

    def test_records_carry_their_null_themselves(self):
        member = self.member(type="records", nullableVersions="0+")
        self.assertEqual((member.type, member.initializer), ("wire::Records", ""))

    def test_structs_come_before_their_users(self):
        common = [{"name": "Shared", "versions": "0+", "fields": [{"name": "X", "type": "int8", "versions": "0+"}]}]
        message = resolve(spec_of([
            {"name": "A", "type": "[]Outer", "versions": "0+", "fields": [{"name": "S", "type": "Shared", "versions": "0+"}]},
            {"name": "B", "type": "Shared", "versions": "0+"},
        ], common=common))
        self.assertEqual([s.name for s in message.structs], ["Shared", "Outer", "TinyRequest"])

    def test_a_struct_that_is_nowhere_is_refused(self):
        with self.assertRaisesRegex(SpecError, "TinyRequest.*no struct Missing"):
            resolve(spec_of([{"name": "A", "type": "Missing", "versions": "0+"}]))

    def test_tagged_fields_come_last_by_tag(self):
        message = resolve(spec_of([
            {"name": "T1", "type": "int8", "versions": "2+", "taggedVersions": "2+", "tag": 1},
            {"name": "T0", "type": "int8", "versions": "2+", "taggedVersions": "2+", "tag": 0},
            {"name": "P", "type": "int8", "versions": "0+"},
        ]))
        self.assertEqual([m.name for m in message.structs[-1].members], ["p", "t0", "t1"])

    def test_a_tag_in_some_versions_only_is_refused(self):
        with self.assertRaises(SpecError):
            spec_of([{"name": "T", "type": "int8", "versions": "0+", "taggedVersions": "2+", "tag": 0}])


class EmitTest(unittest.TestCase):
    def test_a_row_tells_what_differs_from_the_usual(self):
        message = resolve(spec_of([
            {"name": "Old", "type": "int32", "versions": "1-2", "default": "-1", "ignorable": True},
            {"name": "Any", "type": "string", "versions": "0+"},
        ]))
        rows = [emit.field_row(message.structs[-1], m) for m in message.structs[-1].members]
        self.assertEqual(rows[0], '    OTTLA_FIELD(TinyRequest, old, "old", {.since = 1, .until = 2, .default_value = -1, .ignorable = true}),\n')
        self.assertEqual(rows[1], '    OTTLA_FIELD(TinyRequest, any, "any", {}),\n')

    def test_only_messages_with_flexible_versions_keep_unknown_tags(self):
        field = [{"name": "A", "type": "int8", "versions": "0+"}]
        self.assertIn("UnknownTags", emit.message_structs(resolve(spec_of(field))))
        self.assertNotIn("UnknownTags", emit.message_structs(resolve(spec_of(field, flexible="none"))))


class ErrorsTest(unittest.TestCase):
    def test_codes_are_sorted_and_quoted(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "errors.csv"
            path.write_text(
                'code,c_name,kafka_name,retriable,refresh_metadata,fatal_context,abortable_context,meaning\n'
                '3,,B_NAME,yes,yes,,abortable: Produce,"say ""b"""\n-5,_A,,no,,fatal: always,,a\n'
            )
            codes = errors.load_errors(path)
        self.assertEqual(errors.errc_table(codes).splitlines()[1:], [
            '{static_cast<Errc>(-5), "_A", "a", false, false, "always", ""},',
            '{static_cast<Errc>(3), "B_NAME", "say \\"b\\"", true, true, "", "Produce"},'])
        self.assertIn("    b_name = 3,\n", errors.errc_header(codes))


class MainTest(unittest.TestCase):
    def test_a_file_is_written_only_when_it_changes_and_removed_when_it_is_gone(self):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            main.write(out, {"a/b.hpp": "x", "c.hpp": "y"})
            before = (out / "a/b.hpp").stat().st_mtime_ns
            main.write(out, {"a/b.hpp": "x"})
            self.assertEqual((out / "a/b.hpp").stat().st_mtime_ns, before)
            self.assertFalse((out / "c.hpp").exists())

    def test_requests_need_a_response_of_the_same_versions(self):
        with self.assertRaises(SpecError):
            main.check_pairs([resolve(spec_of([]))])


if __name__ == "__main__":
    unittest.main()
