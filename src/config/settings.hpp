// The value of every property while a configuration is being judged, with where it comes from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/value.hpp"

namespace ottla::config {

class Settings {
public:
    struct Entry {
        const Property* property;
        Value value;
        ValueSource source = ValueSource::preset;
        std::string spelled{}; ///< the name that the application used
    };

    /// Everything at its default.
    Settings();

    const std::vector<Entry>& entries() const { return entries_; }

    /// Sets, or with nothing goes back to the default.
    Error give(const std::string& name, const std::optional<std::string>& text);
    void take_profile(const ProfileValue& value);
    /// Changes what is not given, to go with what is.
    void adjust(std::string_view name, int64_t number);

    // --- by name; there must be such a property, and the global one is meant where both levels have it
    bool is_given(std::string_view name) const { return find(name).source == ValueSource::given; }
    bool is_true(std::string_view name) const { return number(name) != 0; }
    int64_t number(std::string_view name) const { return find(name).value.number; }
    double real(std::string_view name) const { return find(name).value.real; }
    const std::string& text(std::string_view name) const { return find(name).value.text; }
    /// The name as the application spelled it, else as here.
    std::string_view spell(std::string_view name) const;

    /// Into the fields that the rows point to.
    void fill(ClientConfig& config) const;

private:
    const Entry& find(std::string_view name) const;
    Entry& find(std::string_view name) { return const_cast<Entry&>(std::as_const(*this).find(name)); }

    std::vector<Entry> entries_; ///< as all_properties()
};

/// Everything that follows from a configuration: values, and warnings about them.
struct Judged {
    Settings settings;
    std::vector<std::string> warnings;
};
/// Values, profile and cross-checks. Error: _invalid_arg.
Result<Judged> judge(const Config& config, Role role);

/// What a client of this kind has in force, secrets masked.
std::vector<PropertyValue> describe(const Settings& settings, Role role);

/// What must hold between properties; adjusts those that are not given.
Error cross_check(Settings& settings, Role role, std::vector<std::string>& warnings);
Error cross_check_security(Settings& settings);

} // namespace ottla::config
