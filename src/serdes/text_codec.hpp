// Between UTF-8 and other codecs by iconv(3). A descriptor is made once a thread, codec and direction.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace ottla::detail {

class TextCodec {
public:
    /// Null for UTF-8 itself, which needs none. Throws KafkaException(_invalid_arg) for a name that iconv does not know.
    static std::shared_ptr<const TextCodec> find(std::string_view name);

    static constexpr size_t npos = std::string_view::npos;
    /// Appends all of `in` to `out`. The result is npos, or how many bytes of `in` were good when it could not go on.
    size_t from_utf8(std::string_view in, std::string& out) const;
    size_t to_utf8(std::string_view in, std::string& out) const;
    const std::string& name() const { return name_; }

private:
    struct Direction {
        std::string to;
        std::string from;
    };
    TextCodec(std::string name, const std::string& iconv_name, size_t mark_size = 0);
    static size_t convert(const Direction& direction, std::string_view in, std::string& out);

    const std::string name_; ///< as the application gave it
    const Direction from_;
    const Direction to_;
    const Direction to_swapped_; ///< of texts that begin with the mark of the other byte order
    /// Of the byte order mark that texts begin with, 0: none. The C library's own codecs with one do not forget the order of the
    /// text before, so here are only those without.
    const size_t mark_size_;
};

} // namespace ottla::detail
