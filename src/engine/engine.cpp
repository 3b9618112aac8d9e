// The two loops: one with an I/O thread of its own, one embedded in the caller's execution context.
#include <ottla/engine.hpp>

#include <csignal>
#include <future>
#include <mutex>
#include <pthread.h>
#include <thread>

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/asio/thread_pool.hpp>

#include "engine/loop_base.hpp"

namespace ottla::engine {
namespace {

namespace asio = boost::asio;

// Memory for the one wake-up that can be pending, so that waking allocates nothing.
struct WakeSlot {
    static constexpr size_t size = 256;
    alignas(std::max_align_t) std::byte memory[size];
    std::atomic<bool> used{false};
};

template <class T>
struct WakeAllocator {
    using value_type = T;
    WakeSlot* slot;

    explicit WakeAllocator(WakeSlot* s) : slot(s) {}
    template <class U>
    WakeAllocator(const WakeAllocator<U>& other) : slot(other.slot) {}

    T* allocate(size_t n) {
        if (n * sizeof(T) <= WakeSlot::size && !slot->used.exchange(true, std::memory_order_acquire))
            return reinterpret_cast<T*>(slot->memory);
        return std::allocator<T>().allocate(n);
    }
    void deallocate(T* p, size_t n) {
        if (static_cast<void*>(p) == slot->memory)
            slot->used.store(false, std::memory_order_release);
        else
            std::allocator<T>().deallocate(p, n);
    }
    template <class U>
    bool operator==(const WakeAllocator<U>& other) const {
        return slot == other.slot;
    }
};

// Thrown out of io_context::run.
struct InChild {};

// Of an engine's own thread.
thread_local constinit const ForkMark* own_thread = nullptr;

class OwnThreadLoop final : public LoopBase {
    // Shared with the thread, which may outlive the loop for a moment.
    struct Context {
        WakeSlot slot; // outlives the handlers that io destroys
        asio::io_context io{1};
    };

    explicit OwnThreadLoop(std::shared_ptr<Context> context)
        : LoopBase(context->io.get_executor(), {}), context_(std::move(context)), work_(context_->io.get_executor()) {}

public:
    /// What is handed out owns the loop and its thread apart from the references that handlers hold while they run: so the
    /// thread is joined by whoever lets the last handle go, and ends with the clients.
    static std::shared_ptr<Loop> make() {
        struct Owner {
            std::shared_ptr<OwnThreadLoop> loop{new OwnThreadLoop(std::make_shared<Context>())};
            Owner() { loop->start(); }
            ~Owner() {
                if (loop->forked())
                    keep_for_ever(std::move(loop));
                else
                    loop->stop();
            }
        };
        const auto owner = std::make_shared<Owner>();
        return {owner, owner->loop.get()};
    }
    ~OwnThreadLoop() override {
        stop_streams();
        drop_tasks();
    }

    bool embedded() const override { return false; }
    bool runs_here() const override { return thread_.get_id() == std::this_thread::get_id(); }
    asio::any_io_executor completion_executor() const override {
        if (forked())
            return asio::system_executor(); // runs what is dispatched where it is
        return context_->io.get_executor();
    }

protected:
    void wake_up() noexcept override {
        asio::post(
            context_->io.get_executor(),
            asio::bind_allocator(WakeAllocator<void>(&context_->slot), [weak = weak_from_this()] {
                if (const auto self = std::static_pointer_cast<OwnThreadLoop>(weak.lock()))
                    self->turn();
            }));
    }

private:
    void start() {
        // Signals belong to the application's threads.
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        thread_ = std::thread([context = context_] {
            pthread_setname_np(pthread_self(), "ottla");
            const ForkMark mark;
            own_thread = &mark;
            try {
                context->io.run();
            } catch (const InChild&) { // with its only thread the child ends
            }
        });
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

    void stop() {
        work_.reset();
        context_->io.stop();
        if (runs_here())
            thread_.detach(); // the last handle went inside a handler; the thread ends after it, with the context
        else
            thread_.join();
    }

    std::shared_ptr<Context> context_;
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    std::thread thread_;
};

// Hears that an execution context ends, while its sockets and timers can still be let go.
class ContextWatch final : public asio::execution_context::service {
public:
    using key_type = ContextWatch;
    static inline asio::execution_context::id id;

