#include "journal/file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/random.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace vedfolnir::journal {
namespace {

namespace fs = std::filesystem;

constexpr const char* file_name = "/waiting.journal";
constexpr const char* refused_name = "/refused.jsonl";
constexpr const char* damaged_prefix = "damaged-";
constexpr int open_attempts_max = 16;
/// Whoever replays notes its progress more often, unless SQL does not answer.
constexpr std::chrono::seconds progress_age_max{2};

std::string system_words() { return std::error_code(errno, std::generic_category()).message(); }

/// A descriptor for reading, closed on scope exit.
struct Reading {
    explicit Reading(const std::string& path)
        : descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) {}
    ~Reading() {
        if (descriptor >= 0) ::close(descriptor);
    }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;
    int descriptor;
};

/// Up to `size` bytes from `offset` on; fewer where the file ends. Empty optional: it cannot be read.
std::optional<std::string> read_at(int descriptor, std::size_t offset, std::size_t size) {
    std::string bytes(size, '\0');
    std::size_t done = 0;
    while (done < size) {
        const auto got = ::pread(descriptor, bytes.data() + done, size - done,
                                 static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::nullopt;
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    bytes.resize(done);
    return bytes;
}

bool write_all(int descriptor, std::size_t offset, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto put =
            ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        offset += static_cast<std::size_t>(put);
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return true;
}

/// How many records of the journal `file` are in SQL, as `write_progress` noted it; 0 where it is about another one.
std::uint64_t read_progress(int descriptor, const FileId& file) {
    const auto bytes = read_at(descriptor, 0, file.size() + sizeof(std::uint64_t));
    if (!bytes || bytes->size() != file.size() + sizeof(std::uint64_t)) return 0;
    if (!std::equal(file.begin(), file.end(), bytes->begin(),
                    [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); }))
        return 0;
    std::uint64_t count = 0;
    for (const char byte : bytes->substr(file.size()))
        count = count << 8U | static_cast<std::uint8_t>(byte);
    return count;
}

bool write_progress(int descriptor, const FileId& file, std::uint64_t count) {
    std::string bytes(file.begin(), file.end());
    for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(count >> shift & 0xffU);
    return write_all(descriptor, 0, bytes);
}

bool was_written_lately(int descriptor) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0 || status.st_size == 0) return false;
    const auto written = std::chrono::system_clock::from_time_t(status.st_mtim.tv_sec);
    const auto age = std::chrono::system_clock::now() - written;
    return age >= -progress_age_max && age <= progress_age_max + std::chrono::seconds(1);
}

bool sync_folder(const std::string& folder) {
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return false;
    const bool synced = ::fsync(descriptor) == 0;
    ::close(descriptor);
    return synced;
}

std::size_t size_of(int descriptor) {
    struct stat status {};
    return ::fstat(descriptor, &status) == 0 ? static_cast<std::size_t>(status.st_size) : 0;
}

TimePoint moment(std::int64_t at_ms) { return TimePoint(Millis(at_ms)); }

}  // namespace

JournalFile::JournalFile(std::string folder, const JournalOptions& options)
    : folder_(std::move(folder)), path_(folder_ + file_name), options_(options) {}

Error JournalFile::failure(const std::string& what) const {
    return {Errc::audit_unavailable,
            fmt::format("the journal {}: {}: {}; VEDFOLNIR_STATE_DIR needs "
                        "space and must be writable for uid {}",
                        path_, what, system_words(), ::geteuid())};
}

Error JournalFile::full(const std::string& why) const {
    return {Errc::audit_unavailable,
            fmt::format("the journal {} is full: {}. It empties itself once SQL answers; "
                        "VEDFOLNIR_JOURNAL_MB and VEDFOLNIR_JOURNAL_ENTRIES are its bounds",
                        path_, why)};
}

