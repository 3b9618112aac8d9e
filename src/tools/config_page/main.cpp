// Prints docs/CONFIGURATION.md: config_page > docs/CONFIGURATION.md
#include <cstdio>

#include "config/page.hpp"

int main() {
    const std::string page = ottla::config::page();
    return std::fwrite(page.data(), 1, page.size(), stdout) == page.size() ? 0 : 1;
}
