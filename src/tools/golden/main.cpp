// golden FILE...: checks files of golden lines (.jsonl or .jsonl.gz). Exit status: 0 all passed or skipped, 1
// something failed, 2 a file cannot be read.
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <zlib.h>

#include "tools/golden/golden.hpp"

namespace ottla::golden {
namespace {

void check_hostile(const Json& line, Report& report) {
    const std::string target = line.at("target").get<std::string>();
    if (target == "message")
        check_hostile_message(line, report);
    else if (target == "frame")
        check_hostile_frame(line, report);
    else if (target == "records")
        check_hostile_records(line, report);
    else if (target == "consumer-protocol")
        check_hostile_consumer_protocol(line, report);
    else
        report.skip(); // scram
}

// A line tells its kind by the names in it.
void check_line(const std::string& text, Report& report) {
    const Json line = Json::parse(text);
    if (line.contains("target"))
        check_hostile(line, report);
    else if (line.contains("json"))
        check_message(line, text, report);
    else if (line.contains("bodyOffset"))
        check_frame(line, report);
    else if (line.contains("requestHeader"))
        check_header_versions(line, report);
    else if (line.contains("group"))
        check_records(line, report);
    else if (line.contains("murmur2"))
        check_partitioner(line, report);
    else if (line.contains("decoded"))
        check_consumer_protocol(line, report);
    else if (line.contains("assignor"))
        check_assignor(line, report);
    else if (line.contains("mechanism"))
        report.skip();
    else
        report.fail("a line of no known kind");
}

bool check_file(const char* path, Report& report) {
    const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(
        gzopen(path, "rb"), gzclose
    ); // reads plain files, too
    if (!file)
        return false;
    std::string text;
    size_t number = 0;
    const auto finish_line = [&] {
        report.at(path, ++number);
        try {
            check_line(text, report);
        } catch (const std::exception& error) {
            report.fail(error.what());
        }
        text.clear();
    };
    char chunk[1 << 16];
    while (gzgets(file.get(), chunk, sizeof chunk)) {
        text += chunk;
        if (text.ends_with('\n'))
            finish_line();
    }
    if (!text.empty())
        finish_line();
    int problem = Z_OK;
    gzerror(file.get(), &problem);
    return problem == Z_OK;
}

} // namespace
} // namespace ottla::golden

int main(int count, char** arguments) {
    if (count < 2) {
        fmt::print(stderr, "usage: golden FILE...\n");
        return 2;
    }
    ottla::golden::Report report;
    for (int i = 1; i < count; ++i) {
        if (!ottla::golden::check_file(arguments[i], report)) {
            fmt::print(stderr, "golden: cannot read {}\n", arguments[i]);
            return 2;
        }
    }
    const auto& tally = report.tally();
    fmt::print("{} passed, {} failed, {} skipped\n", tally.passed, tally.failed, tally.skipped);
    return tally.failed ? 1 : 0;
}
