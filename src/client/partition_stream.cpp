#include "client/partition_stream.hpp"

#include "client/async_read.hpp"
#include "client/consumer_impl.hpp"

namespace ottla::client {

StreamImpl::StreamImpl(
    std::shared_ptr<ConsumerImpl> consumer, std::shared_ptr<ConsumerDriver> driver, Reading reading, bool paused, bool stores
)
    : where_(reading.where)
    , driver_(std::move(driver))
    , stores_(stores)
    , reader_(reading.stream)
    , consumer_(std::move(consumer))
    , reading_(std::move(reading))
    , paused_(paused)
    , context_(driver_->decoding()) {
}

// --- from the consumer

void StreamImpl::restart(core::StreamId stream) {
    std::lock_guard lock(use_);
    reading_.waiting.clear();
    reading_.reader.end(context_);
    reading_.stream = stream;
    reading_.stands = -1;
}

void StreamImpl::set_paused(bool paused) {
    {
        std::lock_guard lock(use_);
        paused_ = paused;
    }
    if (!paused)
        arrivals_->interrupt(); // what was kept can be had
}

void StreamImpl::end() {
    std::shared_ptr<ConsumerImpl> kept;
    {
        std::lock_guard lock(use_);
        kept = std::move(consumer_);
        reading_.waiting.clear();
        reading_.reader.end(context_);
    }
    arrivals_->interrupt();
}

Reading StreamImpl::take_rest() {
    std::lock_guard lock(use_);
    return std::move(reading_);
}

int64_t StreamImpl::place() const {
    std::lock_guard lock(use_);
    return reading_.place();
}

// --- reading

bool StreamImpl::ended() const {
    std::lock_guard lock(use_);
    return !consumer_;
}

std::optional<StreamImpl::BadSlice> StreamImpl::take_some(Records& into) {
    std::lock_guard lock(use_);
    if (!consumer_)
        return std::nullopt;
    arrivals_->take(taken_);
    for (auto& event : taken_)
        if (event.stream == reading_.stream)
            reading_.waiting.push_back(std::move(event));
    taken_.clear();
    Loan loan;
    std::optional<BadSlice> bad;
    while (!paused_ && !bad && !Handout::full(into) && !reading_.idle()) {
        SliceReader& reader = reading_.reader;
        if (!reader.active()) {
            Message event;
            if (Handout::take_event(reading_, context_, event))
                Handout::add(into, std::move(event));
            continue;
        }
        const auto step = Handout::batch(reading_, context_, into, stores_ ? &loan : nullptr);
        if (step == SliceReader::Step::end) {
            driver_->queue().give_back({reading_.stream, reader.messages(), reader.size_bytes()});
            reading_.stands = reader.position();
            reader.end(context_);
        } else if (step == SliceReader::Step::bad) {
            Handout::add(into, Handout::bad_slice(reading_));
            bad = {reading_.stream, reader.position()};
        } else if (step == SliceReader::Step::no_room) {
            context_.budget->tell_spent();
            break;
        }
    }
    if (!loan.empty()) {
        auto lease = std::make_shared<char>();
        driver_->stored().lend(reader_, std::move(loan), lease);
        Handout::lease(into, std::move(lease));
    }
    Handout::charge(into, context_);
    return bad;
}

bool StreamImpl::take(Records& into) {
    if (const auto bad = take_some(into)) {
        std::shared_ptr<ConsumerImpl> consumer;
        {
            std::lock_guard lock(use_);
            consumer = consumer_;
        }
        if (consumer)
            consumer->reread(where_, bad->stream, bad->offset);
    }
    return !into.empty();
}

void StreamImpl::begin_poll() {
    if (stores_)
        driver_->stored().finish(reader_);
}

bool StreamImpl::poll_records(Records& into, std::chrono::milliseconds timeout) {
    {
        std::lock_guard lock(use_);
        Handout::recycle(into, context_);
    }
    begin_poll();
    const auto& loop = *driver_->loop();
    if (timeout.count() != 0)
        if (Error error = engine::check_may_block(loop))
            throw KafkaException(std::move(error));
    const TimePoint deadline = ConsumerImpl::deadline_of(timeout);
    for (bool last = timeout.count() == 0;;) {
        if (take(into)) {
            driver_->interceptors().on_consume(into);
            return true;
        }
        if (ended())
            return false;
        if (last)
            return true;
        last = !arrivals_->wait_until(deadline);
    }
}

void StreamImpl::start_poll(const std::shared_ptr<StreamImpl>& self, Handler<Records> handler) {
    self->begin_poll();
    AsyncRead<Records>::start(self->driver_->loop(), self->arrivals_, std::move(handler), [self](error_code& ec, Records& into) {
        if (self->take(into)) {
            self->driver_->interceptors().on_consume(into);
            return true;
        }
        if (!self->ended())
            return false;
        ec = make_error_code(Errc::_revoke_partitions);
        return true;
    });
}

void StreamImpl::close() {
    std::shared_ptr<ConsumerImpl> consumer;
    {
        std::lock_guard lock(use_);
        consumer = std::move(consumer_);
    }
    if (consumer)
        consumer->take_back(*this);
    arrivals_->interrupt();
}

} // namespace ottla::client

namespace ottla {

PartitionStream::PartitionStream(std::shared_ptr<client::StreamImpl> impl)
    : impl_(std::move(impl)) {
}

PartitionStream::PartitionStream(PartitionStream&&) noexcept = default;

PartitionStream& PartitionStream::operator=(PartitionStream&& other) noexcept {
    if (this != &other) {
        const PartitionStream old(std::move(*this));
        impl_ = std::move(other.impl_);
    }
    return *this;
}

PartitionStream::~PartitionStream() {
    if (impl_)
        impl_->close();
}

const TopicPartition& PartitionStream::where() const {
    return impl_->where();
}

bool PartitionStream::poll_records(Records& into, std::chrono::milliseconds timeout) {
    return impl_->poll_records(into, timeout);
}

void PartitionStream::start_poll(const std::shared_ptr<client::StreamImpl>& impl, Handler<Records> handler) {
    client::StreamImpl::start_poll(impl, std::move(handler));
}

} // namespace ottla
