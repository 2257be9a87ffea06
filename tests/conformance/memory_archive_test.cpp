#include "conformance/archive_suite.hpp"
#include "memory/memory_archive.hpp"

namespace vedfolnir::conformance {
namespace {

struct FreshMemoryArchive final : FreshArchive {
    memory::MemoryArchive memory;
    async::Archive& archive() override { return memory; }
};

INSTANTIATE_TEST_SUITE_P(memory, ArchiveSuite,
                         ::testing::Values(ArchiveCase{
                             "memory", [] { return std::make_unique<FreshMemoryArchive>(); }}),
                         [](const auto& tested) { return tested.param.name; });

// ids: S4
TEST(MemoryArchive, down_answers_an_error_and_changes_nothing) {
    runtime::Runtime runtime;
    memory::MemoryArchive archive;
    archive.set_down(true);
    async::AuditEvent event;
    event.type = "record.unreadable";
    auto refused =
        runtime::run_sync(runtime, archive.append({event}, deadline_in(10s)), deadline_in(10s));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::audit_unavailable);
    archive.set_down(false);
    auto trail = runtime::run_sync(runtime, archive.audit({}, deadline_in(10s)), deadline_in(10s));
    ASSERT_TRUE(trail);
    EXPECT_THAT(*trail, IsEmpty());
}

}  // namespace
}  // namespace vedfolnir::conformance
