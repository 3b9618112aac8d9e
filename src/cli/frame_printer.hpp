// What `ottla decode` writes: a JSON object for each frame, a line on stderr for what cannot be read.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include <ottla/inspect.hpp>

#include "output.hpp"

namespace ottla::cli {

struct FramePrinterOptions {
    bool pretty = false;
    bool at_once = false;     ///< somebody waits for every line
    std::set<int16_t> apis{}; ///< only these; empty: all
};

/// Where a frame comes from, if the input tells.
struct FramePlace {
    std::string members{}; ///< JSON members to stand before those of the frame, each with a comma behind it
    std::string name{};    ///< for messages
};

class FramePrinter {
public:
    explicit FramePrinter(FramePrinterOptions options);

    void print(const SeenFrame& frame, const FramePlace& place);
    /// Something else than a frame went wrong.
    void complain(std::string_view text);
    /// Writes what there is, and how many messages were left out.
    void finish();

    uint64_t frames() const { return frames_; }

    bool failed() const { return complaints_ > 0; }

    /// Nobody reads any more.
    bool is_done() const { return done_; }

private:
    const FramePrinterOptions options_;
    Output output_;
    uint64_t frames_ = 0;
    uint64_t complaints_ = 0;
    bool done_ = false;
};

} // namespace ottla::cli
