// JSON Schema as far as docs/statistics.schema.json uses it: type, properties, required, additionalProperties, enum, minimum,
// $ref into $defs. Any other word in a schema is an error, so that nothing goes unchecked.
#pragma once

#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace ottla::test {

class JsonSchema {
public:
    explicit JsonSchema(nlohmann::json schema) : root_(std::move(schema)) {}

    /// What is wrong with `value`, a line each; empty: nothing.
    std::vector<std::string> problems(const nlohmann::json& value) const {
        std::vector<std::string> found;
        check(root_, value, "", found);
        return found;
    }

private:
    using Json = nlohmann::json;

    static bool is_of(const Json& value, const std::string& type) {
        if (type == "object")
            return value.is_object();
        if (type == "integer")
            return value.is_number_integer();
        if (type == "string")
            return value.is_string();
        if (type == "boolean")
            return value.is_boolean();
        throw std::runtime_error("type " + type);
    }

    void check(const Json& schema, const Json& value, const std::string& at, std::vector<std::string>& found) const {
        static const std::set<std::string> known = {
            "$schema", "$id", "$defs", "$ref", "title", "description", "type", "properties", "required", "additionalProperties", "enum",
            "minimum"};
        for (const auto& [word, content] : schema.items())
            if (!known.contains(word))
                throw std::runtime_error("the validator does not know " + word);
        if (const auto ref = schema.find("$ref"); ref != schema.end()) {
            check(root_.at(Json::json_pointer(ref->get<std::string>().substr(1))), value, at, found);
            return;
        }
        if (!is_of(value, schema.at("type"))) {
            found.push_back(at + ": not of type " + schema.at("type").get<std::string>());
            return;
        }
        if (const auto allowed = schema.find("enum"); allowed != schema.end())
            if (std::find(allowed->begin(), allowed->end(), value) == allowed->end())
                found.push_back(at + ": " + value.dump() + " is none of those allowed");
        if (const auto least = schema.find("minimum"); least != schema.end() && value < *least)
            found.push_back(at + ": " + value.dump() + " is below " + least->dump());
        if (value.is_object())
            check_members(schema, value, at, found);
    }

    void check_members(const Json& schema, const Json& value, const std::string& at, std::vector<std::string>& found) const {
        for (const auto& name : schema.value("required", Json::array()))
            if (!value.contains(name.get<std::string>()))
                found.push_back(at + ": lacks " + name.get<std::string>());
        const Json properties = schema.value("properties", Json::object());
        const Json others = schema.value("additionalProperties", Json(true));
        for (const auto& [name, member] : value.items()) {
            const std::string path = at + "/" + name;
            if (const auto property = properties.find(name); property != properties.end())
                check(*property, member, path, found);
            else if (others.is_object())
                check(others, member, path, found);
            else if (others == false)
                found.push_back(path + ": not in the schema");
        }
    }

    const Json root_;
};

} // namespace ottla::test