/// The file that stands at the path now, locked: whoever emptied it meanwhile has put another in its place.
Result<runtime::PrivateFile> JournalFile::open_locked(Deadline deadline) {
    // Private even where others may enter the state folder.
    const std::string parent = fs::path(folder_).parent_path().string();
    int made = ::mkdir(folder_.c_str(), 0700);
    if (made != 0 && errno == ENOENT && ::mkdir(parent.c_str(), 0700) == 0)
        made = ::mkdir(folder_.c_str(), 0700);
    if (made == 0) {
        if (!sync_folder(parent)) return failure("fsync");
    } else if (errno != EEXIST) {
        return failure("mkdir");
    }
    for (int attempt = 0; attempt < open_attempts_max; ++attempt) {
        auto file = runtime::PrivateFile::open(path_);
        if (!file) return file.error();
        const auto locked = file->lock(deadline);
        if (!locked) return locked.error();
        if (!*locked)
            return Error{Errc::audit_unavailable,
                         "another process kept the lock of " + path_ + " until the deadline"};
        struct stat mine {};
        struct stat there {};
        if (::fstat(file->descriptor(), &mine) != 0) return failure("fstat");
        if (mine.st_uid != ::geteuid())
            return Error{Errc::audit_unavailable, path_ + " belongs to another user"};
        if (::stat(path_.c_str(), &there) == 0 && there.st_ino == mine.st_ino &&
            there.st_dev == mine.st_dev)
            return file;
        file->unlock();
    }
    return Error{Errc::audit_unavailable, path_ + " is replaced again and again"};
}

/// Reads what others appended, and mends the end: a record that is no whole one was never acknowledged. Under the lock.
Result<void> JournalFile::catch_up(int descriptor) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) return failure("fstat");
    const auto size = static_cast<std::size_t>(status.st_size);
    const auto header = read_at(descriptor, 0, header_size);
    if (!header) return failure("read");
    const auto id = read_header(*header);
    if (!id && header->size() < header_size) {
        // Its maker died before the first entry was there.
        if (size > 0 && ::ftruncate(descriptor, 0) != 0) return failure("truncate");
        known_ = {};
        return {};
    }
    if (!id)
        return Error{Errc::audit_unavailable,
                     path_ + " is no journal of this version; move it away and look into it"};
    if (known_.id != *id || known_.inode != status.st_ino || known_.end > size)
        known_ = {*id, status.st_ino, header_size, 0, {}};
    const auto bytes = read_at(descriptor, known_.end, size - known_.end);
    if (!bytes) return failure("read");
    auto found = scan(*id, *bytes, known_.records + 1);
    known_.end += found.good;
    known_.records += found.records.size();
    if (!known_.oldest && !found.records.empty())
        known_.oldest = moment(found.records.front().at_ms);
    std::ranges::move(found.records, std::back_inserter(unread_));
    if (found.tail == Tail::clean) return {};
    if (found.tail == Tail::damaged) return keep_good_part(descriptor);
    complaint_ = fmt::format("{}: cut {} bytes behind offset {}: an entry that was never finished",
                             path_, size - known_.end, known_.end);
    if (::ftruncate(descriptor, static_cast<off_t>(known_.end)) != 0) return failure("truncate");
    return {};
}

/// Damage in the middle: a copy of the whole file is kept for the operator, and the journal ends before the damage.
Result<void> JournalFile::keep_good_part(int descriptor) {
    const auto bytes = read_at(descriptor, 0, size_of(descriptor));
    if (!bytes) return failure("read");
    const std::string aside =
        fmt::format("{}/{}{}.journal", folder_, damaged_prefix,
                    std::chrono::system_clock::now().time_since_epoch().count());
    auto copy = runtime::PrivateFile::open(aside);
    if (!copy) return copy.error();
    if (!write_all(copy->descriptor(), 0, *bytes) || ::fsync(copy->descriptor()) != 0 ||
        !sync_folder(folder_))
        return failure("copy to " + aside);
    complaint_ = fmt::format(
        "{} is damaged at offset {}: entries from there on are NOT replayed; all of it is kept in {}",
        path_, known_.end, aside);
    if (::ftruncate(descriptor, static_cast<off_t>(known_.end)) != 0) return failure("truncate");
    return {};
}

/// A failed write is taken back: what was not acknowledged is not replayed either.
Result<void> JournalFile::write(int descriptor, const std::string& bytes) {
    if (write_all(descriptor, known_.end, bytes) && ::fdatasync(descriptor) == 0) return {};
    const auto error = failure("write");
    if (::ftruncate(descriptor, static_cast<off_t>(known_.end)) != 0)
        complaint_ = path_ + ": a failed write could not be taken back: " + system_words();
    return error;
}

