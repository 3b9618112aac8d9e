#include "table.hpp"

#include <algorithm>

namespace ottla::cli {

std::vector<std::string> Table::lines() const {
    std::vector<std::vector<std::string>> all(1);
    for (const auto& column : columns_)
        all.front().push_back(column.title);
    all.insert(all.end(), rows_.begin(), rows_.end());
    std::vector<size_t> widths(columns_.size());
    for (const auto& row : all)
        for (size_t i = 0; i < widths.size(); ++i)
            widths[i] = std::max(widths[i], row[i].size());
    std::vector<std::string> lines;
    for (const auto& row : all) {
        std::string& line = lines.emplace_back();
        for (size_t i = 0; i < widths.size(); ++i) {
            const std::string space(widths[i] - row[i].size(), ' ');
            line += columns_[i].align == Align::right ? space + row[i] : row[i] + space;
            line += "  ";
        }
        line.erase(line.find_last_not_of(' ') + 1);
    }
    return lines;
}

} // namespace ottla::cli
