#include "engine/loop_base.hpp"

#include <algorithm>
#include <iterator>
#include <thread>

namespace ottla::engine {
namespace {

// A turn that starts so much later than it was due follows a blocked loop, a stopped process or a paused machine.
constexpr Duration late = std::chrono::milliseconds(100);

class TcpLinks final : public core::LinkFactory {
public:
    TcpLinks(LoopBase& loop, LinkOptions options) : loop_(loop), options_(options) {}

    std::unique_ptr<core::Link> open(const std::string& host, uint16_t port, core::LinkUser& user) override {
        auto stream = std::make_shared<TcpStream>(loop_, options_, user, host, port);
        loop_.add_stream(stream);
        stream->start();
        return std::make_unique<TcpLink>(std::move(stream));
    }

private:
    LoopBase& loop_;
    const LinkOptions options_;
};

} // namespace

LoopBase::LoopBase(boost::asio::any_io_executor executor, EngineOptions options)
    : executor_(std::move(executor))
    , options_(std::move(options))
    , timer_(std::make_unique<boost::asio::steady_timer>(executor_)) {}

LoopBase::~LoopBase() {
    stop_streams();
    drop_tasks();
}

bool LoopBase::post(Task task) {
    if (!alive())
        return false;
    inbox_.push(std::move(task));
    notify();
    return true;
}

void LoopBase::notify() noexcept {
    if (!woken_.exchange(true, std::memory_order_acq_rel) && alive())
        wake_up();
}

std::unique_ptr<core::LinkFactory> LoopBase::make_links(LinkOptions options) {
    return std::make_unique<TcpLinks>(*this, options);
}

void LoopBase::add_stream(const std::shared_ptr<TcpStream>& stream) { streams_.push_back(stream); }

void LoopBase::remove_stream(const TcpStream* stream) {
    std::erase_if(streams_, [stream](const auto& weak) {
        const auto alive = weak.lock();
        return !alive || alive.get() == stream;
    });
}

void LoopBase::enter() {
    const TimePoint now = Loop::now();
    if (in_turn_ || next_ == core::never || now < next_ + late)
        return;
    next_ = core::never;
    const auto streams = streams_;
    for (const auto& weak : streams)
        if (const auto stream = weak.lock())
            stream->catch_up();
}

void LoopBase::turn() {
    if (!alive()) {
        end_thread_in_child();
        return;
    }
    const auto alone = hold_turns();
    if (in_turn_) {
        again_ = true;
        return;
    }
    enter();
    in_turn_ = true;
    dirty_.insert(dirty_.end(), std::make_move_iterator(unfinished_.begin()), std::make_move_iterator(unfinished_.end()));
    unfinished_.clear();
    TimePoint next;
    do {
        again_ = false;
        woken_.store(false, std::memory_order_release);
        std::atomic_thread_fence(std::memory_order_seq_cst);
        const TimePoint now = Loop::now();
        inbox_.drain([&](Task&& task) { task(now); });
        for (size_t i = 0; i < sources_.size(); ++i)
            if (sources_[i])
                sources_[i]->drain(now);
        std::erase(sources_, nullptr);
        next = scheduler_.run(now);
        std::swap(dirty_, flushing_);
        for (const auto& stream : flushing_)
            stream->write();
        flushing_.clear();
    } while ((again_ || !dirty_.empty()) && !forked());
    in_turn_ = false;
    if (!unfinished_.empty())
        notify();
    arm(next);
    end_thread_in_child();
}

void LoopBase::arm(TimePoint next) {
    next_ = next;
    if (!timer_ || next >= armed_ || forked())
        return; // an earlier alarm is set already; it will look again
    armed_ = next;
    timer_->expires_at(next);
    timer_->async_wait([weak = weak_from_this(), next](const error_code& ec) {
        const auto self = std::static_pointer_cast<LoopBase>(weak.lock());
        if (!self || ec || self->armed_ != next)
            return;
        self->armed_ = core::never;
        self->turn();
    });
}

void LoopBase::stop_streams() {
    for (const auto& weak : std::exchange(streams_, {}))
        if (const auto stream = weak.lock())
            stream->close();
    dirty_.clear();
    unfinished_.clear();
    timer_.reset();
}

void LoopBase::watch(std::weak_ptr<Source> source) {
    std::lock_guard lock(watchers_mutex_);
    std::erase_if(watchers_, [](const auto& known) { return known.expired(); });
    watchers_.push_back(std::move(source));
}

void LoopBase::context_gone() {
    if (forked())
        return; // the child's copy of the context; the clients live on in the parent
    alive_.store(false, std::memory_order_release);
    const auto alone = hold_turns();
    std::vector<std::shared_ptr<Source>> watching;
    {
        std::lock_guard lock(watchers_mutex_);
        for (const auto& weak : std::exchange(watchers_, {}))
            if (auto source = weak.lock())
                watching.push_back(std::move(source));
    }
    for (const auto& source : watching)
        source->on_context_gone();
    sources_.clear();
    stop_streams();
    drop_tasks();
    executor_ = nullptr; // a strand must not outlive its context
}

void LoopBase::drop_tasks() {
    inbox_.drain([](Task&&) {});
}

Error check_fork(const Loop& loop) {
    if (!loop.forked())
        return {};
    return {
        Errc::_state,
        "this client was made before fork() and belongs to the parent process: in the child, make a new client with a new engine"};
}

void refuse_in_child(const Loop& loop) {
    if (loop.forked())
        throw KafkaException(check_fork(loop));
}

void run_in_child(MoveOnlyFunction<void()> f) {
    std::thread([f = std::move(f)]() mutable { f(); }).detach();
}

Error check_may_block(const Loop& loop) {
    if (Error error = check_fork(loop))
        return error;
    if (!loop.alive())
        return {Errc::_destroy, "the execution context of this client is gone"};
    if (loop.runs_here())
        return {Errc::_state, "a blocking call on a thread that runs the client's event loop would block its own event loop"};
    return {};
}

} // namespace ottla::engine