Result<void> JournalFile::begin(int descriptor, const Entry& opening) {
    FileId id{};
    if (::getrandom(id.data(), id.size(), 0) != static_cast<ssize_t>(id.size()))
        return failure("getrandom");
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) return failure("fstat");
    known_ = {};
    const Record first{1, opening.at.time_since_epoch().count(), opening.body};
    const std::string bytes = file_header(id) + frame(id, first);
    if (auto written = write(descriptor, bytes); !written) return written.error();
    if (::fsync(descriptor) != 0 || !sync_folder(folder_)) return failure("fsync");
    known_ = {id, status.st_ino, bytes.size(), 1, opening.at};
    unread_.push_back(first);
    return {};
}

Result<void> JournalFile::append(const std::vector<Entry>& entries, const Entry& opening,
                                 Deadline deadline) {
    auto file = open_locked(deadline);
    if (!file) return file.error();
    auto done = catch_up(file->descriptor());
    if (done && known_.records == 0) done = begin(file->descriptor(), opening);
    std::string bytes;
    auto number = known_.records;
    for (const Entry& entry : entries) {
        if (entry.body.empty() || entry.body.size() > body_max) {
            done = Error{Errc::too_large, fmt::format("an entry of {} bytes", entry.body.size())};
            break;
        }
        bytes += frame(known_.id, {++number, entry.at.time_since_epoch().count(), entry.body});
    }
    if (done && number > options_.entries_max)
        done = full(fmt::format("{} entries wait", known_.records));
    if (done && known_.end + bytes.size() > options_.bytes_max)
        done = full(fmt::format("{} bytes wait", known_.end));
    if (done && !bytes.empty()) {
        done = write(file->descriptor(), bytes);
        if (done) {
            known_.end += bytes.size();
            known_.records = number;
        }
    }
    // Explicitly: a copy of the descriptor that a fork took away would keep the lock.
    file->unlock();
    return done;
}

bool JournalFile::changed() const {
    struct stat status {};
    if (!unread_.empty()) return true;
    if (::stat(path_.c_str(), &status) != 0) return known_.records > 0;
    return status.st_ino != known_.inode || static_cast<std::size_t>(status.st_size) != known_.end;
}

Result<std::vector<Record>> JournalFile::read_new() {
    const Reading reading(path_);
    if (reading.descriptor < 0) {
        if (errno != ENOENT) return failure("open");
        known_ = {};
        return std::exchange(unread_, {});
    }
    struct stat status {};
    if (::fstat(reading.descriptor, &status) != 0) return failure("fstat");
    const auto header = read_at(reading.descriptor, 0, header_size);
    if (!header) return failure("read");
    const auto id = read_header(*header);
    if (!id) return std::exchange(unread_, {});  // being made just now, or for `append` to complain
    const auto size = static_cast<std::size_t>(status.st_size);
    if (known_.id != *id || known_.inode != status.st_ino || known_.end > size)
        known_ = {*id, status.st_ino, header_size, 0, {}};
    const auto bytes = read_at(reading.descriptor, known_.end, size - known_.end);
    if (!bytes) return failure("read");
    auto found = scan(*id, *bytes, known_.records + 1);
    known_.end += found.good;
    known_.records += found.records.size();
    if (!known_.oldest && !found.records.empty())
        known_.oldest = moment(found.records.front().at_ms);
    std::ranges::move(found.records, std::back_inserter(unread_));
    return std::exchange(unread_, {});
}

