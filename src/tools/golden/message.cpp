// Messages: bytes to object to bytes, object to JSON, JSON to object to bytes.
#include <fmt/format.h>

#include "tools/golden/golden.hpp"
#include "wire/codec.hpp"

namespace ottla::golden {
namespace {

using Ordered = nlohmann::ordered_json;

// Equal but for names: lines of older releases call some fields otherwise.
bool same_positions(const Ordered& a, const Ordered& b) {
    if (a.is_object() || a.is_array()) {
        if (a.type() != b.type() || a.size() != b.size())
            return false;
        auto right = b.begin();
        for (auto left = a.begin(); left != a.end(); ++left, ++right)
            if (!same_positions(*left, *right))
                return false;
        return true;
    }
    return a == b;
}

} // namespace

void check_message(const Json& line, std::string_view text, Report& report) {
    const wire::MessageInfo* info = message_of(line);
    const auto version = line.at("version").get<int16_t>();
    const std::string& hex = line.at("hex").get_ref<const std::string&>();
    const std::string what = fmt::format(
        "{} {} v{} {}", line.value("api", ""), line.value("kind", ""), version, line.value("profile", "")
    );
    if (!info)
        return report.fail(what + ": no such message");

    AnyMessage message(*info);
    if (const Error error = wire::decode(*info, message.get(), version, buffer_from_hex(hex)))
        return report.fail(fmt::format("{}: {}", what, error.message()));
    const auto encoded = wire::encode(*info, message.get(), version);
    if (!encoded)
        return report.fail(fmt::format("{}: {}", what, encoded.error().message()));
    if (to_hex(encoded->flatten()) != hex)
        return report.fail(
            fmt::format("{}: written again\n  {}\ninstead of\n  {}", what, to_hex(encoded->flatten()), hex)
        );

    const std::string json = wire::to_json(*info, message.get(), version);
    if (const std::string problem = see_message(*info, message.get(), version, Json::parse(json)); !problem.empty())
        return report.fail(fmt::format("{}: {}", what, problem));
    if (line.value("src", "") != "4.3.0") {
        const Ordered wanted = Ordered::parse(text).at("json");
        return report.check(
            Json::parse(json) == line.at("json") || same_positions(Ordered::parse(json), wanted),
            fmt::format("{}: printed\n  {}\ninstead of\n  {}", what, json, wanted.dump())
        );
    }
    const Json& wanted = line.at("json");
    if (Json::parse(json) != wanted)
        return report.fail(fmt::format("{}: printed\n  {}\ninstead of\n  {}", what, json, wanted.dump()));

    AnyMessage filled(*info);
    const std::string problem =
        from_json(*info, filled.get(), version, wanted, line.value("unknownTaggedFields", Json::array()));
    if (!problem.empty())
        return report.fail(fmt::format("{}: from JSON: {}", what, problem));
    if (!info->equal(message.get(), filled.get()))
        return report.fail(what + ": the object read from bytes and the one from JSON differ");
    const auto again = wire::encode(*info, filled.get(), version);
    report.check(again && to_hex(again->flatten()) == hex, what + ": bytes of the object from JSON differ");
}

} // namespace ottla::golden
