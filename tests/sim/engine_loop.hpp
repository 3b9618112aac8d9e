// The loop of an engine as clients in src/client know it, in virtual time: what stands between them and the engine
// is this interface, so what runs here are the clients' own drivers. Embedded in an application that never blocks.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "engine/loop.hpp"
#include "sim/client_loop.hpp"
#include "sim/world.hpp"

namespace ottla::sim {

class EngineLoop final : public engine::Loop {
public:
    explicit EngineLoop(World& world);
    ~EngineLoop() override;

    ClientLoop& turns() { return loop_; }

    /// The application may block: it is on a thread of its own.
    void set_blocking(bool on) { blocking_ = on; }

    /// The process ends as it stands: nothing runs any more. The world must hear of its connections otherwise.
    void kill();

    bool embedded() const override { return true; }
    bool alive() const override { return alive_; }
    bool forked() const override { return false; }
    bool runs_here() const override { return !blocking_; }
    boost::asio::any_io_executor completion_executor() const override;
    bool post(engine::Task task) override;
    void notify() noexcept override { loop_.notify(); }
    void watch(std::weak_ptr<engine::Source> source) override { watched_.push_back(std::move(source)); }
    std::unique_lock<std::recursive_mutex> hold_turns() override { return std::unique_lock(mutex_); }
    void add_source(engine::Source& source) override { sources_.push_back(&source); }
    void remove_source(engine::Source& source) override { std::erase(sources_, &source); }
    core::Scheduler& scheduler() override { return loop_.scheduler(); }
    std::unique_ptr<core::LinkFactory> make_links(engine::LinkOptions) override { return world_.network.links_of(loop_); }

private:
    void drain();
    void run_handlers() const;

    World& world_;
    ClientLoop loop_;
    bool alive_ = true;
    bool blocking_ = false;
    std::recursive_mutex mutex_;
    std::vector<engine::Task> inbox_;
    std::vector<engine::Source*> sources_;
    std::vector<std::weak_ptr<engine::Source>> watched_;
    std::shared_ptr<boost::asio::io_context> handlers_ = std::make_shared<boost::asio::io_context>();
    mutable bool handlers_wait_ = false;
};

} // namespace ottla::sim
