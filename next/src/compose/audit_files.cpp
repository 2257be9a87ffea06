#include "compose/audit_files.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace vedfolnir::compose {
namespace {

constexpr std::size_t buffer_max = 256 * 1024;

}  // namespace

Result<std::unique_ptr<ArchiveWriter>> ArchiveWriter::open(const std::string& path) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file >= 0) return std::unique_ptr<ArchiveWriter>(new ArchiveWriter(path, file));
    return Error{Errc::bad_options, fmt::format("{}: {}; an archive is a new file", path,
                                                std::strerror(errno))};
}

ArchiveWriter::~ArchiveWriter() {
    if (file_ < 0) return;
    ::close(file_);
    ::unlink(path_.c_str());
}

Result<void> ArchiveWriter::add(std::string_view line) {
    buffer_.append(line).push_back('\n');
    if (buffer_.size() < buffer_max) return {};
    return flush();
}

Result<void> ArchiveWriter::flush() {
    std::string_view rest = buffer_;
    while (!rest.empty()) {
        const auto written = ::write(file_, rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0)
            return Error{Errc::audit_unavailable,
                         fmt::format("{}: {}", path_, std::strerror(errno))};
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    buffer_.clear();
    return {};
}

Result<void> ArchiveWriter::close() {
    if (auto done = flush(); !done) return done;
    if (::fsync(file_) != 0)
        return Error{Errc::audit_unavailable, fmt::format("{}: {}", path_, std::strerror(errno))};
    ::close(file_);
    file_ = -1;
    return {};
}

Result<std::unique_ptr<ArchiveReader>> ArchiveReader::open(const std::string& path) {
    std::unique_ptr<ArchiveReader> reader(new ArchiveReader(path));
    if (reader->file_) return reader;
    return Error{Errc::bad_options, fmt::format("{}: {}", path, std::strerror(errno))};
}

std::optional<std::string_view> ArchiveReader::next_text() {
    while (std::getline(file_, line_)) {
        ++number_;
        if (!line_.empty()) return line_;
    }
    return std::nullopt;
}

Result<std::optional<audit::ArchiveLine>> ArchiveReader::next() {
    const auto text = next_text();
    if (!text) return std::optional<audit::ArchiveLine>();
    auto line = audit::parse_archive_line(*text);
    if (line) return std::optional(std::move(*line));
    return Error{Errc::bad_value,
                 fmt::format("{}, line {}: {}", path_, number_, line.error().detail)};
}

}  // namespace vedfolnir::compose
