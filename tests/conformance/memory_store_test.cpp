#include "conformance/store_suite.hpp"
#include "memory/memory_store.hpp"

#include <atomic>

namespace vedfolnir::test {
namespace {

class MemoryUnderTest final : public StoreUnderTest {
public:
    ~MemoryUnderTest() override { stop(); }
    async::SessionStore& store() override { return store_; }
    void let_time_pass() override { now_ += 20; }

private:
    std::atomic<std::int64_t> now_{1'700'000'000'000};
    memory::MemoryStore store_{[this] { return TimePoint(Millis(now_.load())); }};
};

INSTANTIATE_TEST_SUITE_P(Memory, StoreSuite,
                         testing::Values(StoreFactory{
                             "memory", [] { return std::make_unique<MemoryUnderTest>(); }}),
                         store_name);

}  // namespace
}  // namespace vedfolnir::test
