// Golden files: what the tool `golden` checks, one function a kind of line (tests/golden/README.md describes
// them).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>
#include <ottla/buffer.hpp>
#include <ottla/error.hpp>

#include "wire/any_message.hpp"
#include "wire/table.hpp"

namespace ottla::golden {

struct Tally {
    int passed = 0;
    int failed = 0;
    int skipped = 0;
};

/// Counts outcomes and prints failures, with the place of the line.
class Report {
public:
    void at(std::string file, size_t line) {
        file_ = std::move(file);
        line_ = line;
    }

    void pass() { ++tally_.passed; }

    void skip() { ++tally_.skipped; }

    void fail(std::string_view detail);

    /// pass, or fail with `detail`.
    void check(bool good, std::string_view detail) { good ? pass() : fail(detail); }

    const Tally& tally() const { return tally_; }

private:
    Tally tally_;
    std::string file_;
    size_t line_ = 0;
};

using Json = nlohmann::json;

// One line each; exactly one call of pass, fail or skip. Exceptions of the JSON library are failures, too.
void check_message(const Json& line, std::string_view text, Report& report);
void check_frame(const Json& line, Report& report);
void check_header_versions(const Json& line, Report& report);
void check_records(const Json& line, Report& report);
void check_partitioner(const Json& line, Report& report);
void check_consumer_protocol(const Json& line, Report& report);
void check_assignor(const Json& line, Report& report);
void check_hostile_message(const Json& line, Report& report);
void check_hostile_frame(const Json& line, Report& report);
void check_hostile_records(const Json& line, Report& report);
void check_hostile_consumer_protocol(const Json& line, Report& report);

// Helpers of the checks.
std::vector<uint8_t> from_hex(std::string_view hex);
std::string to_hex(Bytes bytes);
Buffer buffer_from_hex(std::string_view hex);
/// The message that a line speaks of (`apiKey` and `kind`, or `api`); null when there is none.
const wire::MessageInfo* message_of(const Json& line);

using wire::AnyMessage;

/// Sends a message through a Conversation. Empty when what that tells is `wanted`, else what differs.
std::string see_message(const wire::MessageInfo& info, const void* message, int16_t version, const Json& wanted);

/// Fills a fresh message from Kafka's JSON form at a version, and the unknown tagged fields (an array of
/// path, tag, hex). Empty when all went well, else what was wrong.
std::string from_json(
    const wire::MessageInfo& info, void* message, int16_t version, const Json& json, const Json& unknown_tags
);

} // namespace ottla::golden
