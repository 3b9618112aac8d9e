// The one answer that is given to a version nobody knows (KIP-511).
#pragma once

#include "mock/api/handler.hpp"

namespace ottla::mock::api {

/// unsupported_version in the body of version 0, naming only the range of ApiVersions itself.
Outcome answer_unsupported_version(ClusterCore& cluster, const Call& call);

} // namespace ottla::mock::api
