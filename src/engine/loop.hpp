// The turn: one strand on which all protocol state of an engine lives. Drain inbox, deliver I/O, poll cores, flush writes,
// arm one timer. Other threads hand in closures (post) or ring the bell for a queue of their own (notify).
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include <boost/asio/any_io_executor.hpp>
#include <ottla/engine.hpp>
#include <ottla/error.hpp>
#include <ottla/types.hpp>

#include "base/move_only_function.hpp"
#include "core/core.hpp"
#include "core/net/link.hpp"

namespace ottla::engine {

using Task = MoveOnlyFunction<void(TimePoint now)>;

/// A queue that other threads fill and the loop drains, such as an accumulator's list of ready partitions.
class Source {
public:
    virtual ~Source() = default;
    /// On the loop, at the start of each turn that `Loop::notify` asked for.
    virtual void drain(TimePoint now) = 0;
    /// The execution context ends: the last moment to destroy handlers that belong to it.
    virtual void on_context_gone() noexcept {}
};

struct LinkOptions {
    bool nodelay = true;
    bool keepalive = false;
    int send_buffer = 0;    ///< bytes, 0: the system's
    int receive_buffer = 0; ///< likewise
    int family = 0;         ///< 0 any, 4, 6
};

class Loop : public std::enable_shared_from_this<Loop> {
public:
    /// With an I/O thread of its own, which blocks all signals and ends with the last reference.
    static std::shared_ptr<Loop> with_own_thread();
    static std::shared_ptr<Loop> embedded_in(boost::asio::any_io_executor executor, EngineOptions options);
    virtual ~Loop() = default;

    virtual bool embedded() const = 0;
    /// False once the execution context is gone, and in a forked child; then posted tasks are dropped unrun.
    virtual bool alive() const = 0;
    /// True in a child of the process that made this loop. Threads and sockets are the parent's, and locks may be held for
    /// ever: nothing of the loop and its clients may be touched there, nor destroyed (`keep_for_ever`).
    virtual bool forked() const = 0;
    /// True on a thread that is running the loop's execution context: to block there would be to wait for oneself.
    virtual bool runs_here() const = 0;
    /// Where handlers run that name no executor: the caller's own when embedded.
    virtual boost::asio::any_io_executor completion_executor() const = 0;

    /// From any thread, also the loop's own: runs `task` in the next turn. Order of one thread's posts is kept.
    /// False (and `task` is destroyed) when the loop is no longer alive.
    virtual bool post(Task task) = 0;
    /// From any thread: a turn soon, in which every source drains. Allocates nothing; one wake-up per burst.
    virtual void notify() noexcept = 0;
    /// From any thread: `source` will hear on_context_gone, also when it never came to be added.
    virtual void watch(std::weak_ptr<Source> source) = 0;

    /// From any thread: while this is held no turn runs and no event is delivered elsewhere, so that the state of the protocol
    /// can be read. Hold it for a moment only. On the loop itself it is held already.
    virtual std::unique_lock<std::recursive_mutex> hold_turns() = 0;

    // --- only on the loop (inside tasks, drains, polls and replies)
    virtual void add_source(Source& source) = 0;
    virtual void remove_source(Source& source) = 0;
    virtual core::Scheduler& scheduler() = 0;
    /// Links of clients with these options. Lives as long as the loop is alive.
    virtual std::unique_ptr<core::LinkFactory> make_links(LinkOptions options) = 0;

    static TimePoint now() { return std::chrono::steady_clock::now(); }
};

/// For blocking calls: _state when they would block their own event loop, and in a forked child; _destroy when the loop is gone.
Error check_may_block(const Loop& loop);
/// What every call on a client of this loop has to say in a forked child (_state); no error elsewhere.
Error check_fork(const Loop& loop);
/// The same as an exception.
void refuse_in_child(const Loop& loop);
/// After whatever may have called the application: in a child that was forked there, on an engine's own thread, ends that
/// thread by an exception, since the sockets it would go on to serve are the parent's. Does nothing otherwise.
void end_thread_in_child();
/// For `f` in a forked child: runs it on a thread of its own, since none of the loop's is there.
void run_in_child(MoveOnlyFunction<void()> f);

/// Hands a client's last act, and all that `task` owns, to the loop. With a thread of its own it has run when this returns
/// (unless called on that very thread); embedded it runs in a later turn and keeps the loop alive until then.
void finish_on(std::shared_ptr<Loop> loop, Task task);

} // namespace ottla::engine
