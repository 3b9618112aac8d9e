// How a topic is shown, as text and as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <ottla/admin.hpp>

#include "common.hpp"

namespace ottla::cli {

nlohmann::json to_json(const TopicDescription& topic);
/// On one line; bytes that are not UTF-8 are replaced.
std::string dump(const nlohmann::json& json);
void print_topic(const TopicDescription& topic);
/// Of a topic that was asked for by name: an error of it is one of the command, told on stderr unless the output has `shown`
/// it.
void note_failure(const TopicDescription& topic, bool shown);

} // namespace ottla::cli
