// The journal behind its port: the file's blocking calls on a thread of their own.
#pragma once

#include "journal/file.hpp"
#include "vedfolnir/async/journal.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace vedfolnir::journal {

/// In `state_dir`/journal. Makes nothing until the first `append`.
class FileJournal final : public async::Journal {
public:
    /// `complain` hears what was found wrong with the file and mended; on any thread.
    using Complain = std::function<void(std::string_view what, const Error& error)>;

    FileJournal(const std::string& state_dir, const JournalOptions& options, Complain complain);
    ~FileJournal() override;
    FileJournal(const FileJournal&) = delete;
    FileJournal& operator=(const FileJournal&) = delete;

    /// Waits for the call that runs and ends the thread; later calls are an Error.
    void close();

    [[nodiscard]] async::Task<bool> append(std::vector<async::Deferred> entries,
                                           Deadline deadline) override;
    [[nodiscard]] bool changed() override;
    [[nodiscard]] async::Task<std::vector<async::Deferred>> news(Deadline deadline) override;
    [[nodiscard]] async::Task<std::optional<async::ReplayTurn>> begin_replay(
        Deadline deadline) override;
    [[nodiscard]] async::Task<bool> end_replay(async::ReplayTurn turn, std::uint64_t done,
                                               Deadline deadline) override;
    [[nodiscard]] async::Task<bool> set_aside(async::Deferred entry, Error why,
                                              Deadline deadline) override;
    [[nodiscard]] async::Waiting waiting() const override;

private:
    struct Impl;
    template <class T>
    [[nodiscard]] async::Task<T> run(std::function<Result<T>(JournalFile&)> work,
                                     Deadline deadline);

    std::shared_ptr<Impl> impl_;
};

/// The folder of the journal.
[[nodiscard]] std::string folder_of(const std::string& state_dir);

}  // namespace vedfolnir::journal
