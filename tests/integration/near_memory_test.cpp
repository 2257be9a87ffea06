// The byte bound of the near cache is one of memory: what the heap holds beside it, whatever is in the sessions.
#include "near_worker.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <malloc.h>
#include <new>
#include <string>
#include <vector>

namespace {

std::atomic<std::size_t> on_heap{0};

void* take(std::size_t size) {
    void* block = std::malloc(size);
    if (block == nullptr) throw std::bad_alloc();
    on_heap += malloc_usable_size(block) + sizeof(void*);
    return block;
}

void give_back(void* block) noexcept {
    if (block == nullptr) return;
    on_heap -= malloc_usable_size(block) + sizeof(void*);
    std::free(block);
}

}  // namespace

void* operator new(std::size_t size) { return take(size); }
void* operator new[](std::size_t size) { return take(size); }
void operator delete(void* block) noexcept { give_back(block); }
void operator delete[](void* block) noexcept { give_back(block); }
void operator delete(void* block, std::size_t) noexcept { give_back(block); }
void operator delete[](void* block, std::size_t) noexcept { give_back(block); }

namespace vedfolnir::test {
namespace {

constexpr std::size_t bound = std::size_t{4} << 20;

struct Shape {
    const char* name;
    int sessions;
    int keys;
    std::size_t value_size;
};

class NearMemory : public ::testing::TestWithParam<Shape> {};

std::string make(const SessionManager& manager, const Shape& shape) {
    Session session = NearWorker::must(manager.load({}));
    for (int key = 0; key < shape.keys; ++key)
        NearWorker::must(
            session.set("k" + std::to_string(key), std::string(shape.value_size, 'v')));
    const auto result = NearWorker::must(manager.commit(session, {}));
    const std::string header = result.set_cookie.value();
    const auto from = header.find('=') + 1;
    return header.substr(from, header.find(';') - from);
}

void load_all(const SessionManager& manager, const std::vector<std::string>& cookies) {
    for (const auto& cookie : cookies) {
        const auto session = NearWorker::must(manager.load(NearWorker::request(cookie)));
        if (!session.found()) throw std::runtime_error("a session was not found");
    }
}

// ids: S18 C29
TEST_P(NearMemory, stays_within_the_bound_and_uses_it) {
    RedisServer server;
    const TemporaryFolder folder;
    auto options = near_options(server, folder.path().string() + "/state",
                                folder.path().string() + "/sessions.db");
    auto writing = options;
    writing.near_cache.reset();
    options.near_cache->bytes_max = bound;
    options.near_cache->age_max = Millis{3'600'000};
    std::vector<std::string> cookies;
    {
        const auto writer = NearWorker::must(SessionManager::open(writing));
        for (int number = 0; number < GetParam().sessions; ++number)
            cookies.push_back(make(writer, GetParam()));
    }
    const auto manager = NearWorker::must(SessionManager::open(options));
    load_all(manager, {cookies.front()});
    const std::size_t before = on_heap;

    // Each twice in turn: the second time it is opened, and what was opened stays.
    for (const auto& cookie : cookies) load_all(manager, {cookie, cookie});

    const auto growth = static_cast<double>(on_heap) - static_cast<double>(before);
    EXPECT_LT(growth, 1.5 * bound);
    EXPECT_GT(growth, 0.5 * bound);
    EXPECT_GE(manager.counters().near_hits, cookies.size());
}

INSTANTIATE_TEST_SUITE_P(Shapes, NearMemory,
                         ::testing::Values(Shape{"a_thousand_tiny_keys", 150, 1000, 1},
                                           Shape{"a_few_usual_keys", 4000, 10, 20},
                                           Shape{"one_large_value", 150, 1, 100'000}),
                         [](const auto& shape) { return shape.param.name; });

}  // namespace
}  // namespace vedfolnir::test
