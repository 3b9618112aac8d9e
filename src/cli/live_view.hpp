// Lines on stdout that are drawn over by the next ones, if it is a terminal; else they just follow each other.
#pragma once

#include <string>
#include <vector>

namespace ottla::cli {

class LiveView {
public:
    LiveView();

    /// Whether lines are drawn over.
    bool live() const { return live_; }
    /// On a terminal, what does not fit is left out.
    void show(std::vector<std::string> lines);

private:
    const bool live_;
    size_t drawn_ = 0; ///< lines that stand there
};

} // namespace ottla::cli
