// Kinds of lines whose feature is not built yet: counted as skipped.
#include "tools/golden/golden.hpp"

namespace ottla::golden {

void check_partitioner(const Json&, Report& report) {
    report.skip();
}

} // namespace ottla::golden
