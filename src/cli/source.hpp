// What `ottla decode` reads: a file or stdin, of which one may look at the beginning first.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <ottla/types.hpp>

namespace ottla::cli {

class Source {
public:
    /// Opens; "-" is stdin. Throws UsageError when it cannot be opened or is a folder.
    explicit Source(const std::string& name);
    ~Source();
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;

    const std::string& name() const { return name_; }

    /// Whether more may come later, as from a pipe.
    bool is_live() const { return live_; }

    /// The first bytes, at least four unless there are fewer. They will be read all the same.
    Bytes peek();

    /// Reads up to the size of `into`; 0 at the end, or when an interrupt came. Throws when it cannot be
    /// read.
    size_t read(std::span<uint8_t> into);

private:
    size_t read_file(std::span<uint8_t> into);

    const std::string name_;
    int fd_ = -1;
    bool live_ = false;
    std::vector<uint8_t> peeked_;
    size_t used_ = 0; ///< of peeked_
};

} // namespace ottla::cli
