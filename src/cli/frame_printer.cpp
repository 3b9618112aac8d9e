#include "frame_printer.hpp"

#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ottla::cli {
namespace {

constexpr uint64_t most_complaints = 20;
constexpr size_t buffered = size_t{64} << 10;

} // namespace

FramePrinter::FramePrinter(FramePrinterOptions options)
    : options_(std::move(options))
    , output_(options_.at_once ? 0 : buffered) {
}

void FramePrinter::print(const SeenFrame& frame, const FramePlace& place) {
    if (done_)
        return;
    ++frames_;
    if (!options_.apis.empty() && frame.api_key >= 0 && !options_.apis.contains(frame.api_key))
        return;
    if (!frame.error.empty())
        complain(fmt::format(
            "frame {}, {} at byte {}{}: {}",
            frames_,
            frame.sender == Sender::client ? "request" : "response",
            frame.position,
            place.name,
            frame.error
        ));
    const bool is_known = frame.api_key >= 0 || !frame.error.empty(); // else a token
    if (!options_.apis.empty() && !is_known)
        return;
    const std::string text = fmt::format("{{\"frame\":{},{}{}", frames_, place.members, frame.json.substr(1));
    std::string& out = output_.buffer();
    out += options_.pretty ? nlohmann::ordered_json::parse(text).dump(2) : text;
    out += '\n';
    done_ = !output_.check();
}

void FramePrinter::complain(std::string_view text) {
    if (++complaints_ <= most_complaints)
        fmt::print(stderr, "ottla: {}\n", text);
}

void FramePrinter::finish() {
    output_.flush();
    if (complaints_ > most_complaints)
        fmt::print(stderr, "ottla: {} more such messages are left out\n", complaints_ - most_complaints);
}

} // namespace ottla::cli
