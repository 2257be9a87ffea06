#include "journal/file.hpp"
#include "support/child.hpp"
#include "support/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vedfolnir::test {
namespace {

namespace fs = std::filesystem;
using journal::JournalFile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const TimePoint start{Millis{1'800'000'000'000}};
const JournalFile::Entry opening{start, "opening"};

Deadline soon() { return deadline_in(Millis{10'000}); }

class JournalFileTest : public testing::Test {
protected:
    [[nodiscard]] std::string path() const { return folder + "/waiting.journal"; }
    Result<void> append(JournalFile& file, const std::string& text) {
        return file.append({{start + Millis{5}, text}}, opening, soon());
    }
    static std::vector<std::string> bodies(const Result<std::vector<journal::Record>>& records) {
        std::vector<std::string> texts;
        EXPECT_TRUE(records.has_value()) << (records ? "" : records.error().detail);
        if (records)
            for (const auto& record : *records) texts.push_back(record.body);
        return texts;
    }
    [[nodiscard]] std::vector<std::string> stored() {
        JournalFile reader(folder, options);
        return bodies(reader.read_new());
    }
    void change_byte(std::size_t at) const {
        std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(static_cast<std::streamoff>(at));
        const int byte = file.get();
        file.seekp(static_cast<std::streamoff>(at));
        file.put(static_cast<char>(byte ^ 0x40));
    }

    TemporaryFolder state;
    std::string folder = state.file("journal");
    JournalOptions options;
};

// ids: R3
TEST_F(JournalFileTest, entries_are_read_in_order_by_others_and_files_are_private) {
    const mode_t before = umask(0);
    JournalFile file(folder, options);
    JournalFile other(folder, options);
    EXPECT_FALSE(other.changed());
    ASSERT_TRUE(append(file, "one"));
    EXPECT_TRUE(other.changed());
    EXPECT_THAT(bodies(other.read_new()), ElementsAre("opening", "one"));
    EXPECT_FALSE(other.changed());
    ASSERT_TRUE(append(other, "two"));
    ASSERT_TRUE(append(file, "three"));
    EXPECT_THAT(bodies(other.read_new()), ElementsAre("three"));
    EXPECT_THAT(stored(), ElementsAre("opening", "one", "two", "three"));
    EXPECT_EQ(other.entries(), 4U);
    EXPECT_EQ(other.oldest(), start);

    struct stat status {};
    ASSERT_EQ(stat(folder.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0700U);
    ASSERT_EQ(stat(path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    umask(before);
}

// ids: R3
TEST_F(JournalFileTest, replayed_entries_go_only_when_nobody_appended_meanwhile) {
    JournalFile file(folder, options);
    JournalFile other(folder, options);
    ASSERT_TRUE(append(file, "one"));
    const auto turn = other.begin_replay(soon());
    ASSERT_TRUE(turn && *turn);
    EXPECT_THAT((*turn)->records, SizeIs(2));
    EXPECT_FALSE(*file.begin_replay(soon())) << "one at a time";
    ASSERT_TRUE(append(file, "two"));
    EXPECT_FALSE(*other.finish((*turn)->file, 2, soon()));
    EXPECT_THAT(stored(), SizeIs(3));

    const auto second = other.begin_replay(soon());
    ASSERT_TRUE(second && *second);
    EXPECT_EQ((*second)->position, 2U);
    ASSERT_THAT((*second)->records, SizeIs(1)) << "this process knows what it replayed";
    EXPECT_EQ((*second)->records[0].body, "two");
    EXPECT_TRUE(*other.finish((*second)->file, 3, soon()));
    EXPECT_FALSE(fs::exists(path()));
    EXPECT_TRUE(file.changed());
    EXPECT_THAT(bodies(file.read_new()), ElementsAre("opening"));
    EXPECT_EQ(file.entries(), 0U);
    ASSERT_TRUE(append(file, "next outage"));
    EXPECT_THAT(stored(), ElementsAre("opening", "next outage"));
}

// ids: R3 F13
TEST_F(JournalFileTest,
       turn_that_nobody_ended_keeps_neither_this_process_nor_others_from_the_next) {
    JournalFile file(folder, options);
    JournalFile other(folder, options);
    ASSERT_TRUE(append(file, "one"));
    // Whoever asked for it had given up when it was there.
    ASSERT_TRUE(*file.begin_replay(soon()));

    const auto again = file.begin_replay(soon());
    ASSERT_TRUE(again && *again);
    EXPECT_THAT((*again)->records, SizeIs(2));
    EXPECT_TRUE(*file.finish((*again)->file, 2, soon()));
    EXPECT_FALSE(fs::exists(path()));
    ASSERT_TRUE(append(file, "two"));
    EXPECT_TRUE(*other.begin_replay(soon()));
}

// ids: R3 F17
TEST_F(JournalFileTest, torn_tail_at_each_byte_is_cut_and_told) {
    JournalFile file(folder, options);
    ASSERT_TRUE(append(file, "one"));
    const auto whole = fs::file_size(path());
    ASSERT_TRUE(append(file, "two"));
    const auto end = fs::file_size(path());
    fs::copy_file(path(), state.file("copy"));
    for (auto cut = whole + 1; cut < end; ++cut) {
        fs::copy_file(state.file("copy"), path(), fs::copy_options::overwrite_existing);
        fs::resize_file(path(), cut);
        EXPECT_THAT(stored(), ElementsAre("opening", "one"));
        JournalFile next(folder, options);
        ASSERT_TRUE(append(next, "three")) << cut;
        EXPECT_THAT(next.take_complaint(), HasSubstr("never finished"));
        EXPECT_THAT(stored(), ElementsAre("opening", "one", "three")) << cut;
    }
}

// ids: R3 F17
TEST_F(JournalFileTest, damage_in_the_middle_is_named_and_all_of_it_kept_aside) {
    JournalFile file(folder, options);
    ASSERT_TRUE(append(file, "one"));
    const auto damaged_at = fs::file_size(path());
    ASSERT_TRUE(append(file, "two"));
    ASSERT_TRUE(append(file, "three"));
    const auto size = fs::file_size(path());
    change_byte(damaged_at + journal::frame_size);
    const auto seen = journal::look(folder);
    EXPECT_EQ(seen->tail, journal::Tail::damaged);
    EXPECT_EQ(seen->damage_at, damaged_at);

    JournalFile next(folder, options);
    ASSERT_TRUE(append(next, "four"));
    EXPECT_THAT(next.take_complaint(), HasSubstr("offset " + std::to_string(damaged_at)));
    EXPECT_THAT(stored(), ElementsAre("opening", "one", "four"));
    const auto after = journal::look(folder);
    ASSERT_THAT(after->aside, SizeIs(1));
    EXPECT_EQ(fs::file_size(after->aside[0]), size);
}

// ids: R3 F17
TEST_F(JournalFileTest, full_disk_is_an_error_that_leaves_no_half_entry) {
    Child child([&](Wire& wire) {
        signal(SIGXFSZ, SIG_IGN);
        JournalFile file(folder, options);
        if (!append(file, "one")) return 1;
        const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
        const rlimit small{fs::file_size(path()) + 10, RLIM_INFINITY};
        setrlimit(RLIMIT_FSIZE, &small);
        const auto refused = append(file, std::string(500, 'x'));
        setrlimit(RLIMIT_FSIZE, &unlimited);
        if (refused) return 2;
        wire.say(refused.error().detail);
        if (refused.error().code != Errc::audit_unavailable) return 3;
        return append(file, "two") ? 0 : 4;
    });
    EXPECT_THAT(child.wire().hear().value_or(""), HasSubstr(path()));
    EXPECT_EQ(child.wait(), 0);
    EXPECT_THAT(stored(), ElementsAre("opening", "one", "two"));
}

// ids: R3 F17
TEST_F(JournalFileTest, folder_that_cannot_be_made_is_an_error_with_its_name) {
    std::ofstream(folder) << "a file stands in its place";
    JournalFile file(folder, options);
    const auto refused = append(file, "one");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::audit_unavailable);
    EXPECT_THAT(refused.error().detail, HasSubstr(folder));
}

// ids: R3
TEST_F(JournalFileTest, bounds_refuse_what_is_beyond_and_keep_what_is_there) {
    options.entries_max = 3;
    JournalFile file(folder, options);
    ASSERT_TRUE(append(file, "one"));
    ASSERT_TRUE(append(file, "two"));
    const auto refused = append(file, "three");
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().detail, HasSubstr("is full"));
    options.entries_max = 100;
    options.bytes_max = 4096;
    JournalFile small(folder, options);
    EXPECT_FALSE(append(small, std::string(5000, 'x')));
    EXPECT_THAT(stored(), ElementsAre("opening", "one", "two"));
}

// ids: R3
TEST_F(JournalFileTest, forked_child_holds_neither_lock_nor_turn) {
    JournalFile file(folder, options);
    ASSERT_TRUE(append(file, "one"));
    const auto turn = file.begin_replay(soon());
    ASSERT_TRUE(turn && *turn);
    Child child([&](Wire& wire) {
        wire.say("here");
        return wire.hear().has_value() ? 0 : 1;
    });
    ASSERT_EQ(child.wire().hear().value_or(""), "here");
    ASSERT_TRUE(file.finish((*turn)->file, 0, soon()).has_value());
    JournalFile other(folder, options);
    EXPECT_TRUE(append(other, "two"));
    const auto next = other.begin_replay(soon());
    EXPECT_TRUE(next && *next) << "the child keeps it";
    child.wire().say("go");
    EXPECT_EQ(child.wait(), 0);
}

// ids: R3 F17
TEST_F(JournalFileTest, killed_writer_leaves_what_was_acknowledged) {
    for (int round = 0; round < 5; ++round) {
        Child child([&](Wire& wire) {
            JournalFile file(folder, options);
            for (int i = 0;; ++i) {
                if (!append(file, std::string(200, 'x'))) return 1;
                wire.say(std::to_string(i));
            }
        });
        for (int i = 0; i < 3; ++i) ASSERT_TRUE(child.wire().hear());
        const auto least = stored().size();
        child.kill_and_wait();
        JournalFile next(folder, options);
        ASSERT_TRUE(append(next, "after"));
        EXPECT_GT(stored().size(), least);
    }
    EXPECT_EQ(journal::look(folder)->tail, journal::Tail::clean);
}

}  // namespace
}  // namespace vedfolnir::test
