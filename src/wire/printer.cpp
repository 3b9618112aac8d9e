// The printer: interprets the tables to write Kafka's JSON form of a message. For people, tools and tests.
#include <bit>
#include <charconv>
#include <fmt/format.h>
#include <iterator>

#include "wire/codec.hpp"
#include "wire/json.hpp"
#include "wire/members.hpp"

namespace ottla::wire {
namespace {

class Printer {
public:
    Printer(int16_t version, const RecordsPrinter& print_records)
        : version_(version)
        , print_records_(print_records) {}

    void put_struct(const void* object, const StructInfo& info) {
        out_ += '{';
        bool first = true;
        for (const Field& field : info.fields) {
            void* member = member_of(object, field);
            if (!field.present(version_) || (field.facts.tag >= 0 && is_default(member, field)))
                continue;
            if (!first)
                out_ += ',';
            first = false;
            fmt::format_to(std::back_inserter(out_), "\"{}\":", field.name);
            put_field(member, field);
        }
        out_ += '}';
    }

    std::string take() { return std::move(out_); }

private:
    void put_field(void* member, const Field& field) {
        if (is_null(member, field)) {
            out_ += "null";
        } else if (field.kind == Kind::structure) {
            const Elements elements = view_of(member, field);
            const StructInfo& info = *field.facts.structure;
            put_list(field, elements.count, [&](size_t i) {
                put_struct(static_cast<char*>(elements.data) + i * info.size, info);
            });
        } else {
            with_type(field.kind, [&]<class T>(T*) {
                if (!field.is_array) {
                    put_value(*value_of<T>(member, field.is_optional && !std::is_same_v<T, Records>));
                } else if constexpr (!std::is_same_v<T, Records>) {
                    const auto& values = *value_of<std::vector<T>>(member, field.is_optional);
                    put_list(field, values.size(), [&](size_t i) { put_value<T>(values[i]); });
                }
            });
        }
    }

    template <class F>
    void put_list(const Field& field, size_t count, F put_one) {
        if (!field.is_array)
            return put_one(0);
        out_ += '[';
        for (size_t i = 0; i < count; ++i) {
            if (i)
                out_ += ',';
            put_one(i);
        }
        out_ += ']';
    }

    template <class T>
    void put_value(const T& value) {
        if constexpr (std::is_same_v<T, bool>)
            out_ += value ? "true" : "false";
        else if constexpr (std::is_same_v<T, double>)
            put_double(value);
        else if constexpr (std::is_integral_v<T>)
            fmt::format_to(std::back_inserter(out_), "{}", static_cast<int64_t>(value));
        else if constexpr (std::is_same_v<T, Uuid>)
            out_ += '"' + value.to_string() + '"';
        else if constexpr (std::is_same_v<T, std::string>)
            append_json_text(out_, value);
        else if constexpr (std::is_same_v<T, Records>)
            put_records(value);
        else
            append_json_base64(out_, Bytes(value));
    }

    void put_records(const Records& records) {
        if (print_records_)
            print_records_(out_, records);
        else
            append_json_base64(out_, Pieces(records.pieces).flatten());
    }

    // Shortest text that reads back the same; with a point or exponent, so that it stays a floating-point
    // number. JSON has no infinity and no NaN: null.
    void put_double(double value) {
        const uint64_t exponent = std::bit_cast<uint64_t>(value) >> 52 & 0x7ff;
        if (exponent == 0x7ff) {
            out_ += "null";
            return;
        }
        char text[40];
        const auto end = std::to_chars(text, text + sizeof text, value).ptr;
        const std::string_view number(text, static_cast<size_t>(end - text));
        out_ += number;
        if (number.find_first_of(".e") == number.npos)
            out_ += ".0";
    }

    const int16_t version_;
    const RecordsPrinter& print_records_;
    std::string out_;
};

} // namespace

std::string to_json(
    const MessageInfo& info, const void* message, int16_t version, const RecordsPrinter& print_records
) {
    Printer printer(version, print_records);
    printer.put_struct(message, *info.structure);
    return printer.take();
}

} // namespace ottla::wire
