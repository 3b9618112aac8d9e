// Bodies that were damaged on purpose: an error where one belongs, and never more than that.
#include <fmt/format.h>

#include "tools/golden/golden.hpp"
#include "wire/codec.hpp"

namespace ottla::golden {

void check_hostile_message(const Json& line, Report& report) {
    const wire::MessageInfo* info = message_of(line);
    const auto version = line.at("version").get<int16_t>();
    const std::string what = fmt::format(
        "hostile {} {} v{} {} at \"{}\"",
        line.value("api", ""),
        line.value("kind", ""),
        version,
        line.value("mutation", ""),
        line.value("path", "")
    );
    if (!info)
        return report.fail(what + ": no such message");
    AnyMessage message(*info);
    const Error error =
        wire::decode(*info, message.get(), version, buffer_from_hex(line.at("hex").get<std::string>()));
    if (line.at("expect") == "error" && !error)
        return report.fail(what + ": was accepted");
    if (line.at("expect") == "ok" && error)
        return report.fail(fmt::format("{}: {}", what, error.message()));
    const std::string prefix = fmt::format("{} v{}: ", info->name, version);
    if (error)
        return report.check(error.detail.starts_with(prefix), what + ": the error does not name the message");
    // What was read must be writable, and mean the same when read again.
    const auto encoded = wire::encode(*info, message.get(), version);
    if (!encoded)
        return report.fail(fmt::format("{}: read, but not written: {}", what, encoded.error().message()));
    AnyMessage again(*info);
    const Error second = wire::decode(*info, again.get(), version, encoded->flatten());
    report.check(
        !second && wire::to_json(*info, again.get(), version) == wire::to_json(*info, message.get(), version),
        what + ": differs when read again"
    );
}

} // namespace ottla::golden
