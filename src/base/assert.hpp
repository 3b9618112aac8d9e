// Assertions for programming errors, kept in release builds. Input from the network is judged, never asserted.
#pragma once

namespace ottla::detail {
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;
}

#define OTTLA_ASSERT(condition)                                                                                       \
    (static_cast<bool>(condition) ? static_cast<void>(0)                                                              \
                                  : ::ottla::detail::assertion_failed(#condition, __FILE__, __LINE__))
