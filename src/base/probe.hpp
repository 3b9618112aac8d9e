// What a simulation sees of the machines and breaks in them: steps from state to state, and planted bugs, which prove that
// it would find a real one. Only tests/sim builds with OTTLA_SIMULATION; everywhere else all of this is nothing.
#pragma once

#include <string_view>

namespace ottla::probe {

#ifdef OTTLA_SIMULATION

/// Set by the simulation before it runs.
inline void (*on_step)(std::string_view machine, int from, int to) = nullptr;
inline std::string_view planted_bug;
/// How often the planted bug has been passed so far: some strike only now and then.
inline unsigned planted_passes = 0;

template <class State>
void step(std::string_view machine, State from, State to) {
    if (on_step)
        on_step(machine, static_cast<int>(from), static_cast<int>(to));
}
inline bool planted(std::string_view bug) { return bug == planted_bug; }
/// True on every `period`th pass.
inline bool planted(std::string_view bug, unsigned period) { return bug == planted_bug && ++planted_passes % period == 0; }

#else

template <class State>
constexpr void step(std::string_view, State, State) {}
constexpr bool planted(std::string_view) { return false; }
constexpr bool planted(std::string_view, unsigned) { return false; }

#endif

} // namespace ottla::probe
