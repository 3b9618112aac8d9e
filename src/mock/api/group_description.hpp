// What is told of every group, whatever protocol it speaks.
#pragma once

#include <cstdint>

namespace ottla::mock::api {

/// Everything that can be done with a group, one bit each (READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS).
inline constexpr int32_t all_group_operations = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;
/// Where members come from, as brokers write addresses. Nobody else is there.
inline constexpr const char* client_host = "/127.0.0.1";

} // namespace ottla::mock::api
