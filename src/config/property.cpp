#include "config/property.hpp"

#include <algorithm>

namespace ottla::config {

const std::vector<const Property*>& all_properties() {
    static const std::vector<const Property*> all = [] {
        std::vector<const Property*> out;
        for (const auto rows :
             {cluster_properties(), producer_properties(), consumer_properties(), observation_properties(), security_properties()})
            for (const Property& row : rows)
                out.push_back(&row);
        return out;
    }();
    return all;
}

const Property* find_property(std::string_view name, Level level) {
    const auto& all = all_properties();
    const auto it = std::find_if(all.begin(), all.end(), [&](const Property* row) {
        return row->level == level && !name.empty() && (row->name == name || row->alias == name);
    });
    return it == all.end() ? nullptr : *it;
}

const Property* find_property(std::string_view name) {
    const Property* global = find_property(name, Level::global);
    return global ? global : find_property(name, Level::topic);
}

} // namespace ottla::config
