// What `ottla produce` reads: a file or stdin, cut at a delimiter or whole.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

namespace ottla::cli {

class Input {
public:
    /// Opens; "-" is stdin. While nothing comes (from a pipe, from a terminal), `idle` is called now and
    /// then; reading ends when it returns false. Throws what names the file.
    Input(const std::string& name, std::function<bool()> idle);
    ~Input();
    Input(const Input&) = delete;
    Input& operator=(const Input&) = delete;

    /// Calls `piece(string_view)` for each piece between delimiters, until the end or until it returns false.
    /// The last one need not be followed by a delimiter; an empty rest is no piece. Nothing is copied but
    /// what straddles two reads.
    template <class F>
    void split(std::string_view delimiter, F&& piece);

    /// Everything; false if `idle` ended the reading before.
    bool read_all(std::string& into);

private:
    enum class Read { some, end, stopped };

    /// Appends what comes to the first `filled_` bytes of the buffer.
    Read read();

    const std::string name_;
    const std::function<bool()> idle_;
    int fd_ = -1;
    std::string buffer_;
    size_t filled_ = 0;
};

template <class F>
void Input::split(std::string_view delimiter, F&& piece) {
    for (;;) {
        const size_t known = filled_;
        const Read got = read();
        if (got == Read::stopped)
            return;
        const std::string_view all(buffer_.data(), filled_);
        const size_t from = known < delimiter.size() ? 0 : known - delimiter.size() + 1;
        size_t begin = 0;
        for (size_t at = all.find(delimiter, from); at != all.npos; at = all.find(delimiter, begin)) {
            if (!piece(all.substr(begin, at - begin)))
                return;
            begin = at + delimiter.size();
        }
        if (got == Read::end) {
            if (begin < filled_)
                piece(all.substr(begin));
            return;
        }
        filled_ -= begin;
        std::memmove(buffer_.data(), buffer_.data() + begin, filled_);
    }
}

} // namespace ottla::cli
