#include "compose/archive_file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <zstd.h>

namespace vedfolnir::compose {
namespace {

constexpr int level = 3;

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
void ArchiveReader::Close::operator()(std::FILE* file) const noexcept { std::fclose(file); }

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
        return damaged(fmt::format("this is not what was compressed: {}", ZSTD_getErrorName(left)));
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

Result<ArchiveCheck> check_archive(
    ArchiveReader& reader, std::span<const audit::Checkpoint> checkpoints,
    const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
    constexpr std::uint64_t entries_between_reports = 10'000;
    const auto& header = reader.header();
    audit::PartitionVerifier verifier(header.partition, header.first_id, checkpoints);
    ArchiveCheck check;
    while (true) {
        const auto entry = reader.next();
        if (!entry && entry.error().code != Errc::bad_value) return entry.error();
        if (!entry) {
            const auto fault = reader.cut_off() ? audit::Fault::missing : audit::Fault::changed;
            check.finding = audit::Finding{fault, header.partition, check.entries, check.entries,
                                           entry.error().detail};
            return check;
        }
        if (!*entry) break;
        const auto& found = **entry;
        check.finding = verifier.add(found.canonical, found.personal, found.leaf);
        if (check.finding) return check;
        if (++check.entries % entries_between_reports == 0) progress(check.entries, header.size);
    }
    check.finding = verifier.finish(header.size, header.frontier);
    return check;
}

}  // namespace vedfolnir::compose
