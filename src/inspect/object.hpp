// The JSON object that is told of a frame: members in the order of the calls.
#pragma once

#include <iterator>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <ottla/inspect.hpp>

#include "wire/json.hpp"

namespace ottla::inspect {

class Object {
public:
    explicit Object(Sender sender) { text("direction", sender == Sender::client ? "request" : "response"); }

    void number(std::string_view name, int64_t value) { raw(name) += std::to_string(value); }

    void number(std::string_view name, uint64_t value) { raw(name) += std::to_string(value); }

    void text(std::string_view name, std::string_view value) { wire::append_json_text(raw(name), value); }

    /// Where a value is to be appended.
    std::string& raw(std::string_view name) {
        out_ += out_.empty() ? '{' : ',';
        fmt::format_to(std::back_inserter(out_), "\"{}\":", name);
        return out_;
    }

    std::string take() {
        out_ += '}';
        return std::move(out_);
    }

private:
    std::string out_;
};

} // namespace ottla::inspect
