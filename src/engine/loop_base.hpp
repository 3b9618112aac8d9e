// What the loop with a thread of its own and the embedded one share: the turn itself.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "base/fork.hpp"
#include "engine/inbox.hpp"
#include "engine/loop.hpp"
#include "engine/tcp_link.hpp"

namespace ottla::engine {

class LoopBase : public Loop {
public:
    LoopBase(boost::asio::any_io_executor executor, EngineOptions options);
    ~LoopBase() override;

    bool alive() const override { return alive_.load(std::memory_order_acquire); }
    bool forked() const override { return fork_mark_.raised(); }
    bool post(Task task) override;
    void notify() noexcept override;
    void watch(std::weak_ptr<Source> source) override;
    std::unique_lock<std::recursive_mutex> hold_turns() override { return std::unique_lock(turns_); }
    void add_source(Source& source) override { sources_.push_back(&source); }
    void remove_source(Source& source) override { std::replace(sources_.begin(), sources_.end(), &source, static_cast<Source*>(nullptr)); }
    core::Scheduler& scheduler() override { return scheduler_; }
    std::unique_ptr<core::LinkFactory> make_links(LinkOptions options) override;

    /// One turn, unless one is running already.
    void turn();
    /// Runs `f` (the delivery of an I/O event), then a turn.
    template <class F>
    void event(F&& f) {
        if (forked()) {
            end_thread_in_child();
            return;
        }
        const auto self = shared_from_this(); // the last client may go inside
        const auto alone = hold_turns();
        enter();
        f();
        turn();
    }
    const boost::asio::any_io_executor& executor() const { return executor_; }
    const EngineOptions& options() const { return options_; }
    void mark_dirty(std::shared_ptr<TcpStream> stream) { dirty_.push_back(std::move(stream)); }
    /// It has written enough for this turn. Only in a turn or an `event`.
    void write_next_turn(std::shared_ptr<TcpStream> stream) { unfinished_.push_back(std::move(stream)); }
    void add_stream(const std::shared_ptr<TcpStream>& stream);
    void remove_stream(const TcpStream* stream);
    /// The execution context is ending: sockets and timer are let go while it still exists.
    void context_gone();

protected:
    /// Schedules `turn` on the executor, from any thread.
    virtual void wake_up() noexcept = 0;
    void stop_streams();
    /// Drops what was posted and not run. Only when nothing runs the loop any more.
    void drop_tasks();

private:
    void enter();
    void arm(TimePoint next);

    std::recursive_mutex turns_; ///< held during turns and events; nobody but hold_turns waits for it
    boost::asio::any_io_executor executor_;
    const EngineOptions options_;
    std::atomic<bool> alive_{true};
    const ForkMark fork_mark_{&alive_};
    std::atomic<bool> woken_{false};
    Inbox<Task> inbox_;
    std::vector<Source*> sources_;
    std::mutex watchers_mutex_;
    std::vector<std::weak_ptr<Source>> watchers_;
    core::Scheduler scheduler_;
    std::vector<std::weak_ptr<TcpStream>> streams_;
    std::vector<std::shared_ptr<TcpStream>> dirty_;
    std::vector<std::shared_ptr<TcpStream>> flushing_;
    std::vector<std::shared_ptr<TcpStream>> unfinished_; ///< wait for the next turn
    std::unique_ptr<boost::asio::steady_timer> timer_;
    TimePoint armed_ = core::never; ///< when the timer will fire
    TimePoint next_ = core::never;  ///< when it should
    bool in_turn_ = false;
    bool again_ = false;
};

} // namespace ottla::engine