Result<std::optional<JournalFile::Turn>> JournalFile::begin_replay(Deadline deadline) {
    using Answer = std::optional<Turn>;
    // Whoever had the last turn gave up before it was there, or before it was ended: its lock would keep everybody out.
    if (turn_) turn_->unlock();
    turn_.reset();
    struct stat status {};
    if (::stat(path_.c_str(), &status) != 0 && errno == ENOENT) return Answer{};
    auto turn = runtime::PrivateFile::open(folder_ + "/replaying");
    if (!turn) return turn.error();
    const auto mine = turn->lock(std::chrono::steady_clock::now());
    if (!mine) return mine.error();
    others_replay_ = !*mine && was_written_lately(turn->descriptor());
    if (!*mine) return Answer{};
    auto file = open_locked(deadline);
    if (!file) return file.error();
    // Mends the end, so that a last entry which is none does not keep the file for ever.
    if (auto caught_up = catch_up(file->descriptor()); !caught_up) return caught_up.error();
    const auto all =
        read_at(file->descriptor(), header_size, std::max(known_.end, header_size) - header_size);
    file->unlock();
    if (!all) return failure("read");
    replayed_file_ = known_.id;
    replayed_ = read_progress(turn->descriptor(), known_.id);
    auto found = scan(known_.id, *all, 1);
    const auto skipped = std::min<std::uint64_t>(replayed_, found.records.size());
    found.records.erase(found.records.begin(),
                        found.records.begin() + static_cast<std::ptrdiff_t>(skipped));
    turn_ = std::move(*turn);
    return Answer{Turn{known_.id, std::move(found.records), skipped}};
}

Result<bool> JournalFile::finish(const FileId& file_id, std::uint64_t count, Deadline deadline) {
    // Ends with this call, whatever comes of it.
    auto turn = std::exchange(turn_, std::nullopt);
    const auto ended = [&](Result<bool> answer) {
        if (turn) turn->unlock();
        return answer;
    };
    if (!turn || file_id != replayed_file_) return ended(false);
    // What is not noted is replayed again, and recognised in SQL by its operation ids.
    if (count > replayed_ && write_progress(turn->descriptor(), file_id, count)) replayed_ = count;
    auto file = open_locked(deadline);
    if (!file) return ended(file.error());
    auto caught_up = catch_up(file->descriptor());
    const bool all = caught_up && known_.id == file_id && known_.records <= count;
    if (all && ::unlink(path_.c_str()) != 0) caught_up = failure("unlink");
    file->unlock();
    if (!caught_up) return ended(caught_up.error());
    if (!all) return ended(false);
    known_ = {};
    // Removed or not after a power loss: what it held is in SQL, and is recognised there.
    static_cast<void>(sync_folder(folder_));
    return ended(true);
}

Result<void> JournalFile::set_aside(const std::string& text, Deadline deadline) {
    auto file = runtime::PrivateFile::open(folder_ + refused_name);
    if (!file) return file.error();
    const auto locked = file->lock(deadline);
    if (!locked) return locked.error();
    if (!*locked) return Error{Errc::audit_unavailable, folder_ + refused_name + " stays locked"};
    const bool written = write_all(file->descriptor(), size_of(file->descriptor()), text + "\n") &&
                         ::fdatasync(file->descriptor()) == 0;
    file->unlock();
    if (!written) return failure("write of what SQL refused");
    return {};
}

std::string JournalFile::take_complaint() { return std::exchange(complaint_, {}); }

Result<Status> look(const std::string& folder) {
    Status status;
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(folder, failed)) {
        const std::string name = "/" + entry.path().filename().string();
        if (name == refused_name || name.starts_with(std::string("/") + damaged_prefix))
            status.aside.push_back(entry.path().string());
    }
    if (failed && failed != std::errc::no_such_file_or_directory)
        return Error{Errc::audit_unavailable, folder + ": " + failed.message()};
    std::ranges::sort(status.aside);
    const std::string path = folder + file_name;
    const Reading reading(path);
    if (reading.descriptor < 0) {
        if (errno == ENOENT) return status;
        return Error{Errc::audit_unavailable, path + ": " + system_words()};
    }
    const auto bytes = read_at(reading.descriptor, 0, size_of(reading.descriptor));
    if (!bytes) return Error{Errc::audit_unavailable, path + ": " + system_words()};
    status.bytes = bytes->size();
    const auto id = read_header(*bytes);
    if (!id) {
        status.tail = bytes->size() < header_size ? Tail::torn : Tail::damaged;
        return status;
    }
    const auto found = scan(*id, std::string_view(*bytes).substr(header_size), 1);
    status.entries = found.records.size();
    if (!found.records.empty()) status.oldest = moment(found.records.front().at_ms);
    status.tail = found.tail;
    status.damage_at = found.tail == Tail::clean ? 0 : header_size + found.good;
    return status;
}

}  // namespace vedfolnir::journal
