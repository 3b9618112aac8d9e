// Which steps the machines of the client took, counted over all runs, beside the table of those that they may
// take: a simulation that never sees a legal step proves nothing about it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace ottla::sim {

class Coverage {
public:
    /// All steps of the process are counted here from now on.
    void listen();

    struct Row {
        std::string machine;
        std::string step; ///< "opening > down"
        uint64_t count = 0;
        bool legal = true;
        std::string exception; ///< why it need not occur; empty: it must
    };

    /// Every legal step, and illegal ones that occurred.
    std::vector<Row> rows() const;
    /// Legal steps that never occurred and should, and illegal ones that did.
    std::vector<std::string> complaints() const;

private:
    std::map<std::tuple<std::string, int, int>, uint64_t> counts_;
};

} // namespace ottla::sim
