// Any record set from any bytes: batches, messages and wrappers of every version, with every codec. Checksums are not
// looked at, or nothing else ever would be. The first byte says how much a batch may grow when it is decompressed.
#include <cstdlib>

#include "record/record_set.hpp"

using namespace ottla;

namespace {

volatile uint8_t sink;

void touch(Bytes bytes) {
    for (const uint8_t byte : bytes)
        sink = byte;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 1)
        return 0;
    const size_t limit = size_t{1} << (8 + data[0] % 13);
    const Buffer set = Buffer::copy_of(Bytes(data + 1, size - 1));
    record::BatchWalker walker(set);
    record::BatchDecoder decoder(limit);
    std::vector<RecordView> records;
    record::BatchView batch;
    for (;;) {
        const auto step = walker.next(batch);
        if (!step || *step != record::BatchWalker::Step::batch)
            return 0;
        records.clear();
        Buffer decompressed;
        if (decoder.decode(batch, false, records, decompressed)) {
            if (!records.empty())
                std::abort(); // what cannot be read leaves nothing behind
            continue;
        }
        if (decompressed.size() > limit)
            std::abort();
        for (const RecordView& record : records) {
            touch(record.key());
            touch(record.value());
            for (const Header& header : record.headers()) {
                touch(header.key);
                touch(header.value);
            }
            if (batch.header.is_control())
                (void)record::read_control(record);
        }
    }
}
