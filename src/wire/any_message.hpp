// For those who learn only from bytes or text which message it is.
#pragma once

#include "wire/table.hpp"

namespace ottla::wire {

/// An object of a message known only at run time.
class AnyMessage {
public:
    explicit AnyMessage(const wire::MessageInfo& info)
        : info_(info)
        , object_(info.create()) {}

    AnyMessage(const AnyMessage&) = delete;
    AnyMessage& operator=(const AnyMessage&) = delete;

    ~AnyMessage() { info_.destroy(object_); }

    void* get() { return object_; }

private:
    const wire::MessageInfo& info_;
    void* object_;
};

} // namespace ottla::wire
