#include "sim/engine_loop.hpp"

#include <utility>

namespace ottla::sim {

EngineLoop::EngineLoop(World& world)
    : world_(world)
    , loop_(world.queue) {
    loop_.on_drain([this] { drain(); });
}

EngineLoop::~EngineLoop() = default;

void EngineLoop::kill() {
    alive_ = false;
    loop_.stop();
    // What waits may hold the client, and the client this loop.
    const auto tasks = std::exchange(inbox_, {});
    for (const auto& weak : std::exchange(watched_, {}))
        if (const auto source = weak.lock())
            source->on_context_gone();
    const auto handlers = std::exchange(handlers_, std::make_shared<boost::asio::io_context>());
    handlers->stop(); // one of them may be running: the process ends in its midst
}

// Whoever asks for it is about to post a handler.
boost::asio::any_io_executor EngineLoop::completion_executor() const {
    if (alive_ && !std::exchange(handlers_wait_, true))
        world_.queue.at(world_.now(), [self = weak_from_this()] {
            if (const auto loop = std::static_pointer_cast<const EngineLoop>(self.lock()))
                loop->run_handlers();
        });
    return handlers_->get_executor();
}

void EngineLoop::run_handlers() const {
    handlers_wait_ = false;
    if (!alive_)
        return;
    const auto handlers = handlers_;
    handlers->restart();
    try {
        handlers->poll();
    } catch (const KafkaException&) { // of a call whose process has ended
        if (alive_)
            throw;
    }
}

bool EngineLoop::post(engine::Task task) {
    if (!alive_)
        return false;
    inbox_.push_back(std::move(task));
    notify();
    return true;
}

void EngineLoop::drain() {
    for (auto& task : std::exchange(inbox_, {}))
        task(world_.now());
    for (engine::Source* source : std::vector(sources_))
        if (std::find(sources_.begin(), sources_.end(), source) != sources_.end())
            source->drain(world_.now());
}

} // namespace ottla::sim