    explicit ContextWatch(asio::execution_context& context) : service(context) {}

    void add(std::weak_ptr<LoopBase> loop) {
        std::lock_guard lock(mutex_);
        std::erase_if(loops_, [](const auto& l) { return l.expired(); });
        loops_.push_back(std::move(loop));
    }

private:
    void shutdown() override {
        std::vector<std::weak_ptr<LoopBase>> loops;
        {
            std::lock_guard lock(mutex_);
            loops.swap(loops_);
        }
        for (const auto& weak : loops)
            if (const auto loop = weak.lock())
                loop->context_gone();
    }

    std::mutex mutex_;
    std::vector<std::weak_ptr<LoopBase>> loops_;
};

class EmbeddedLoop final : public LoopBase {
public:
    EmbeddedLoop(asio::any_io_executor outer, EngineOptions options)
        : LoopBase(asio::make_strand(outer), std::move(options)), outer_(std::move(outer)) {}

    void watch() {
        auto& context = asio::query(outer_, asio::execution::context);
        asio::use_service<ContextWatch>(context).add(std::static_pointer_cast<LoopBase>(shared_from_this()));
    }

    bool embedded() const override { return true; }
    bool runs_here() const override {
        return runs<asio::io_context::executor_type>() || runs<asio::thread_pool::executor_type>() ||
               runs_strand<asio::io_context::executor_type>() || runs_strand<asio::thread_pool::executor_type>() ||
               runs_strand<asio::any_io_executor>();
    }
    asio::any_io_executor completion_executor() const override {
        if (forked())
            return asio::system_executor();
        return outer_;
    }

protected:
    void wake_up() noexcept override {
        asio::post(executor(), [weak = weak_from_this()] {
            if (const auto self = std::static_pointer_cast<EmbeddedLoop>(weak.lock()))
                self->turn();
        });
    }

private:
    template <class E>
    bool runs() const {
        const auto* executor = outer_.target<E>();
        return executor && executor->running_in_this_thread();
    }
    template <class E>
    bool runs_strand() const {
        const auto* strand = outer_.target<asio::strand<E>>();
        if (!strand)
            return false;
        if constexpr (std::is_same_v<E, asio::any_io_executor>)
            return strand->running_in_this_thread();
        else
            return strand->get_inner_executor().running_in_this_thread();
    }

    asio::any_io_executor outer_;
};

} // namespace

std::shared_ptr<Loop> Loop::with_own_thread() {
    return OwnThreadLoop::make();
}

std::shared_ptr<Loop> Loop::embedded_in(asio::any_io_executor executor, EngineOptions options) {
    const std::shared_ptr<EmbeddedLoop> loop(new EmbeddedLoop(std::move(executor), std::move(options)), [](EmbeddedLoop* gone) {
        if (!gone->forked()) // else its sockets and its timer are the parent's, too
            delete gone;
    });
    loop->watch();
    return loop;
}

void end_thread_in_child() {
    if (own_thread && own_thread->raised())
        throw InChild();
}

void finish_on(std::shared_ptr<Loop> loop, Task task) {
    if (loop->embedded() || loop->runs_here()) {
        Loop& target = *loop;
        target.post([loop = std::move(loop), task = std::move(task)](TimePoint now) mutable { task(now); });
        return;
    }
    std::promise<void> done;
    const bool posted = loop->post([&](TimePoint now) {
        {
            Task last = std::move(task);
            last(now);
        }
        done.set_value();
    });
    if (posted)
        done.get_future().wait();
}

} // namespace ottla::engine

namespace ottla {

Engine::Engine() : loop_(engine::Loop::with_own_thread()) {}

Engine::Engine(boost::asio::any_io_executor executor, EngineOptions options)
    : loop_(engine::Loop::embedded_in(std::move(executor), std::move(options))) {}

bool Engine::embedded() const { return loop_->embedded(); }

} // namespace ottla
