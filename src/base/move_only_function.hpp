// std::move_only_function for C++20: owns one callable, small ones in place.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace ottla {

template <class Signature>
class MoveOnlyFunction;

template <class R, class... Args>
class MoveOnlyFunction<R(Args...)> {
    static constexpr size_t room = 6 * sizeof(void*);

    struct Table {
        R (*call)(void*, Args&&...);
        void (*move)(void* from, void* to) noexcept;
        void (*destroy)(void*) noexcept;
    };

    template <class F>
    static constexpr bool fits =
        sizeof(F) <= room && alignof(F) <= alignof(std::max_align_t) && std::is_nothrow_move_constructible_v<F>;

    template <class F>
    static F& get(void* storage) {
        if constexpr (fits<F>)
            return *std::launder(static_cast<F*>(storage));
        else
            return **std::launder(static_cast<F**>(storage));
    }

    template <class F>
    static constexpr Table table_for = {
        [](void* storage, Args&&... args) -> R { return get<F>(storage)(std::forward<Args>(args)...); },
        [](void* from, void* to) noexcept {
            if constexpr (fits<F>) {
                new (to) F(std::move(get<F>(from)));
                get<F>(from).~F();
            } else {
                new (to) F*(&get<F>(from));
            }
        },
        [](void* storage) noexcept {
            if constexpr (fits<F>)
                get<F>(storage).~F();
            else
                delete &get<F>(storage);
        },
    };

public:
    MoveOnlyFunction() = default;
    MoveOnlyFunction(std::nullptr_t) {}

    template <class F>
        requires(!std::is_same_v<std::remove_cvref_t<F>, MoveOnlyFunction> &&
                 std::is_invocable_r_v<R, std::remove_cvref_t<F>&, Args...>)
    MoveOnlyFunction(F&& f) {
        using Stored = std::remove_cvref_t<F>;
        if constexpr (fits<Stored>)
            new (storage_) Stored(std::forward<F>(f));
        else
            new (storage_) Stored*(new Stored(std::forward<F>(f)));
        table_ = &table_for<Stored>;
    }

    MoveOnlyFunction(MoveOnlyFunction&& other) noexcept { take(other); }
    MoveOnlyFunction& operator=(MoveOnlyFunction&& other) noexcept {
        if (this != &other) {
            reset();
            take(other);
        }
        return *this;
    }
    ~MoveOnlyFunction() { reset(); }

    explicit operator bool() const { return table_ != nullptr; }
    R operator()(Args... args) { return table_->call(storage_, std::forward<Args>(args)...); }
    void reset() {
        if (const auto* table = std::exchange(table_, nullptr))
            table->destroy(storage_);
    }

private:
    void take(MoveOnlyFunction& other) noexcept {
        if (other.table_)
            other.table_->move(other.storage_, storage_);
        table_ = std::exchange(other.table_, nullptr);
    }

    alignas(std::max_align_t) std::byte storage_[room];
    const Table* table_ = nullptr;
};

} // namespace ottla
