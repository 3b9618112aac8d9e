// How a topic is shown.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <ottla/admin.hpp>

#include "common.hpp"

namespace ottla::cli {

nlohmann::json to_json(const TopicDescription& topic);
void print_topic(const TopicDescription& topic);

} // namespace ottla::cli
