// The error category and the table behind it. The rows are generated from protocol/errors.csv.
#include <ottla/error.hpp>

#include <algorithm>
#include <fmt/format.h>
#include <iterator>

namespace ottla {
namespace {

// Sorted by code.
constexpr ErrorInfo rows[] = {
#include <ottla/errc_table.inc>
};

constexpr int code_mask = 0xffff;
constexpr int flag_mask = 0x70000;

const ErrorInfo* find(int code) noexcept {
    const auto* row = std::lower_bound(
        std::begin(rows), std::end(rows), code, [](const ErrorInfo& r, int c) { return static_cast<int>(r.code) < c; });
    return row != std::end(rows) && static_cast<int>(row->code) == code ? row : nullptr;
}

int plain(int value) noexcept { return static_cast<int16_t>(value & code_mask); }

struct Category final : boost::system::error_category {
    const char* name() const noexcept override { return "kafka"; }
    std::string message(int value) const override { return error_text(static_cast<Errc>(plain(value))); }
    boost::system::error_condition default_error_condition(int value) const noexcept override {
        return {plain(value), *this};
    }
    bool failed(int value) const noexcept override { return plain(value) != 0; }
};

} // namespace

const boost::system::error_category& kafka_category() noexcept {
    static const Category category;
    return category;
}

error_code make_error_code(Errc code) noexcept { return make_error_code(code, ErrorFlag::none); }

error_code make_error_code(Errc code, ErrorFlag flag) noexcept {
    return {(static_cast<int>(code) & code_mask) | static_cast<int>(flag), kafka_category()};
}

Errc to_errc(const error_code& ec) noexcept {
    if (!ec.failed())
        return Errc::no_error;
    return ec.category() == kafka_category() ? static_cast<Errc>(plain(ec.value())) : Errc::_fail;
}

ErrorFlag flag_of(const error_code& ec) noexcept {
    return ec.category() == kafka_category() ? static_cast<ErrorFlag>(ec.value() & flag_mask) : ErrorFlag::none;
}

std::string error_name(Errc code) {
    const auto* row = find(static_cast<int>(code));
    return row ? std::string(row->name) : fmt::format("ERR_{}", static_cast<int>(code));
}

std::string error_text(Errc code) {
    const auto* row = find(static_cast<int>(code));
    return row ? std::string(row->text) : fmt::format("error code {}, unknown to this client", static_cast<int>(code));
}

std::span<const ErrorInfo> error_table() noexcept { return rows; }

bool is_retriable(Errc code) noexcept {
    const auto* row = find(static_cast<int>(code));
    return row && row->retriable;
}

bool needs_metadata_refresh(Errc code) noexcept {
    const auto* row = find(static_cast<int>(code));
    return row && row->refresh_metadata;
}

std::string KafkaError::to_string() const {
    return fmt::format(
        "KafkaError{{{}code={},val={},str=\"{}\"}}", fatal() ? "FATAL," : "", name(), static_cast<int>(code()), str());
}

KafkaException::KafkaException(Error error)
    : std::runtime_error(error_name(error.errc()) + ": " + error.message()), error_(std::move(error)) {}

void throw_exception_from_error(const Error& error, const boost::source_location&) { throw KafkaException(error); }

} // namespace ottla
