#include "compose/files.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace vedfolnir::compose {
namespace {

constexpr std::size_t buffer_max = 256UL * 1024;

Error failure(const std::string& path, std::string_view why) {
    return {Errc::bad_options, fmt::format("{}: {}", path, why)};
}

Error failure(const std::string& path) { return failure(path, std::strerror(errno)); }

Error stands_there(const std::string& path) {
    return failure(path, "something stands there already, and is not overwritten");
}

/// Empty: all of it is written.
std::string write_all(int file, std::string_view text) {
    while (!text.empty()) {
        const auto written = ::write(file, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return std::strerror(errno);
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

std::string folder_of(const std::string& path) {
    auto folder = std::filesystem::path(path).parent_path().string();
    return folder.empty() ? "." : folder;
}

/// So that the name is there after a crash, too.
bool sync_folder(const std::string& path) {
    const int folder = ::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return false;
    // Some file systems have no such thing for folders; they keep the name in their own way.
    const bool synced = ::fsync(folder) == 0 || errno == EINVAL;
    ::close(folder);
    return synced;
}

/// Gives a file its name unless something has it. Not every file system knows both ways.
bool move_into_gap(const std::string& from, const std::string& to) {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS) return false;
    return ::link(from.c_str(), to.c_str()) == 0 && ::unlink(from.c_str()) == 0;
}

}  // namespace

std::string write_synced(int file, std::string_view text) {
    auto why = write_all(file, text);
    if (why.empty() && ::fsync(file) != 0) why = std::strerror(errno);
    return why;
}

Result<void> replace_file(const std::string& path, const std::string& text) {
    const auto draft = fmt::format("{}.{}", path, ::getpid());
    const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    auto why = file < 0 ? std::string(std::strerror(errno)) : write_synced(file, text);
    if (file >= 0) ::close(file);
    if (why.empty() && std::rename(draft.c_str(), path.c_str()) != 0) why = std::strerror(errno);
    if (why.empty()) return {};
    ::unlink(draft.c_str());
    return failure(path, why);
}

Result<std::unique_ptr<NewFile>> NewFile::create(const std::string& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) return stands_there(path);
    std::string draft = path + ".XXXXXX";
    const int file = ::mkostemp(draft.data(), O_CLOEXEC);
    if (file < 0) return failure(path);
    return std::unique_ptr<NewFile>(new NewFile(path, std::move(draft), file));
}

NewFile::~NewFile() {
    ::close(file_);
    if (!draft_.empty()) ::unlink(draft_.c_str());
}

Result<void> NewFile::write(std::string_view bytes) {
    buffer_.append(bytes);
    if (buffer_.size() < buffer_max) return {};
    return flush();
}

Result<void> NewFile::flush() {
    const auto why = write_all(file_, buffer_);
    buffer_.clear();
    if (why.empty()) return {};
    return failure(path_, why);
}

Result<void> NewFile::sync() {
    if (auto flushed = flush(); !flushed) return flushed;
    if (::fsync(file_) != 0) return failure(path_);
    return {};
}

Result<void> NewFile::publish() {
    if (auto synced = sync(); !synced) return synced;
    if (!move_into_gap(draft_, path_))
        return errno == EEXIST ? stands_there(path_) : failure(path_);
    draft_.clear();
    if (!sync_folder(path_)) return failure(path_);
    return {};
}

}  // namespace vedfolnir::compose
