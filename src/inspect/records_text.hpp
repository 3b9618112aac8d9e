// Record sets as JSON: how many there are, or batch by batch and record by record.
#pragma once

#include <string>
#include <utility>

#include <ottla/types.hpp>

#include "record/record_set.hpp"

namespace ottla::inspect {

class RecordsText {
public:
    explicit RecordsText(bool expand)
        : expand_(expand) {}

    /// Appends an object for a set.
    void append(std::string& out, Bytes set);

    /// What was wrong with the sets since the last call: the first of it. Empty: nothing.
    std::string take_problem() { return std::exchange(problem_, {}); }

private:
    void count(std::string& out, Bytes set);
    void expand(std::string& out, Bytes set);
    void append_batch(std::string& out, const record::BatchView& batch);
    void append_records(std::string& out, const record::BatchView& batch);
    void append_error(std::string& out, const std::string& text);

    const bool expand_;
    record::BatchDecoder decoder_{size_t{64} << 20};
    std::vector<RecordView> records_;
    std::string problem_;
};

} // namespace ottla::inspect
