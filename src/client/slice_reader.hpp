// Iterates a fetched slice on the consuming thread: checks, decompresses, drops what is not for the
// application: control batches, aborted transactions (KIP-98), records below the position. Hot path: nothing
// is allocated per record.
#pragma once

#include <cstdint>
#include <vector>

#include <ottla/buffer.hpp>
#include <ottla/error.hpp>
#include <ottla/record.hpp>
#include <ottla/records.hpp>

#include "core/fetch/fetch_sink.hpp"
#include "base/memory_budget.hpp"
#include "record/record_set.hpp"

namespace ottla::client {

/// What readers of one consumer share, so that memory is used again. From one thread at a time.
struct DecodeContext {
    bool check_crcs = true;
    std::shared_ptr<MemoryBudget> budget{}; ///< null: memory is not counted
    record::BatchDecoder decoder{};
    std::vector<RecordView> spare{};
};

class SliceReader {
public:
    /// Begins with `slice`; only when not active.
    void begin(core::FetchedSlice slice, DecodeContext& context);

    bool active() const { return active_; }

    /// Lets slice and bytes go.
    void end(DecodeContext& context);

    enum class Step {
        records, ///< there are some
        end,     ///< the slice is used up
        no_room, ///< the memory budget is spent: once some is given back there may be more
        bad,     ///< see error(); nothing can be read beyond
    };

    /// The next record, valid as long as `bytes()`; `step` tells why when there is none.
    const RecordView* next(DecodeContext& context, Step& step) {
        if (at_ == views_.size() && (step = next_batch(context)) != Step::records)
            return nullptr;
        const RecordView* view = &views_[at_++];
        position_ = view->offset() + 1;
        return view;
    }

    /// What the record last returned points into.
    const Buffer& bytes() const { return decompressed_.empty() ? slice_.records : decompressed_; }

    /// What the messages in `bytes()` share; null until it is set for these.
    const std::shared_ptr<const detail::MessageOrigin>& origin() const { return origin_; }
    void set_origin(std::shared_ptr<const detail::MessageOrigin> origin) { origin_ = std::move(origin); }

    /// Appends all records of the next batch (or what `next` has left of one); `decompressed` gets the bytes
    /// they point into when those are not the slice's own.
    Step take_batch(DecodeContext& context, std::vector<RecordView>& into, std::vector<Buffer>& decompressed);

    const Buffer& slice_bytes() const { return slice_.records; }

    const Error& error() const { return error_; }

    /// The next offset to hand out.
    int64_t position() const { return position_; }

    /// As counted when the slice came in.
    int64_t messages() const { return slice_.messages; }

    int64_t size_bytes() const { return static_cast<int64_t>(slice_.records.size()); }

private:
    Step next_batch(DecodeContext& context);
    void drop_decompressed();
    Step decode_next(DecodeContext& context, std::vector<RecordView>& into, Buffer& decompressed);
    /// What is wrong with `batch`, and where reading can go on.
    Step refuse(const record::BatchView& batch, const Error& why);
    static bool admit(const record::BatchView& batch, DecodeContext& context);
    bool is_aborted(const record::BatchHeader& header);
    void end_transaction(const record::BatchView& batch, DecodeContext& context);

    bool active_ = false;
    core::FetchedSlice slice_{};
    record::BatchWalker walker_{Bytes()};
    int64_t position_ = 0;
    int64_t batch_end_ = 0; ///< of the batch at hand: where reading goes on once `views_` are used up
    std::vector<RecordView> views_; ///< of the batch at hand, for `next`
    size_t at_ = 0;
    Buffer decompressed_;
    std::shared_ptr<const detail::MessageOrigin> origin_{};
    size_t next_aborted_ = 0;                  ///< in slice_.aborted
    std::vector<int64_t> aborted_producers_{}; ///< whose aborted transaction is open here
    Error error_{};
};

} // namespace ottla::client
