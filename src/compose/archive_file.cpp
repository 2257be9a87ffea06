#include "compose/archive_file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <zstd.h>

namespace vedfolnir::compose {
namespace {

namespace fs = std::filesystem;

constexpr int level = 3;
/// Longer than one that is alive writes nothing to its draft: it is read back before it is published.
constexpr std::chrono::hours draft_stale{1};

/// `audit-202601.zst.` and six letters or digits.
bool is_draft(std::string_view name) {
    constexpr std::string_view before = "audit-";
    constexpr std::string_view after = ".zst.";
    constexpr std::size_t random = 6;
    return name.size() > before.size() + after.size() + random && name.starts_with(before) &&
           name.substr(name.size() - random - after.size(), after.size()) == after;
}

Result<void> remove_stale_drafts(const fs::path& folder) {
    std::error_code failed;
    for (fs::directory_iterator at(folder, failed), end; !failed && at != end;
         at.increment(failed)) {
        if (!is_draft(at->path().filename().string())) continue;
        // Another process may have removed or published it meanwhile.
        std::error_code gone;
        const auto written = fs::last_write_time(at->path(), gone);
        if (gone || fs::file_time_type::clock::now() - written < draft_stale) continue;
        if (fs::remove(at->path(), failed); failed)
            return Error{Errc::bad_options,
                         fmt::format("{}: {}", at->path().string(), failed.message())};
    }
    if (failed)
        return Error{Errc::bad_options, fmt::format("{}: {}", folder.string(), failed.message())};
    return {};
}

}  // namespace

std::string archive_path(const std::string& folder, std::uint64_t partition) {
    return fmt::format("{}/audit-{}.zst", folder, partition);
}

void ArchiveWriter::Free::operator()(ZSTD_CCtx_s* context) const noexcept {
    ZSTD_freeCCtx(context);
}

ArchiveWriter::ArchiveWriter(std::unique_ptr<NewFile> file)
    : file_(std::move(file)), context_(ZSTD_createCCtx()), buffer_(ZSTD_CStreamOutSize(), '\0') {}

Result<std::unique_ptr<ArchiveWriter>> ArchiveWriter::create(const std::string& path,
                                                             const audit::ArchiveHeader& header) {
    auto folder = fs::path(path).parent_path();
    if (folder.empty()) folder = ".";
    if (auto removed = remove_stale_drafts(folder); !removed) return std::move(removed).error();
    auto file = NewFile::create(path);
    if (!file) return std::move(file).error();
    std::unique_ptr<ArchiveWriter> writer(new ArchiveWriter(std::move(*file)));
    if (!writer->context_) return Error{Errc::internal, "Zstandard gives no context"};
    // Hashes say more than a checksum, and where.
    ZSTD_CCtx_setParameter(writer->context_.get(), ZSTD_c_compressionLevel, level);
    if (auto done = writer->compress(audit::archive_text(header) + "\n", false); !done)
        return std::move(done).error();
    return writer;
}

Result<void> ArchiveWriter::compress(std::string_view bytes, bool last) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    const auto how = last ? ZSTD_e_end : ZSTD_e_continue;
    for (bool more = true; more;) {
        ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
        const auto left = ZSTD_compressStream2(context_.get(), &out, &in, how);
        if (ZSTD_isError(left) != 0)
            return Error{Errc::internal, fmt::format("Zstandard: {}", ZSTD_getErrorName(left))};
        auto written = file_->write({buffer_.data(), out.pos});
        if (!written) return written;
        more = last ? left != 0 : in.pos < in.size;
    }
    return {};
}

Result<void> ArchiveWriter::add(const audit::StoredEntry& stored) {
    return compress(audit::archive_bytes(stored), false);
}

Result<void> ArchiveWriter::finish() {
    if (auto done = compress({}, true); !done) return done;
    return file_->sync();
}

void ArchiveReader::Free::operator()(ZSTD_DCtx_s* context) const noexcept {
    ZSTD_freeDCtx(context);
}
void ArchiveReader::Close::operator()(std::FILE* file) const noexcept {
    static_cast<void>(std::fclose(file));  // only read from
}

ArchiveReader::ArchiveReader(std::string path, std::FILE* file)
    : path_(std::move(path)),
      file_(file),
      context_(ZSTD_createDCtx()),
      packed_(ZSTD_DStreamInSize(), '\0') {}

Result<std::unique_ptr<ArchiveReader>> ArchiveReader::open(const std::string& path) {
    std::FILE* file = std::fopen(path.c_str(), "rbe");
    if (file == nullptr)
        return Error{Errc::bad_options, fmt::format("{}: {}", path, std::strerror(errno))};
    std::unique_ptr<ArchiveReader> reader(new ArchiveReader(path, file));
    if (!reader->context_) return Error{Errc::internal, "Zstandard gives no context"};
    if (auto read = reader->read_header(); !read) return std::move(read).error();
    return reader;
}

