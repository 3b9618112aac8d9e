// What the test asked to go wrong: errors instead of work, lost requests and answers, delays, throttling. One
// rule applies to one API on one broker or on all; counted rules are used up in the order they were made.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include <ottla/error.hpp>

namespace ottla::mock {

inline constexpr int32_t every_broker = -1;

class Faults {
public:
    using Milliseconds = std::chrono::milliseconds;

    enum class Kind {
        error,
        late_error, ///< the request is done, then answered so: a leader that lost its place while it waited for followers
        drop_request,
        drop_reply
    };

    struct Fault {
        Kind kind;
        Errc error = Errc::no_error; ///< of Kind::error, Kind::late_error
    };

    /// The next `count` requests of `api_key` meet `fault`.
    void add(int16_t api_key, int32_t broker, int count, Fault fault);
    /// Uses up one use of the oldest rule that applies.
    std::optional<Fault> take(int16_t api_key, int32_t broker);

    void set_delay(int16_t api_key, int32_t broker, Milliseconds wait);
    Milliseconds delay(int16_t api_key, int32_t broker) const;
    void set_throttle(int32_t broker, Milliseconds time);
    Milliseconds throttle(int32_t broker) const;

private:
    struct Rule {
        int16_t api_key;
        int32_t broker;
        int left;
        Fault fault;
    };

    std::vector<Rule> rules_;
    std::map<std::pair<int16_t, int32_t>, Milliseconds> delays_;
    std::map<int32_t, Milliseconds> throttles_;
};

} // namespace ottla::mock
