// docs/CONFIGURATION.md, made from the table.
#pragma once

#include <string>

namespace ottla::config {

/// The whole page. A test compares it with the one in docs/.
std::string page();

} // namespace ottla::config
