#include "cache/stripe_table.hpp"
#include "support/child.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <sys/shm.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace vedfolnir::cache {
namespace {

using namespace std::chrono_literals;
using test::Child;
using test::TemporaryFolder;
using test::Wire;

constexpr std::string_view identity = "redis.example:6379/0 vedfolnir:session:";

StoreKey key(std::uint16_t number) {
    StoreKey made;
    made.digest[14] = static_cast<std::uint8_t>(number & 0xff);
    made.digest[15] = static_cast<std::uint8_t>(number >> 8);
    return made;
}

std::shared_ptr<StripeTable> open(const TemporaryFolder& folder,
                                  std::string_view store = identity) {
    auto opened = StripeTable::open(folder.file("tables"), store);
    if (!opened) {
        ADD_FAILURE() << opened.error().detail;
        return StripeTable::private_table();
    }
    return *opened;
}

std::string file_of(const TemporaryFolder& folder) {
    return StripeFile::in(folder.file("tables"), identity)->path();
}

/// Bytes of a table's segment.
std::size_t segment_size(const TemporaryFolder& folder) {
    const auto table = open(folder);
    shmid_ds status{};
    shmctl((*StripeFile::in(folder.file("tables"), identity)->read())->id, IPC_STAT, &status);
    return status.shm_segsz;
}

/// The next check is due.
StripeTable::Clock::time_point later() {
    return StripeTable::Clock::now() + StripeTable::check_interval;
}

// ids: S18 C29
TEST(StripeTable, raise_moves_the_stripe_of_its_key_and_no_other) {
    const auto table = StripeTable::private_table();
    const auto before = table->read(key(1));
    const auto other = table->read(key(2));
    table->raise(key(1));
    EXPECT_EQ(table->read(key(1)), before + 1);
    EXPECT_EQ(table->read(key(2)), other);
    EXPECT_EQ(table->read(key(65'535)), other);
    EXPECT_FALSE(table->shared());
    EXPECT_TRUE(table->healthy(later()));
}

// ids: S18
TEST(StripeTable, a_user_has_a_stripe_too) {
    const auto table = StripeTable::private_table();
    UserTag user;
    user.bytes[15] = 7;
    const auto before = table->read(user);
    table->raise(user);
    EXPECT_NE(table->read(user), before);
}

// ids: S18 S32
TEST(StripeTable, raise_in_another_process_is_seen) {
    const TemporaryFolder folder;
    Child writer([&folder](Wire& wire) {
        const auto table = open(folder);
        wire.say("open");
        while (wire.hear() == "raise") {
            table->raise(key(5));
            wire.say("raised");
        }
        return table->shared() ? 0 : 1;
    });
    ASSERT_EQ(writer.wire().hear(), "open");
    const auto table = open(folder);
    EXPECT_TRUE(table->shared());
    for (int i = 0; i < 1000; ++i) {
        const auto before = table->read(key(5));
        writer.wire().say("raise");
        ASSERT_EQ(writer.wire().hear(), "raised");
        ASSERT_EQ(table->read(key(5)), before + 1);
    }
    writer.wire().say("end");
    EXPECT_EQ(writer.wait(), 0);
}

// ids: S32
TEST(StripeTable, a_forked_child_goes_on_in_the_same_table) {
    const TemporaryFolder folder;
    for (const auto& table : {open(folder), StripeTable::private_table()}) {
        const auto before = table->read(key(3));
        Child child([&table](Wire&) {
            table->raise(key(3));
            return table->healthy(later()) ? 0 : 1;
        });
        EXPECT_EQ(child.wait(), 0);
        EXPECT_EQ(table->read(key(3)), before + 1);
    }
}

// ids: S32
TEST(StripeTable, another_store_or_prefix_has_another_table) {
    const TemporaryFolder folder;
    const auto table = open(folder);
    const auto other = open(folder, "redis.example:6379/0 other:");
    const auto before = other->read(key(1));
    EXPECT_NE(before, table->read(key(1)));
    table->raise(key(1));
    EXPECT_EQ(other->read(key(1)), before);
}

// ids: S32
TEST(StripeTable, processes_that_start_together_get_one_table) {
    for (int round = 0; round < 10; ++round) {
        const TemporaryFolder folder;
        std::vector<std::unique_ptr<Child>> children;
        for (int i = 0; i < 8; ++i) {
            children.push_back(std::make_unique<Child>([&folder](Wire& wire) {
                static_cast<void>(wire.hear());
                const auto table = open(folder);
                wire.say(std::to_string(table->read(key(1))));
                static_cast<void>(wire.hear());  // stays in it until all have joined
                return table->shared() && table->healthy(later()) ? 0 : 1;
            }));
        }
        for (const auto& child : children) child->wire().say("go");
        const auto first = children.front()->wire().hear();
        ASSERT_TRUE(first.has_value());
        for (std::size_t i = 1; i < children.size(); ++i)
            EXPECT_EQ(children[i]->wire().hear(), first);
        for (const auto& child : children) child->wire().say("end");
        for (const auto& child : children) EXPECT_EQ(child->wait(), 0);
    }
}

// ids: S32
TEST(StripeTable, no_raise_is_lost_among_processes_and_threads) {
    constexpr unsigned raises = 20'000;
    const TemporaryFolder folder;
    std::vector<std::unique_ptr<Child>> children;
    for (int i = 0; i < 3; ++i) {
        children.push_back(std::make_unique<Child>([&folder](Wire& wire) {
            const auto table = open(folder);
            wire.say("open");
            static_cast<void>(wire.hear());
            for (unsigned n = 0; n < raises; ++n) table->raise(key(9));
            return 0;
        }));
        ASSERT_EQ(children.back()->wire().hear(), "open");
    }
    const auto table = open(folder);
    const auto before = table->read(key(9));
    for (const auto& child : children) child->wire().say("go");
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 2; ++i) {
            threads.emplace_back([&table] {
                for (unsigned n = 0; n < raises; ++n) table->raise(key(9));
            });
        }
    }
    for (const auto& child : children) EXPECT_EQ(child->wait(), 0);
    EXPECT_EQ(table->read(key(9)), before + 5 * raises);
}

// ids: S34
TEST(StripeTable, worker_killed_while_raising_leaves_a_table_that_works) {
    const TemporaryFolder folder;
    const auto table = open(folder);
    for (int round = 0; round < 50; ++round) {
        Child worker([&folder](Wire& wire) {
            const auto mine = open(folder);
            wire.say("raising");
            for (;;) mine->raise(key(1));
            return 0;
        });
        ASSERT_EQ(worker.wire().hear(), "raising");
        const auto seen = table->read(key(1));
        while (table->read(key(1)) == seen) std::this_thread::yield();
        worker.kill_and_wait();
        const auto before = table->read(key(1));
        table->raise(key(1));
        ASSERT_EQ(table->read(key(1)), before + 1);
        ASSERT_EQ(open(folder)->read(key(1)), before + 1);
    }
    EXPECT_TRUE(table->healthy(later()));
}

// ids: S34
TEST(StripeTable, worker_killed_while_opening_leaves_nothing_locked) {
    const TemporaryFolder folder;
    for (int round = 0; round < 50; ++round) {
        Child worker([&folder](Wire& wire) {
            for (bool told = false;;) {
                const auto mine = open(folder);  // makes one, because nobody else has it
                std::filesystem::remove(file_of(folder));
                if (!std::exchange(told, true)) wire.say("opening");
            }
            return 0;
        });
        ASSERT_EQ(worker.wire().hear(), "opening");
        worker.kill_and_wait();
        auto opened = StripeTable::open(folder.file("tables"), identity);
        ASSERT_TRUE(opened) << opened.error().detail;
        ASSERT_TRUE((*opened)->healthy(later()));
    }
}

// ids: S34 C29
TEST(StripeTable, memory_is_freed_with_its_last_user_and_made_again) {
    const TemporaryFolder folder;
    auto table = open(folder);
    const auto file = StripeFile::in(folder.file("tables"), identity);
    const auto named = *file->read();
    shmid_ds status{};
    ASSERT_EQ(shmctl(named->id, IPC_STAT, &status), 0);
    EXPECT_EQ(status.shm_nattch, 1U);
    const auto before = table->read(key(1));
    table.reset();
    EXPECT_NE(shmctl(named->id, IPC_STAT, &status), 0);
    table = open(folder);
    EXPECT_TRUE(table->shared());
    EXPECT_NE(table->read(key(1)), before);
    EXPECT_NE(*file->read(), named);
}

// ids: S34 C29
TEST(StripeTable, segment_left_by_a_maker_who_was_killed_is_removed_by_the_next) {
    const TemporaryFolder folder;
    const auto key_of_table = StripeFile::in(folder.file("tables"), identity)->key();
    // As long as the layout is: what a kill between making and marking leaves.
    const auto size = segment_size(folder);
    std::filesystem::remove(file_of(folder));
    const int left = shmget(key_of_table, size, IPC_CREAT | IPC_EXCL | 0600);
    ASSERT_GE(left, 0);
    EXPECT_TRUE(open(folder)->shared());
    shmid_ds status{};
    EXPECT_NE(shmctl(left, IPC_STAT, &status), 0);

    // What another program has under that key stays.
    std::filesystem::remove(file_of(folder));
    const int foreign = shmget(key_of_table, 4096, IPC_CREAT | IPC_EXCL | 0600);
    ASSERT_GE(foreign, 0);
    EXPECT_TRUE(open(folder)->shared());
    EXPECT_EQ(shmctl(foreign, IPC_STAT, &status), 0);
    shmctl(foreign, IPC_RMID, nullptr);
}

// ids: S34
TEST(StripeTable, id_that_names_another_segment_by_now_is_not_believed) {
    const TemporaryFolder folder;
    const auto file = StripeFile::in(folder.file("tables"), identity);
    const auto foreign = CounterMemory::create(77);
    ASSERT_TRUE(foreign);
    const int small = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    void* mapped = shmat(small, nullptr, 0);
    shmctl(small, IPC_RMID, nullptr);
    for (const auto& name : {SegmentName{foreign->name.id, 78}, SegmentName{small, 78}}) {
        ASSERT_TRUE(file->write(name));
        const auto table = open(folder);
        EXPECT_TRUE(table->shared());
        EXPECT_NE((*file->read())->instance, 78U);
    }
    EXPECT_EQ(*foreign->memory.counters(), 77U);
    shmdt(mapped);
}

// ids: S18
TEST(StripeTable, truncating_the_file_stops_no_reader_and_is_noticed) {
    const TemporaryFolder folder;
    const auto table = open(folder);
    std::atomic<bool> done{false};
    std::atomic<std::uint64_t> reads{0};
    std::jthread reader([&] {
        while (!done) {
            for (std::uint16_t stripe = 0; stripe < 1000; ++stripe)
                static_cast<void>(table->read(key(static_cast<std::uint16_t>(stripe * 65))));
            ++reads;
        }
    });
    ASSERT_EQ(truncate(file_of(folder).c_str(), 0), 0);
    const auto seen = reads.load();
    while (reads < seen + 10) std::this_thread::yield();
    table->raise(key(1));
    EXPECT_FALSE(table->healthy(later()));
    done = true;
    // What is damaged is not repaired behind the operator's back.
    const auto reopened = table->reopen();
    ASSERT_FALSE(reopened);
    EXPECT_NE(reopened.error().detail.find("remove it"), std::string::npos);
    EXPECT_FALSE(table->healthy(later()));
    std::filesystem::remove(file_of(folder));
    EXPECT_TRUE(table->reopen());
    EXPECT_TRUE(table->healthy(later()));
}

// ids: S18
TEST(StripeTable, removed_file_is_noticed_within_a_second) {
    const TemporaryFolder folder;
    const auto table = open(folder);
    const auto opened = StripeTable::Clock::now();
    std::filesystem::remove(file_of(folder));
    EXPECT_TRUE(table->healthy(opened));
    EXPECT_FALSE(table->healthy(opened + StripeTable::check_interval));
    EXPECT_FALSE(table->healthy(opened));  // and it stays so
}

// ids: S18
TEST(StripeTable, nothing_kept_under_the_old_table_matches_in_the_new_one) {
    const TemporaryFolder folder;
    const auto table = open(folder);
    std::vector<std::uint64_t> kept;
    for (std::uint32_t n = 0; n < stripe_count; n += 257)
        kept.push_back(table->read(key(static_cast<std::uint16_t>(n))));
    const auto all_differ = [&] {
        auto value = kept.begin();
        for (std::uint32_t n = 0; n < stripe_count; n += 257, ++value) {
            if (table->read(key(static_cast<std::uint16_t>(n))) == *value) return false;
        }
        return true;
    };
    ASSERT_TRUE(table->reopen());  // the same table
    EXPECT_EQ(table->read(key(0)), kept.front());
    std::filesystem::remove(file_of(folder));
    const auto newcomer = open(folder);
    ASSERT_FALSE(table->healthy(later()));
    ASSERT_TRUE(table->reopen());
    EXPECT_TRUE(table->healthy(later()));
    EXPECT_TRUE(all_differ());
    newcomer->raise(key(4));
    EXPECT_EQ(table->read(key(4)), newcomer->read(key(4)));
    ASSERT_TRUE(table->go_private());
    EXPECT_TRUE(all_differ());
    EXPECT_FALSE(table->shared());
    EXPECT_TRUE(table->healthy(later()));
    newcomer->raise(key(4));
    EXPECT_NE(table->read(key(4)), newcomer->read(key(4)));
}

// ids: S18
TEST(StripeTable, file_put_in_its_place_is_noticed_even_if_it_is_well_formed) {
    const TemporaryFolder folder;
    const auto table = open(folder);
    const auto file = StripeFile::in(folder.file("tables"), identity);
    auto other = CounterMemory::create(1);
    ASSERT_TRUE(other);
    ASSERT_TRUE(file->write(other->name));
    EXPECT_FALSE(table->healthy(later()));
    ASSERT_TRUE(table->reopen());
    EXPECT_EQ(table->read(key(1)), 1U);
}

// ids: S18
TEST(StripeTable, readers_and_writers_need_not_stop_for_a_reopen) {
    const TemporaryFolder folder;
    const auto table = open(folder);
    std::atomic<bool> done{false};
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
            while (!done) {
                table->raise(key(1));
                static_cast<void>(table->read(key(2)));
                static_cast<void>(table->healthy(later()));
            }
        });
    }
    for (int round = 0; round < 100; ++round) {
        std::filesystem::remove(file_of(folder));
        const auto before = table->read(key(2));
        while (!table->reopen()) std::this_thread::yield();  // a check may be at it
        ASSERT_NE(table->read(key(2)), before);
        while (round % 10 == 0 && !table->go_private()) std::this_thread::yield();
    }
    done = true;
    threads.clear();
    while (!table->reopen()) std::this_thread::yield();
    EXPECT_TRUE(table->healthy(later()));
}

