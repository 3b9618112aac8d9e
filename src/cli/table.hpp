// Columns of text, as wide as what is in them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ottla::cli {

class Table {
public:
    enum class Align : uint8_t { left, right };
    struct Column {
        std::string title;
        Align align = Align::left;
    };

    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    /// One cell for each column.
    void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

    /// The titles, then the rows. No spaces at the ends.
    std::vector<std::string> lines() const;

private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

} // namespace ottla::cli
