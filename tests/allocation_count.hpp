// Counts calls of operator new in the whole test program, for tests that promise none.
#pragma once

#include <cstdint>

namespace ottla::test {

/// So far, on any thread.
int64_t allocation_count();

} // namespace ottla::test
