// libmalloccount.so: preloaded, it counts calls of the allocator and bytes asked for. Benchmark programs find
// the two functions at the end as weak symbols. The allocator behind it is glibc's, by the names under which
// it can be reached.
#include <atomic>
#include <cerrno>
#include <cstddef>

namespace {

std::atomic<unsigned long> calls{0};
std::atomic<unsigned long> bytes{0};

void count(std::size_t size) {
    calls.fetch_add(1, std::memory_order_relaxed);
    bytes.fetch_add(size, std::memory_order_relaxed);
}

} // namespace

extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t number, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
    count(size);
    return __libc_malloc(size);
}

void* calloc(std::size_t number, std::size_t size) {
    count(number * size);
    return __libc_calloc(number, size);
}

void* realloc(void* memory, std::size_t size) {
    count(size);
    return __libc_realloc(memory, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) {
    count(size);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
    count(size);
    *memory = __libc_memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}

unsigned long malloccount_calls() {
    return calls.load(std::memory_order_relaxed);
}

unsigned long malloccount_bytes() {
    return bytes.load(std::memory_order_relaxed);
}
}
