#include "live_view.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include "common.hpp"

namespace ottla::cli {
namespace {

/// Cuts behind so many characters of UTF-8; other bytes count as one each.
void cut(std::string& line, size_t columns) {
    for (size_t at = 0, seen = 0; at < line.size(); ++at)
        if ((static_cast<unsigned char>(line[at]) & 0xc0) != 0x80 && seen++ == columns) {
            line.resize(at);
            return;
        }
}

} // namespace

LiveView::LiveView() : live_(isatty(STDOUT_FILENO)) {}

void LiveView::show(std::vector<std::string> lines) {
    if (live_) {
        winsize size{};
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 && size.ws_col > 0) {
            if (lines.size() >= size.ws_row) { // the last line of the terminal is where the cursor stands
                lines.resize(size_t{size.ws_row} - 2);
                lines.emplace_back("...");
            }
            for (auto& line : lines)
                cut(line, size.ws_col);
        }
        if (drawn_)
            say("\033[{}A", drawn_);
        put("\r\033[J");
    }
    for (const auto& line : lines)
        say("{}\n", line);
    flush_stdout();
    drawn_ = lines.size();
}

} // namespace ottla::cli
