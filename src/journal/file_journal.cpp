#include "journal/file_journal.hpp"

#include "journal/entry.hpp"
#include "runtime/blocking_pool.hpp"

#include <atomic>
#include <chrono>
#include <mutex>
#include <utility>

namespace vedfolnir::journal {
namespace {

constexpr std::size_t queue_max = 256;

TimePoint system_now() { return std::chrono::floor<Millis>(std::chrono::system_clock::now()); }

JournalFile::Entry file_entry(const async::Deferred& entry) {
    return {time_of(entry).value_or(system_now()), entry_text(entry)};
}

/// The first entry of each journal: SQL could not be asked any more.
JournalFile::Entry opening() {
    async::AuditEvent event;
    event.at = system_now();
    event.type = "sql.unavailable";
    event.actor = "system";
    // Without an operation id: `begin_replay` gives it the name of its file.
    return {event.at, entry_text(event)};
}

}  // namespace

struct FileJournal::Impl {
    Impl(const std::string& folder, const JournalOptions& options, Complain complain_)
        : file(folder, options), complain(std::move(complain_)) {}

    std::mutex mutex;  ///< Of `file`: `changed` asks from the loop.
    JournalFile file;
    Complain complain;
    std::atomic<std::uint64_t> entries{0};
    std::atomic<std::int64_t> oldest_ms{0};
    std::atomic<bool> others_replay{false};

    std::mutex pool_mutex;
    bool closed = false;
    std::unique_ptr<runtime::BlockingPool> pool;

    /// Null once closed.
    runtime::BlockingPool* threads() {
        const std::lock_guard lock(pool_mutex);
        if (!pool && !closed) pool = std::make_unique<runtime::BlockingPool>(1, queue_max);
        return pool.get();
    }

    void note() {
        entries = file.entries();
        const auto oldest = file.oldest();
        others_replay = file.others_replay();
        oldest_ms = oldest ? oldest->time_since_epoch().count() : 0;
        if (auto complaint = file.take_complaint(); !complaint.empty())
            complain("the journal", {Errc::audit_unavailable, std::move(complaint)});
    }
};

FileJournal::FileJournal(const std::string& state_dir, const JournalOptions& options,
                         Complain complain)
    : impl_(std::make_shared<Impl>(folder_of(state_dir), options, std::move(complain))) {}

FileJournal::~FileJournal() { close(); }

void FileJournal::close() {
    std::unique_ptr<runtime::BlockingPool> pool;
    {
        const std::lock_guard lock(impl_->pool_mutex);
        impl_->closed = true;
        pool = std::move(impl_->pool);
    }
}

template <class T>
async::Task<T> FileJournal::run(std::function<Result<T>(JournalFile&)> work, Deadline deadline) {
    auto* const threads = impl_->threads();
    if (threads == nullptr) co_return Error{Errc::audit_unavailable, "the journal was closed"};
    std::function<Result<T>()> task = [impl = impl_, work = std::move(work)] {
        const std::lock_guard lock(impl->mutex);
        auto result = work(impl->file);
        impl->note();
        return result;
    };
    auto result = co_await threads->run<T>(std::move(task), deadline);
    if (!result && result.error().code == Errc::store_unavailable)
        co_return Error{Errc::audit_unavailable, "too many calls wait for the journal"};
    co_return result;
}

async::Task<bool> FileJournal::append(std::vector<async::Deferred> entries, Deadline deadline) {
    std::vector<JournalFile::Entry> written;
    written.reserve(entries.size());
    for (const auto& entry : entries) written.push_back(file_entry(entry));
    std::function<Result<bool>(JournalFile&)> work = [written = std::move(written),
                                                      deadline](JournalFile& file) -> Result<bool> {
        const auto done = file.append(written, opening(), deadline);
        if (!done) return done.error();
        return true;
    };
    co_return co_await run<bool>(std::move(work), deadline);
}

bool FileJournal::changed() {
    const std::unique_lock lock(impl_->mutex, std::try_to_lock);
    // Busy: something is being done to it.
    return !lock || impl_->file.changed();
}

async::Task<std::vector<async::Deferred>> FileJournal::news(Deadline deadline) {
    using News = std::vector<async::Deferred>;
    std::function<Result<News>(JournalFile&)> work = [](JournalFile& file) -> Result<News> {
        const auto records = file.read_new();
        if (!records) return records.error();
        News news;
        for (const Record& record : *records) {
            auto entry = read_entry(record.body);
            // A newer version's, perhaps: the replay says so, and keeps it.
            if (entry) news.push_back(std::move(*entry));
        }
        return news;
    };
    co_return co_await run<News>(std::move(work), deadline);
}

async::Task<std::optional<async::ReplayTurn>> FileJournal::begin_replay(Deadline deadline) {
    using Answer = std::optional<async::ReplayTurn>;
    std::function<Result<Answer>(JournalFile&)> work =
        [deadline](JournalFile& file) -> Result<Answer> {
        const auto turn = file.begin_replay(deadline);
        if (!turn) return turn.error();
        if (!*turn) return Answer{};
        async::ReplayTurn replay;
        replay.file = (*turn)->file;
        replay.position = (*turn)->position;
        for (const Record& record : (*turn)->records) {
            auto entry = read_entry(record.body);
            if (!entry) {
                // Whole by its checksum, yet not understood: a newer version wrote it. Kept, and nothing after it goes.
                static_cast<void>(file.finish(replay.file, replay.position, deadline));
                return entry.error();
            }
            auto* event = std::get_if<async::AuditEvent>(&*entry);
            // The opening takes the file's own name as its operation: written once, however often it is replayed.
            if (event != nullptr && !event->operation) event->operation = replay.file;
            replay.entries.push_back(std::move(*entry));
        }
        return Answer{std::move(replay)};
    };
    co_return co_await run<Answer>(std::move(work), deadline);
}

async::Task<bool> FileJournal::end_replay(async::ReplayTurn turn, std::uint64_t done,
                                          Deadline deadline) {
    std::function<Result<bool>(JournalFile&)> work =
        [file_id = turn.file, count = turn.position + done, deadline](JournalFile& file) {
            return file.finish(file_id, count, deadline);
        };
    co_return co_await run<bool>(std::move(work), deadline);
}

async::Task<bool> FileJournal::set_aside(async::Deferred entry, Error why, Deadline deadline) {
    std::string text = refused_text(entry, why.detail);
    std::function<Result<bool>(JournalFile&)> work = [text = std::move(text),
                                                      deadline](JournalFile& file) -> Result<bool> {
        const auto done = file.set_aside(text, deadline);
        if (!done) return done.error();
        return true;
    };
    co_return co_await run<bool>(std::move(work), deadline);
}

async::Waiting FileJournal::waiting() const {
    async::Waiting waiting;
    waiting.entries = impl_->entries;
    const auto oldest = impl_->oldest_ms.load();
    if (oldest != 0) waiting.since = TimePoint(Millis(oldest));
    waiting.others_replay = impl_->others_replay;
    return waiting;
}

std::string folder_of(const std::string& state_dir) { return state_dir + "/journal"; }

}  // namespace vedfolnir::journal