Error ArchiveReader::damaged(std::string_view why) const {
    return {Errc::bad_value, fmt::format("{}: {}", path_, why)};
}

Error ArchiveReader::cut() {
    cut_off_ = true;
    return damaged("the file is cut off");
}

/// False: nothing follows any more.
Result<bool> ArchiveReader::decompress_some() {
    if (packed_at_ == packed_size_) {
        packed_size_ = std::fread(packed_.data(), 1, packed_.size(), file_.get());
        packed_at_ = 0;
        if (std::ferror(file_.get()) != 0)
            return Error{Errc::bad_options, fmt::format("{}: {}", path_, std::strerror(errno))};
        if (packed_size_ == 0) {
            if (in_frame_) return cut();
            return false;
        }
    }
    const auto before = plain_.size();
    plain_.resize(before + ZSTD_DStreamOutSize());
    ZSTD_inBuffer in{packed_.data(), packed_size_, packed_at_};
    ZSTD_outBuffer out{plain_.data(), plain_.size(), before};
    const auto left = ZSTD_decompressStream(context_.get(), &out, &in);
    packed_at_ = in.pos;
    plain_.resize(out.pos);
    if (ZSTD_isError(left) != 0)
        return damaged(
            fmt::format("this is no archive, or it was damaged: {}", ZSTD_getErrorName(left)));
    in_frame_ = left != 0;
    return true;
}

Result<void> ArchiveReader::need(std::size_t size) {
    if (ready() >= size) return {};
    plain_.erase(0, std::exchange(at_, 0));
    while (ready() < size) {
        const auto more = decompress_some();
        if (!more) return more.error();
        if (!*more) break;
    }
    return {};
}

Result<void> ArchiveReader::read_header() {
    std::size_t end = 0;
    for (std::size_t size = 512; (end = plain_.find('\n')) == std::string::npos; size *= 2) {
        const auto before = ready();
        // What stands behind the header may be damaged; then it is not its fault.
        const auto read = need(size);
        if (plain_.find('\n') != std::string::npos) continue;
        if (!read) return read.error();
        if (ready() == before || size > audit::archive_header_max)
            return damaged("this is no archive of the audit trail");
    }
    auto header = audit::parse_archive_header({plain_.data(), end});
    if (!header) return damaged(header.error().detail);
    header_ = std::move(*header);
    at_ = end + 1;
    return {};
}

Result<std::optional<ArchivedEntry>> ArchiveReader::next() {
    using audit::ArchiveFrame;
    if (auto read = need(ArchiveFrame::bytes); !read) return std::move(read).error();
    if (ready() == 0) return std::optional<ArchivedEntry>();
    if (ready() < ArchiveFrame::bytes) return cut();
    const auto frame = audit::parse_archive_frame({plain_.data() + at_, ArchiveFrame::bytes});
    if (!frame.sound()) return damaged("an entry has a length that none has");
    const auto size = ArchiveFrame::bytes + frame.canonical + frame.personal;
    if (auto read = need(size); !read) return std::move(read).error();
    if (ready() < size) return cut();
    const char* texts = plain_.data() + at_ + ArchiveFrame::bytes;
    at_ += size;
    return std::optional(ArchivedEntry{
        {texts, frame.canonical}, {texts + frame.canonical, frame.personal}, frame.leaf});
}

ArchiveChecker::ArchiveChecker(std::unique_ptr<ArchiveReader> reader,
                               std::span<const audit::Checkpoint> checkpoints)
    : reader_(std::move(reader)),
      verifier_(reader_->header().partition, reader_->header().first_id, checkpoints) {}

Result<bool> ArchiveChecker::advance(std::uint64_t limit) {
    const auto& header = reader_->header();
    for (std::uint64_t read = 0; read < limit; ++read) {
        const auto entry = reader_->next();
        if (!entry && entry.error().code != Errc::bad_value) return entry.error();
        if (!entry) {
            const auto fault = reader_->cut_off() ? audit::Fault::missing : audit::Fault::changed;
            check_.finding = audit::Finding{fault, header.partition, check_.entries, check_.entries,
                                            entry.error().detail};
            return true;
        }
        if (!*entry) {
            check_.finding = verifier_.finish(header.size, header.frontier);
            return true;
        }
        const auto& found = **entry;
        check_.finding = verifier_.add(found.canonical, found.personal, found.leaf);
        if (check_.finding) return true;
        ++check_.entries;
    }
    return false;
}

Result<ArchiveCheck> check_archive(
    std::unique_ptr<ArchiveReader> reader, std::span<const audit::Checkpoint> checkpoints,
    const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
    constexpr std::uint64_t entries_between_reports = 10'000;
    const auto size = reader->header().size;
    ArchiveChecker checker(std::move(reader), checkpoints);
    while (true) {
        const auto done = checker.advance(entries_between_reports);
        if (!done) return done.error();
        if (*done) return checker.check();
        progress(checker.check().entries, size);
    }
}

}  // namespace vedfolnir::compose
