// Reads a small CSV file of the tree: rows by column name.
#pragma once

#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace ottla::test {

using CsvRow = std::map<std::string, std::string>;

inline std::vector<std::string> csv_cells(const std::string& line) {
    std::vector<std::string> cells(1);
    bool quoted = false;
    for (size_t i = 0; i < line.size(); ++i) {
        if (quoted && line[i] == '"' && i + 1 < line.size() && line[i + 1] == '"')
            cells.back() += line[++i];
        else if (line[i] == '"')
            quoted = !quoted;
        else if (line[i] == ',' && !quoted)
            cells.emplace_back();
        else
            cells.back() += line[i];
    }
    return cells;
}

inline std::vector<CsvRow> read_csv(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    if (!std::getline(file, line))
        throw std::runtime_error("cannot read " + path);
    const std::vector<std::string> names = csv_cells(line);
    std::vector<CsvRow> rows;
    while (std::getline(file, line)) {
        const std::vector<std::string> cells = csv_cells(line);
        if (cells.size() != names.size())
            throw std::runtime_error(path + ": wrong number of cells: " + line);
        CsvRow& row = rows.emplace_back();
        for (size_t i = 0; i < names.size(); ++i)
            row[names[i]] = cells[i];
    }
    return rows;
}

} // namespace ottla::test
