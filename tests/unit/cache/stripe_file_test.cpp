#include "cache/stripe_file.hpp"
#include "support/child.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace vedfolnir::cache {
namespace {

using test::Child;
using test::TemporaryFolder;
using test::Wire;

constexpr std::string_view identity = "redis.example:6379/0 vedfolnir:session:";
constexpr SegmentName sample{12'345, 0x0123'4567'89ab'cdef};

StripeFile file_in(const std::string& directory) {
    auto file = StripeFile::in(directory, identity);
    if (!file) throw std::runtime_error(file.error().detail);
    return *file;
}

std::string content(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

void overwrite(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
    return text.replace(text.find(what), what.size(), by);
}

void age_by(const std::string& path, std::time_t seconds) {
    const std::time_t then = std::time(nullptr) - seconds;
    const timespec times[2] = {{then, 0}, {then, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}

// ids: S32
TEST(StripeFile, says_what_was_written_and_is_private) {
    const TemporaryFolder folder;
    const auto file = file_in(folder.file("tables"));
    EXPECT_FALSE(file.read()->has_value());
    ASSERT_TRUE(file.write(sample));
    EXPECT_EQ(**file.read(), sample);
    EXPECT_EQ(
        content(file.path()),
        "vedfolnir stripes 1\ncounters 65536\nsegment 0000012345\ninstance 0123456789abcdef\n");
    struct stat status {};
    ASSERT_EQ(stat(file.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U);
    ASSERT_EQ(stat(file.directory().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0700U);
    ASSERT_TRUE(file.write({7, 8}));  // in place of the first, and no draft stays
    EXPECT_EQ(**file.read(), (SegmentName{7, 8}));
    const std::filesystem::directory_iterator entries(file.directory());
    EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
}

// ids: S32
TEST(StripeFile, name_depends_on_the_store_and_shows_nothing_of_it) {
    const TemporaryFolder folder;
    const auto one = file_in(folder.file("tables"));
    const auto other = StripeFile::in(folder.file("tables"), "redis.example:6379/1 x:");
    EXPECT_NE(one.path(), other->path());
    EXPECT_EQ(one.path().find("redis"), std::string::npos);
}

// ids: S32
TEST(StripeFile, what_is_not_our_private_file_is_refused_with_what_to_do) {
    struct Case {
        const char* name;
        std::function<void(const std::string& path)> spoil;
        const char* words;
    };
    const auto edit = [](std::string_view what, std::string_view by) {
        return [=](const std::string& path) { overwrite(path, replaced(content(path), what, by)); };
    };
    const Case cases[] = {
        {"link",
         [](const auto& path) {
             std::filesystem::rename(path, path + ".moved");
             std::filesystem::create_symlink(path + ".moved", path);
         },
         "link"},
        {"dangling link",
         [](const auto& path) {
             std::filesystem::remove(path);
             std::filesystem::create_symlink(path + ".nowhere", path);
         },
         "link"},
        {"second name",
         [](const auto& path) { std::filesystem::create_hard_link(path, path + ".second"); },
         "second name"},
        {"readable by the group", [](const auto& path) { ::chmod(path.c_str(), 0640); }, "0600"},
        {"folder",
         [](const auto& path) {
             std::filesystem::remove(path);
             std::filesystem::create_directory(path);
         },
         "not a regular file"},
        {"fifo",
         [](const auto& path) {
             std::filesystem::remove(path);
             ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
         },
         "not a regular file"},
        {"empty", [](const auto& path) { overwrite(path, ""); }, "size"},
        {"short", [](const auto& path) { std::filesystem::resize_file(path, 40); }, "size"},
        {"long", [](const auto& path) { overwrite(path, content(path) + "\n"); }, "size"},
        {"zeros",
         [](const auto& path) {
             overwrite(path, std::string(std::filesystem::file_size(path), '\0'));
         },
         "damaged"},
        {"version 2", edit("stripes 1", "stripes 2"), "another version"},
        {"other size of table", edit("65536", "32768"), "damaged"},
        {"negative id", edit("0000012345", "-000012345"), "damaged"},
        {"id too large", edit("0000012345", "9999999999"), "damaged"},
        {"id no number", edit("0000012345", "00000x2345"), "damaged"},
        {"capital digits", edit("89abcdef", "89ABCDEF"), "damaged"},
    };
    for (const auto& [name, spoil, words] : cases) {
        SCOPED_TRACE(name);
        const TemporaryFolder folder;
        const auto file = file_in(folder.file("tables"));
        ASSERT_TRUE(file.write(sample));
        spoil(file.path());
        const auto read = file.read();
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().code, Errc::bad_options);
        EXPECT_NE(read.error().detail.find(words), std::string::npos) << read.error().detail;
        EXPECT_NE(read.error().detail.find("remove it"), std::string::npos);
        EXPECT_NE(read.error().detail.find(file.path()), std::string::npos);
        EXPECT_EQ(read.error().public_message.find(file.path()), std::string::npos);
    }
}

// ids: S32
TEST(StripeFile, folder_that_is_not_private_is_refused_with_what_to_do) {
    const TemporaryFolder folder;
    const auto directory = folder.file("tables");
    const auto refusal = [](const std::string& path) {
        auto file = StripeFile::in(path, identity);
        return file ? std::string() : file.error().detail;
    };
    EXPECT_NE(refusal(folder.file("missing/tables")), "");
    ASSERT_EQ(refusal(directory), "");
    for (const mode_t mode : {0750, 0701, 0777, 01777}) {
        ASSERT_EQ(chmod(directory.c_str(), mode), 0);
        EXPECT_NE(refusal(directory).find("chmod 700"), std::string::npos);
    }
    ASSERT_EQ(chmod(directory.c_str(), 0700), 0);
    std::filesystem::create_symlink(directory, folder.file("link"));
    EXPECT_NE(refusal(folder.file("link")), "");
    overwrite(folder.file("file"), "");
    EXPECT_NE(refusal(folder.file("file")), "");
}

// ids: S32
TEST(StripeFile, another_user_is_refused_and_refuses) {
    if (geteuid() != 0) GTEST_SKIP() << "only root has files of two users";
    const TemporaryFolder folder;
    const auto file = file_in(folder.file("tables"));
    ASSERT_TRUE(file.write(sample));
    Child other([&file](Wire&) {
        if (setgid(65'534) != 0 || setuid(65'534) != 0) return 1;
        const auto opened = StripeFile::in(file.directory(), identity);
        return !opened && opened.error().code == Errc::bad_options ? 0 : 2;
    });
    EXPECT_EQ(other.wait(), 0);
    ASSERT_EQ(chown(file.path().c_str(), 65'534, 65'534), 0);
    const auto read = file.read();
    ASSERT_FALSE(read);
    EXPECT_NE(read.error().detail.find("another user"), std::string::npos);
    ASSERT_EQ(chown(file.directory().c_str(), 65'534, 65'534), 0);
    const auto opened = StripeFile::in(file.directory(), identity);
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().detail.find("another user"), std::string::npos);
}

// ids: C29
TEST(StripeFile, clean_removes_what_nobody_used_for_a_week_and_nothing_else) {
    constexpr std::time_t day = 86'400;
    const TemporaryFolder folder;
    const auto file = file_in(folder.file("tables"));
    const std::string hex(16, 'a');
    const auto foreign = file.directory() + "/stripes-v1-" + hex + "-" + hex + "-" + hex;
    const auto older_layout = file.directory() + "/stripes-v0-" + hex + "-" + hex + "-" + hex;
    const std::string kept[] = {
        file.path(),  // its own, however old
        file.directory() + "/sessions.db",
        file.directory() + "/stripes-v1-" + hex,
        foreign + "-" + hex,
        file.directory() + "/stripes-v1-" + std::string(16, 'z') + "-" + hex + "-" + hex,
    };
    const std::string removed[] = {foreign, older_layout, foreign + ".Ab3xYz"};
    for (const auto& name : kept) {
        overwrite(name, "x");
        age_by(name, 30 * day);
    }
    for (const auto& name : removed) overwrite(name, "x");
    for (const auto& name : removed) age_by(name, 7 * day - 60);
    static_cast<void>(file.clean());
    for (const auto& name : removed) EXPECT_TRUE(std::filesystem::exists(name)) << name;
    for (const auto& name : removed) age_by(name, 7 * day + 60);
    static_cast<void>(file.clean());
    for (const auto& name : removed) EXPECT_FALSE(std::filesystem::exists(name)) << name;
    for (const auto& name : kept) EXPECT_TRUE(std::filesystem::exists(name)) << name;
}

// ids: S32
TEST(StripeFile, another_container_in_the_same_folder_is_told) {
    const TemporaryFolder folder;
    const auto file = file_in(folder.file("tables"));
    ASSERT_TRUE(file.write(sample));
    EXPECT_FALSE(file.clean().elsewhere);
    const auto other_store = StripeFile::in(file.directory(), "another");
    ASSERT_TRUE(other_store->write(sample));
    EXPECT_FALSE(file.clean().elsewhere);
    const auto elsewhere = file.path().substr(0, file.path().rfind('-') + 1) + std::string(16, 'f');
    overwrite(elsewhere, "x");
    EXPECT_TRUE(file.clean().elsewhere);
    age_by(elsewhere, 3 * 3600);
    EXPECT_FALSE(file.clean().elsewhere);
}

// ids: S34
TEST(StripeTurn, is_one_process_at_a_time_and_ends_with_it) {
    const TemporaryFolder folder;
    const auto directory = file_in(folder.file("tables")).directory();
    Child owner([&directory](Wire& wire) {
        const auto turn = StripeTurn::take(directory, deadline_in(Millis{30'000}));
        wire.say(turn ? "mine" : "refused");
        static_cast<void>(wire.hear());
        return 0;
    });
    ASSERT_EQ(owner.wire().hear(), "mine");
    const auto refused = StripeTurn::take(directory, deadline_in(Millis{5}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::deadline_exceeded);
    owner.kill_and_wait();
    EXPECT_TRUE(StripeTurn::take(directory, deadline_in(Millis{30'000})));
}

// ids: S34
TEST(StripeTurn, child_forked_meanwhile_does_not_prolong_it) {
    const TemporaryFolder folder;
    const auto directory = file_in(folder.file("tables")).directory();
    auto turn = std::make_optional(StripeTurn::take(directory, deadline_in(Millis{30'000})));
    ASSERT_TRUE(*turn);
    Child heir([](Wire& wire) {
        static_cast<void>(wire.hear());
        return 0;
    });
    turn.reset();
    EXPECT_TRUE(StripeTurn::take(directory, deadline_in(Millis{30'000})));
    heir.wire().say("end");
    EXPECT_EQ(heir.wait(), 0);
}

}  // namespace
}  // namespace vedfolnir::cache
