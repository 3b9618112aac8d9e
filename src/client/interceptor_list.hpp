// Calls interceptors of one kind in turn and keeps their exceptions from everyone else.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "client/client_events.hpp"

namespace ottla::client {

template <class Interceptor>
class InterceptorList {
public:
    InterceptorList(std::vector<std::shared_ptr<Interceptor>> all, ClientEvents& events)
        : all_(without_null(std::move(all)))
        , events_(events) {}

    bool none() const { return all_.empty(); }

    /// `what`: the function, for the log. Any thread.
    template <class F>
    void each(std::string_view what, F&& f) {
        for (const auto& interceptor : all_) {
            try {
                f(*interceptor);
            } catch (const std::exception& e) {
                complain(what, e.what());
            } catch (...) {
                complain(what, "no std::exception");
            }
        }
    }

    /// The second call and later ones do nothing.
    void close() {
        if (!closed_.exchange(true))
            each("on_close", [](Interceptor& interceptor) { interceptor.on_close(); });
    }

private:
    static constexpr std::chrono::nanoseconds between_complaints = std::chrono::seconds(1);

    static std::vector<std::shared_ptr<Interceptor>> without_null(std::vector<std::shared_ptr<Interceptor>> all) {
        std::erase(all, nullptr);
        return all;
    }

    void complain(std::string_view what, std::string_view why) {
        const int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
        int64_t due = next_complaint_.load(std::memory_order_relaxed);
        if (now < due || !next_complaint_.compare_exchange_strong(due, now + between_complaints.count())) {
            untold_.fetch_add(1, std::memory_order_relaxed);
            return;
        }
        const int64_t untold = untold_.exchange(0, std::memory_order_relaxed);
        events_.on_log(
            4, "INTERCEPT", fmt::format("{} of an interceptor threw: {} ({} more since the last such line)", what, why, untold)
        );
    }

    const std::vector<std::shared_ptr<Interceptor>> all_;
    ClientEvents& events_;
    std::atomic<int64_t> next_complaint_{0}; ///< of the steady clock
    std::atomic<int64_t> untold_{0};
    std::atomic<bool> closed_{false};
};

} // namespace ottla::client
