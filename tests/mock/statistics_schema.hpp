// docs/statistics.schema.json. Where this is included, OTTLA_SOURCE_DIR must be defined.
#pragma once

#include <fstream>

#include <nlohmann/json.hpp>

#include "json_schema.hpp"

namespace ottla::test {

inline const JsonSchema& schema() {
    static const JsonSchema read = [] {
        std::ifstream file(OTTLA_SOURCE_DIR "/docs/statistics.schema.json");
        return JsonSchema(nlohmann::json::parse(file));
    }();
    return read;
}

} // namespace ottla::test
