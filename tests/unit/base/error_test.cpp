// The table of errors against protocol/errors.csv, and the public face of an error.
#include <ottla/error.hpp>

#include <set>
#include <unordered_set>

#include "catch.hpp"
#include "unit/csv.hpp"

using namespace ottla;

namespace {

std::string without(std::string text, const std::string& prefix) {
    return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

} // namespace

TEST_CASE("every error of the reference is known, with what it means", "[error]") {
    const auto facts = test::read_csv(OTTLA_SOURCE_DIR "/protocol/errors.csv");
    CHECK(error_table().size() == facts.size());
    std::set<int> codes;
    for (const test::CsvRow& fact : facts) {
        const int code = std::stoi(fact.at("code"));
        const auto errc = static_cast<Errc>(code);
        const std::string name = fact.at("c_name").empty() ? fact.at("kafka_name") : fact.at("c_name");
        INFO(code << " " << name);
        codes.insert(code);
        CHECK(error_name(errc) == name);
        CHECK(error_text(errc) == fact.at("meaning"));
        CHECK(is_retriable(errc) == (fact.at("retriable") == "yes"));
        CHECK(needs_metadata_refresh(errc) == (fact.at("refresh_metadata") == "yes"));
        const ErrorInfo* info = nullptr;
        for (const ErrorInfo& row : error_table())
            if (row.code == errc)
                info = &row;
        REQUIRE(info);
        CHECK(info->fatal_when == without(fact.at("fatal_context"), "fatal: "));
        CHECK(info->abort_when == without(fact.at("abortable_context"), "abortable: "));
        CHECK((name[0] == '_') == (code <= -100));
    }
    // No gaps: Kafka numbers its own from -1 on.
    for (int code = -1; code <= 133; ++code)
        CHECK(codes.contains(code));
}

TEST_CASE("an error that nobody knows keeps its number", "[error]") {
    CHECK(error_name(static_cast<Errc>(9999)) == "ERR_9999");
    CHECK(error_text(static_cast<Errc>(9999)) == "error code 9999, unknown to this client");
    CHECK(!is_retriable(static_cast<Errc>(9999)));
    CHECK(KafkaError(static_cast<Errc>(9999)).to_string() ==
          "KafkaError{code=ERR_9999,val=9999,str=\"error code 9999, unknown to this client\"}");
}

TEST_CASE("an error says its code, name, text and what may be done", "[error]") {
    const KafkaError plain(Errc::_timed_out);
    CHECK(plain.code() == Errc::_timed_out);
    CHECK(plain.name() == "_TIMED_OUT");
    CHECK(plain.str() == error_text(Errc::_timed_out));
    CHECK(!plain.fatal());
    CHECK(!plain.retriable());
    CHECK(!plain.txn_requires_abort());

    const KafkaError fenced(Errc::_fenced, "another one is here", ErrorFlag::fatal);
    CHECK(fenced.fatal());
    CHECK(!fenced.retriable());
    CHECK(fenced.str() == "another one is here");
    CHECK(fenced.to_string() == "KafkaError{FATAL,code=_FENCED,val=-144,str=\"another one is here\"}");

    CHECK(KafkaError(Errc::_timed_out, "", ErrorFlag::retriable).retriable());
    const KafkaError spoilt(Errc::not_enough_replicas, "", ErrorFlag::txn_requires_abort);
    CHECK(spoilt.txn_requires_abort());
    CHECK(spoilt.to_string() ==
          "KafkaError{code=NOT_ENOUGH_REPLICAS,val=19,str=\"" + error_text(Errc::not_enough_replicas) + "\"}");
    CHECK(!KafkaError());
    CHECK(fenced);
}

TEST_CASE("errors compare by code, with each other and with numbers", "[error]") {
    const KafkaError late(Errc::_timed_out, "late");
    CHECK(late == KafkaError(Errc::_timed_out, "", ErrorFlag::retriable));
    CHECK(late != KafkaError(Errc::_transport));
    CHECK(late == -185);
    CHECK(-185 == late);
    CHECK(late != 7);
    CHECK(late < 0);
    CHECK(late > KafkaError(Errc::_transport)); // -195
    CHECK(late <= KafkaError(Errc::_timed_out));
    std::unordered_set<KafkaError> set{late, KafkaError(Errc::_timed_out), KafkaError(Errc::_transport)};
    CHECK(set.size() == 2);
    CHECK(std::hash<KafkaError>{}(KafkaError(Errc::request_timed_out)) == 7);
}

TEST_CASE("an exception carries its error", "[error]") {
    try {
        throw KafkaException(Error(make_error_code(Errc::_fatal, ErrorFlag::fatal), "it is over"));
    } catch (const std::runtime_error& e) {
        CHECK(std::string(e.what()) == "_FATAL: it is over");
        const auto* exception = dynamic_cast<const KafkaException*>(&e);
        REQUIRE(exception);
        CHECK(exception->error().fatal());
        CHECK(exception->error() == KafkaError(Errc::_fatal));
    }
}

TEST_CASE("flags travel inside an error_code, and do not change what it equals", "[error]") {
    const error_code code = make_error_code(Errc::_timed_out, ErrorFlag::retriable);
    CHECK(to_errc(code) == Errc::_timed_out);
    CHECK(flag_of(code) == ErrorFlag::retriable);
    CHECK(code.message() == error_text(Errc::_timed_out));
    CHECK(code.failed());
    CHECK(to_errc(error_code()) == Errc::no_error);
    CHECK(to_errc(make_error_code(boost::system::errc::io_error)) == Errc::_fail);
}
