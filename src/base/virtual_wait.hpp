// Calls that block, in a simulation: it lets the world go on where a thread would wait. Only tests/sim builds with
// OTTLA_SIMULATION; everywhere else threads wait, and this is nothing.
#pragma once

#include <functional>

namespace ottla::probe {

#ifdef OTTLA_SIMULATION

/// Set by the simulation for the time of a call that blocks: returns when `done`, or when the call's time is over.
inline std::function<void(const std::function<bool()>& done)> virtual_wait;

/// True: it has been waited for.
template <class Done>
bool waits_virtually(Done done) {
    if (!virtual_wait)
        return false;
    virtual_wait(done);
    return true;
}

#else

template <class Done>
constexpr bool waits_virtually(Done&&) {
    return false;
}

#endif

} // namespace ottla::probe
