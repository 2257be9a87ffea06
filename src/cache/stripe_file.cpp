#include "cache/stripe_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

namespace vedfolnir::cache {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds stale_after = 7 * 24h;
constexpr std::chrono::seconds in_use_within = 2h;
constexpr std::string_view name_start = "stripes-v";
constexpr std::string_view draft_end = ".XXXXXX";

std::string words(int why) { return std::generic_category().message(why); }

Error refused(std::string_view path, std::string_view why) {
    return {Errc::bad_options, fmt::format("shared stripe counters, {}: {}", path, why)};
}

/// Closes on scope exit.
class Descriptor {
public:
    explicit Descriptor(int opened) : opened_(opened) {}
    ~Descriptor() {
        if (opened_ >= 0) ::close(opened_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    operator int() const { return opened_; }

private:
    int opened_;
};

/// FNV-1a. A collision makes two stores share counters: more misses, nothing stale.
std::uint64_t hash(std::string_view text) {
    std::uint64_t value = 0xcbf29ce484222325;
    for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return value;
}

/// Of fixed length, and readable with cat. `read` accepts exactly what this writes.
std::string render(const SegmentName& segment) {
    return fmt::format("vedfolnir stripes {}\ncounters {}\nsegment {:010}\ninstance {:016x}\n",
                       stripe_layout, stripe_count, segment.id, segment.instance);
}

template <class Number>
void parse_after(std::string_view text, std::string_view label, int base, Number& number) {
    const auto at = text.find(label);
    if (at == std::string_view::npos) return;
    const char* digits = text.data() + at + label.size();
    std::from_chars(digits, text.data() + text.size(), number, base);
}

std::optional<SegmentName> parse(std::string_view text) {
    SegmentName segment;
    parse_after(text, "segment ", 10, segment.id);
    parse_after(text, "instance ", 16, segment.instance);
    if (segment.id < 0 || render(segment) != text) return std::nullopt;
    return segment;
}

/// Where a System V id means the same segment: this boot and this namespace of the kernel.
Result<std::string> place() {
    std::array<char, 64> boot{};
    const Descriptor file(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
    const auto size = file < 0 ? -1 : ::read(file, boot.data(), boot.size());
    struct stat space {};
    if (size <= 0 || ::stat("/proc/self/ns/ipc", &space) != 0)
        return Error{Errc::unsupported, "shared stripe counters: /proc is not readable"};
    return fmt::format("{:016x}-{:016x}", hash({boot.data(), static_cast<std::size_t>(size)}),
                       space.st_ino);
}

Result<void> check_directory(const std::string& directory) {
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
        return refused(directory, words(errno));
    const Descriptor folder(
        ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat status {};
    if (folder < 0 || ::fstat(folder, &status) != 0) return refused(directory, words(errno));
    if (status.st_uid != ::geteuid())
        return refused(directory, "the folder belongs to another user");
    if ((status.st_mode & 077) != 0)
        return refused(directory, "others may enter the folder; chmod 700 it");
    return {};
}

/// Why a file of this kind is not believed; empty when it is.
std::string_view fault_of(const struct stat& status, std::size_t size) {
    if (!S_ISREG(status.st_mode)) return "not a regular file; remove it";
    if (status.st_uid != ::geteuid()) return "it belongs to another user; remove it";
    if ((status.st_mode & 07777) != 0600) return "its mode is not 0600; remove it";
    if (status.st_nlink != 1) return "it has a second name or none; remove it";
    if (status.st_size != static_cast<off_t>(size)) return "its size is wrong; remove it";
    return {};
}

bool is_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// `stripes-v1-` and three times sixteen digits, perhaps a draft's ending: nothing else is ever removed.
bool is_of_this_kind(std::string_view name) {
    if (!name.starts_with(name_start)) return false;
    name.remove_prefix(std::min(name.size(), name.find('-', name_start.size())));
    constexpr std::size_t part = 17;
    constexpr std::size_t parts = 3 * part;
    if (name.size() != parts && name.size() != parts + draft_end.size()) return false;
    for (std::size_t at = 0; at < parts; at += part) {
        if (name[at] != '-' || !is_hex(name.substr(at + 1, part - 1))) return false;
    }
    return name.size() == parts || name[parts] == '.';
}

std::chrono::seconds age(const struct stat& status) {
    return std::chrono::seconds(std::time(nullptr) - status.st_mtime);
}

}  // namespace

Result<StripeFile> StripeFile::in(const std::string& directory, std::string_view identity) {
    if (auto checked = check_directory(directory); !checked) return std::move(checked).error();
    auto here = place();
    if (!here) return std::move(here).error();
    return StripeFile(directory, fmt::format("{}{}-{:016x}-{}", name_start, stripe_layout,
                                             hash(identity), *here));
}

Result<std::optional<SegmentName>> StripeFile::read() const {
    // O_NONBLOCK: a FIFO put here must not hold anybody.
    const Descriptor file(::open(path_.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (file < 0) {
        if (errno == ENOENT) return std::optional<SegmentName>();
        return refused(path_, errno == ELOOP ? "it is a link; remove it" : words(errno));
    }
    std::array<char, 128> buffer{};
    const auto size = render({0, 0}).size();
    struct stat status {};
    if (::fstat(file, &status) != 0) return refused(path_, words(errno));
    if (const auto fault = fault_of(status, size); !fault.empty()) return refused(path_, fault);
    const auto got = ::read(file, buffer.data(), buffer.size());
    if (got < 0) return refused(path_, words(errno));
    auto segment = parse({buffer.data(), static_cast<std::size_t>(got)});
    if (!segment) return refused(path_, "it is damaged or of another version; remove it");
    return segment;
}

Result<void> StripeFile::write(const SegmentName& segment) const {
    std::string draft = path_ + std::string(draft_end);
    const Descriptor file(::mkostemp(draft.data(), O_CLOEXEC));  // mode 0600
    if (file < 0) return refused(draft, words(errno));
    const auto text = render(segment);
    errno = EIO;  // what a short write means
    if (::write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        ::rename(draft.c_str(), path_.c_str()) != 0) {
        const int why = errno;
        ::unlink(draft.c_str());
        return refused(path_, words(why));
    }
    return {};
}

std::int32_t StripeFile::key() const noexcept {
    return static_cast<std::int32_t>(hash(path_) & 0x7fffffff);
}

void StripeFile::touch() const noexcept {
    ::utimensat(AT_FDCWD, path_.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
}

StripeFile::Others StripeFile::clean() const noexcept {
    Others others;
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(directory_.c_str()), ::closedir);
    if (!folder) return others;
    // Same layout, store and boot, but another namespace.
    const auto same_store = std::string_view(name_).substr(0, name_.rfind('-') + 1);
    while (const dirent* entry = ::readdir(folder.get())) {
        const std::string_view name = entry->d_name;
        struct stat status {};
        if (name == name_ || !is_of_this_kind(name) ||
            ::fstatat(::dirfd(folder.get()), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (age(status) > stale_after)
            ::unlinkat(::dirfd(folder.get()), entry->d_name, 0);
        else if (name.starts_with(same_store) && name.size() == name_.size())
            others.elsewhere |= age(status) < in_use_within;
    }
    return others;
}

Result<StripeTurn> StripeTurn::take(const std::string& directory, Deadline deadline) {
    StripeTurn turn(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (turn.descriptor_ < 0) return refused(directory, words(errno));
    while (::flock(turn.descriptor_, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return Error{Errc::unsupported, fmt::format("shared stripe counters, {}: flock: {}",
                                                        directory, words(errno))};
        if (std::chrono::steady_clock::now() >= deadline)
            return Error{
                Errc::deadline_exceeded,
                fmt::format("shared stripe counters, {}: another process holds the folder's lock",
                            directory)};
        std::this_thread::sleep_for(500us);  // tidy: sleep-cpp (flock has no timeout)
    }
    return turn;
}

StripeTurn::StripeTurn(StripeTurn&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

StripeTurn::~StripeTurn() {
    if (descriptor_ < 0) return;
    // Said aloud: closing alone would leave the lock to a child forked meanwhile.
    ::flock(descriptor_, LOCK_UN);
    ::close(descriptor_);
}

}  // namespace vedfolnir::cache
