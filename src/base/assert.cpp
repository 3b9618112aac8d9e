#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

void ottla::detail::assertion_failed(const char* condition, const char* file, int line) noexcept {
    std::fprintf(stderr, "ottla: broken invariant: %s (%s:%d)\n", condition, file, line);
    std::abort();
}
