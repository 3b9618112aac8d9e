// Errors: one enum with Kafka's and librdkafka's numbers, one category, flags that travel inside the code.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <ottla/errc.hpp> // generated: enum class Errc
#include <ottla/export.hpp>

template <>
struct boost::system::is_error_code_enum<ottla::Errc> : std::true_type {};

namespace ottla {

using error_code = boost::system::error_code;

/// What the application may do about an error. At most one is set; none means: treat as fatal for this operation.
enum class ErrorFlag : int {
    none = 0,
    retriable = 1 << 16,           ///< the same call may be made again
    fatal = 2 << 16,               ///< this client is finished
    txn_requires_abort = 4 << 16,  ///< abort the transaction, then begin anew
};

OTTLA_EXPORT const boost::system::error_category& kafka_category() noexcept;

OTTLA_EXPORT error_code make_error_code(Errc code) noexcept;
OTTLA_EXPORT error_code make_error_code(Errc code, ErrorFlag flag) noexcept;

/// The code without flags; Errc::_fail for a code of a foreign category.
OTTLA_EXPORT Errc to_errc(const error_code& ec) noexcept;
OTTLA_EXPORT ErrorFlag flag_of(const error_code& ec) noexcept;

/// Flags do not count: `ec == Errc::_timed_out` is true of a retriable one, too.
inline bool operator==(const error_code& ec, Errc code) noexcept {
    return ec.failed() ? ec.category() == kafka_category() && to_errc(ec) == code : code == Errc::no_error;
}

/// The symbol, e.g. `_TIMED_OUT` or `UNKNOWN_TOPIC_OR_PART`; `ERR_<n>` for a number nobody knows.
OTTLA_EXPORT std::string error_name(Errc code);
/// One sentence for people.
OTTLA_EXPORT std::string error_text(Errc code);
/// Whether a request that failed with this broker code may be sent again as it is (Kafka's protocol table).
OTTLA_EXPORT bool is_retriable(Errc code) noexcept;
/// Whether the cause is stale metadata, to be refreshed before trying again.
OTTLA_EXPORT bool needs_metadata_refresh(Errc code) noexcept;

/// A row of the table of errors. An error that is fatal, or that spoils a transaction, is so only in what the client does
/// at the time: the flags of an error_code say so, these words say when.
struct ErrorInfo {
    Errc code = Errc::no_error;
    std::string_view name;
    std::string_view text;
    bool retriable = false;
    bool refresh_metadata = false;
    std::string_view fatal_when{}; ///< empty: never
    std::string_view abort_when{}; ///< when only aborting the transaction helps; empty: never
};

/// Every code there is, by number.
OTTLA_EXPORT std::span<const ErrorInfo> error_table() noexcept;

/// A code with the text that names the thing: which broker, topic, field.
struct Error {
    error_code code;
    std::string detail;

    Error() = default;
    Error(error_code ec, std::string text = {}) : code(ec), detail(std::move(text)) {}
    Error(Errc errc, std::string text = {}) : code(make_error_code(errc)), detail(std::move(text)) {}

    explicit operator bool() const { return code.failed(); }
    Errc errc() const { return to_errc(code); }
    /// `detail` if there is any, else the text of the code.
    std::string message() const { return detail.empty() ? error_text(errc()) : detail; }
};

/// The public face of an error, as confluent_kafka has it.
class OTTLA_EXPORT KafkaError {
public:
    KafkaError() = default;
    KafkaError(Error error) : error_(std::move(error)) {}
    KafkaError(Errc code, std::string reason = {}, ErrorFlag flag = ErrorFlag::none)
        : error_(make_error_code(code, flag), std::move(reason)) {}

    Errc code() const { return error_.errc(); }
    std::string name() const { return error_name(code()); }
    std::string str() const { return error_.message(); }
    bool fatal() const { return flag_of(error_.code) == ErrorFlag::fatal; }
    bool retriable() const { return flag_of(error_.code) == ErrorFlag::retriable; }
    bool txn_requires_abort() const { return flag_of(error_.code) == ErrorFlag::txn_requires_abort; }
    const error_code& ec() const { return error_.code; }
    explicit operator bool() const { return static_cast<bool>(error_); }
    /// `KafkaError{[FATAL,]code=NAME,val=N,str="text"}`
    std::string to_string() const;

    // By code alone, also with a plain number.
    friend bool operator==(const KafkaError& a, const KafkaError& b) { return a.code() == b.code(); }
    friend bool operator==(const KafkaError& a, int b) { return static_cast<int>(a.code()) == b; }
    friend std::strong_ordering operator<=>(const KafkaError& a, const KafkaError& b) { return a <=> static_cast<int>(b.code()); }
    friend std::strong_ordering operator<=>(const KafkaError& a, int b) { return static_cast<int>(a.code()) <=> b; }

private:
    Error error_;
};

/// Thrown by the blocking calls that have no `error_code&`.
class OTTLA_EXPORT KafkaException : public std::runtime_error {
public:
    explicit KafkaException(Error error);
    const KafkaError& error() const { return error_; }

private:
    KafkaError error_;
};

template <class T>
using Result = boost::system::result<T, Error>;

[[noreturn]] BOOST_NORETURN OTTLA_EXPORT void throw_exception_from_error(const Error& error, const boost::source_location&);

} // namespace ottla

template <>
struct std::hash<ottla::KafkaError> {
    size_t operator()(const ottla::KafkaError& error) const noexcept { return static_cast<size_t>(error.code()); }
};
