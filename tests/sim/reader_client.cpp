#include "sim/reader_client.hpp"

namespace ottla::sim {
namespace {

constexpr uint32_t own_lane = 1;

} // namespace

ReaderClient::ReaderClient(World& world, config::ClientConfig config, uint64_t seed)
    : world_(world)
    , config_(std::move(config))
    , loop_(world.queue)
    , cluster_(loop_.scheduler(), world.network.links_of(loop_), config_, *this, seed)
    , fetcher_(
          cluster_.caller(),
          cluster_.metadata(),
          *this,
          config_,
          own_lane,
          seed + 2,
          core::Log(*this, config_.debug)
      ) {
    loop_.scheduler().add(fetcher_);
    loop_.notify();
}

void ReaderClient::read(
    const std::string& topic, int32_t partition, int64_t offset, const Ledger::Log& expected
) {
    const core::StreamId stream = next_stream_++;
    readings_[stream] = {.topic = topic, .partition = partition, .expected = &expected};
    ++open_;
    fetcher_.add({.where = {topic, partition}, .stream = stream, .offset = offset}, world_.now());
    loop_.notify();
}

void ReaderClient::deliver(core::FetchEvent event) {
    const auto found = readings_.find(event.stream);
    if (found == readings_.end() || closed_)
        return;
    Reading& reading = found->second;
    if (auto* slice = std::get_if<core::FetchedSlice>(&event.what))
        on_slice(event.stream, reading, std::move(*slice));
    else if (const auto* failure = std::get_if<core::PartitionFailure>(&event.what))
        on_failure(event.stream, reading, *failure);
    else if (pass_unseen(reading); reading.next < static_cast<int64_t>(reading.expected->size()))
        world_.violate(
            "{}[{}]: told of the end at offset {} with {} read of {}",
            reading.topic,
            reading.partition,
            std::get<core::EndOfPartition>(event.what).offset,
            reading.next,
            reading.expected->size()
        );
    else
        judge_end(reading);
}

void ReaderClient::on_slice(core::StreamId stream, Reading& reading, core::FetchedSlice slice) {
    world_.note("read {}[{}] {}..{}", reading.topic, reading.partition, slice.from, slice.next);
    const core::Credit credit{stream, slice.messages, static_cast<int64_t>(slice.records.size())};
    slice_reader_.begin(std::move(slice), decode_);
    auto step = client::SliceReader::Step::records;
    while (const RecordView* record = slice_reader_.next(decode_, step)) {
        pass_unseen(reading);
        const auto at = static_cast<size_t>(reading.next);
        if (record->offset() != reading.next || at >= reading.expected->size() ||
            record->value().text() != (*reading.expected)[at]) {
            world_.violate(
                "{}[{}]: read offset {} ({}) where {} ({}) comes next",
                reading.topic,
                reading.partition,
                record->offset(),
                record->value().text().substr(0, 6),
                reading.next,
                at < reading.expected->size() ? (*reading.expected)[at].substr(0, 6) : "the end"
            );
            break;
        }
        ++reading.next;
    }
    if (step == client::SliceReader::Step::bad)
        world_.violate("{}[{}]: {}", reading.topic, reading.partition, slice_reader_.error().message());
    slice_reader_.end(decode_);
    // The application takes its time to use it up.
    world_.queue.after(world_.within(3ms), [this, credit] {
        credits_.push_back(credit);
        if (std::exchange(wake_on_credit_, false)) {
            fetcher_.wake();
            loop_.notify();
        }
    });
}

void ReaderClient::pass_unseen(Reading& reading) {
    while (reading.next < static_cast<int64_t>(reading.expected->size()) && (*reading.expected)[static_cast<size_t>(reading.next)].empty())
        ++reading.next;
}

void ReaderClient::judge_end(Reading& reading) {
    if (!std::exchange(reading.done, true))
        --open_;
}

void ReaderClient::on_failure(
    core::StreamId stream, Reading& reading, const core::PartitionFailure& failure
) {
    if (failure.error.errc() == Errc::_auto_offset_reset &&
        config_.auto_offset_reset == config::OffsetReset::error) {
        world_.note("reader: {}", failure.error.message());
        world_.queue.at(world_.now(), [this, stream] { seek_to_beginning(stream); });
        return;
    }
    // Nothing that is injected into a reader's requests lasts.
    world_.violate(
        "{}[{}] at {}: {}", reading.topic, reading.partition, failure.offset, failure.error.message()
    );
}

/// What an application does that wants to decide for itself where to go on.
void ReaderClient::seek_to_beginning(core::StreamId stream) {
    auto node = readings_.extract(stream);
    fetcher_.remove(stream);
    node.key() = next_stream_++;
    fetcher_.add(
        {.where = {node.mapped().topic, node.mapped().partition},
         .stream = node.key(),
         .offset = offset_beginning},
        world_.now()
    );
    readings_.insert(std::move(node));
    loop_.notify();
}

void ReaderClient::on_watermarks(core::StreamId stream, int64_t low, int64_t high) {
    const auto found = readings_.find(stream);
    if (found != readings_.end() && (low > 0 || high > static_cast<int64_t>(found->second.expected->size())))
        world_.violate(
            "{}[{}]: watermarks {} and {}", found->second.topic, found->second.partition, low, high
        );
}

void ReaderClient::take_credits(std::vector<core::Credit>& into, Wake wake) {
    into.insert(into.end(), credits_.begin(), credits_.end());
    if (credits_.empty() && wake == Wake::on_next_credit)
        wake_on_credit_ = true;
    credits_.clear();
}

std::string ReaderClient::unfinished() const {
    std::string text;
    for (const auto& [stream, reading] : readings_)
        if (!reading.done)
            text += fmt::format(
                "{}{}[{}] at {} of {}",
                text.empty() ? "" : ", ",
                reading.topic,
                reading.partition,
                reading.next,
                reading.expected->size()
            );
    return text;
}

void ReaderClient::close() {
    closed_ = true;
    loop_.scheduler().remove(fetcher_);
    cluster_.close(world_.now());
    loop_.stop();
}

void ReaderClient::on_error(const Error& error) {
    world_.note("reader: {} {}", error_name(error.errc()), error.message());
}

void ReaderClient::on_log(int level, std::string_view facility, std::string_view text) {
    world_.note("reader: {} {}: {}", level, facility, text);
}

void ReaderClient::on_throttle(std::string_view, int32_t node, std::chrono::milliseconds time) {
    world_.note("reader: throttled by broker {}: {} ms", node, time.count());
}

} // namespace ottla::sim