// ids: S18
TEST(StripeTable, private_counters_become_shared_once_the_folder_allows_it) {
    const TemporaryFolder folder;
    const auto directory = folder.file("tables");
    std::filesystem::create_directory(directory);
    ASSERT_EQ(chmod(directory.c_str(), 0755), 0);
    const auto refused = StripeTable::open(directory, identity);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::bad_options);
    EXPECT_NE(refused.error().detail.find("chmod 700"), std::string::npos);
    const auto table = StripeTable::private_table(directory, identity);
    EXPECT_FALSE(table->reopen());
    EXPECT_TRUE(table->healthy(later()));
    ASSERT_EQ(chmod(directory.c_str(), 0700), 0);
    EXPECT_TRUE(table->reopen());
    EXPECT_TRUE(table->shared());
    EXPECT_FALSE(StripeTable::private_table()->reopen());
}

// ids: S18 C29
TEST(StripeTable, file_in_use_is_kept_fresh_every_hour) {
    const TemporaryFolder folder;
    const auto table = open(folder);
    const auto file = file_of(folder);
    const timespec old[2] = {{1000, 0}, {1000, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, file.c_str(), old, 0), 0);
    struct stat status {};
    EXPECT_TRUE(table->healthy(StripeTable::Clock::now() + 59min));
    ASSERT_EQ(stat(file.c_str(), &status), 0);
    EXPECT_EQ(status.st_mtime, 1000);
    EXPECT_TRUE(table->healthy(StripeTable::Clock::now() + 61min));
    ASSERT_EQ(stat(file.c_str(), &status), 0);
    EXPECT_GT(status.st_mtime, 1000);
}

}  // namespace
}  // namespace vedfolnir::cache
