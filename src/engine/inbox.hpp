// A many-producers, one-consumer list of tasks: one exchange to push, one to take all.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

namespace ottla::engine {

template <class T>
class Inbox {
public:
    Inbox() = default;
    Inbox(const Inbox&) = delete;
    Inbox& operator=(const Inbox&) = delete;
    ~Inbox() {
        drain([](T&&) {});
    }

    /// From any thread.
    void push(T value) {
        auto* node = new Node{std::move(value), head_.load(std::memory_order_relaxed)};
        while (!head_.compare_exchange_weak(node->next, node, std::memory_order_release, std::memory_order_relaxed))
            ;
    }

    /// One thread at a time. Calls `f` for each value, oldest first; values pushed meanwhile wait for the next drain.
    template <class F>
    void drain(F&& f) {
        Node* newest = head_.exchange(nullptr, std::memory_order_acquire);
        Node* oldest = nullptr;
        while (newest)
            oldest = std::exchange(newest, std::exchange(newest->next, oldest));
        while (oldest) {
            std::unique_ptr<Node> node(std::exchange(oldest, oldest->next));
            f(std::move(node->value));
        }
    }

    bool empty() const { return head_.load(std::memory_order_acquire) == nullptr; }

private:
    struct Node {
        T value;
        Node* next;
    };
    std::atomic<Node*> head_{nullptr};
};

} // namespace ottla::engine
