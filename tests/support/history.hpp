// What several processes did to some sessions, and whether any of them was shown something it must not be shown.
// Header-only, because tests of several layers use it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace vedfolnir::test {

/// One operation of one process. Times are of the monotonic clock, which all processes of a machine share, in
/// nanoseconds.
struct Event {
    enum class Kind : std::uint8_t {
        write,  ///< Left `version`.
        read,   ///< Saw `version`; 0: no session.
        end,    ///< From here on there is no session.
    };
    static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

    Kind kind = Kind::read;
    std::uint8_t group = 0;  ///< Processes of one group share a table of counters.
    std::uint16_t worker = 0;
    std::uint32_t session = 0;
    std::uint64_t version = 0;  ///< Rises with each write; 0 in a write that was not acknowledged.
    /// What a write started from. One that was sent again after its reply was lost, and met another write by then, may
    /// have left any version from here on to its last.
    std::uint64_t base = 0;
    std::int64_t start = 0;
    std::int64_t finish = never;  ///< `never`: not acknowledged, so it may have happened or not.
};

/// Checks a history in which the versions of a session only rise.
class History {
public:
    void add(const Event& event) {
        Session& session = sessions_[event.session];
        if (event.kind == Event::Kind::read) {
            session.reads.push_back(event);
        } else {
            session.changes.push_back(event);
        }
        ++size_;
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// The reads that no order of the changes explains, in words. Empty: all is well. `age_ns`: how long a process may
    /// go on showing what one of another group replaced or ended.
    [[nodiscard]] std::vector<std::string> violations(std::int64_t age_ns) const {
        std::vector<std::string> found;
        for (const auto& [number, session] : sessions_) {
            const Known known(session.changes);
            for (const Event& read : session.reads) known.check(read, age_ns, found);
        }
        return found;
    }
    /// Of one session, what made it and when.
    [[nodiscard]] std::vector<Event> first_writes() const {
        std::vector<Event> first;
        for (const auto& [number, session] : sessions_) {
            const auto made = std::ranges::min_element(session.changes, {}, &Event::start);
            if (made != session.changes.end()) first.push_back(*made);
        }
        return first;
    }

private:
    struct Session {
        std::vector<Event> reads;
        std::vector<Event> changes;
    };

    /// The changes of a session, so arranged that a read is checked in a few steps.
    class Known {
    public:
        explicit Known(const std::vector<Event>& changes) {
            for (const Event& change : changes) {
                if (change.finish != Event::never) acknowledged_[change.group].push_back(change);
                if (change.kind == Event::Kind::end) {
                    first_end_ = std::min(first_end_, change.start);
                } else if (change.version == 0) {
                    first_unknown_ = std::min(first_unknown_, change.start);
                } else {
                    written_.push_back(change);
                }
            }
            for (auto& [group, events] : acknowledged_) keep_newest(events);
            std::ranges::sort(written_, {}, &Event::version);
        }

        void check(const Event& read, std::int64_t age_ns, std::vector<std::string>& found) const {
            if (read.version == 0) {
                if (first_end_ >= read.finish) found.push_back(words(read) + " lost the session");
                return;
            }
            for (const auto& [group, events] : acknowledged_) {
                const auto since = read.start - (group == read.group ? 0 : age_ns);
                const auto next = std::ranges::lower_bound(events, since, {}, &Event::finish);
                if (next != events.begin() && outdates(*std::prev(next), read))
                    found.push_back(words(read) + " came after " + words(*std::prev(next)));
            }
            // A write whose version nobody was told may be any.
            if (first_unknown_ >= read.finish && !somebody_wrote(read))
                found.push_back(words(read) + " saw what nobody wrote");
        }

    private:
        static bool outdates(const Event& change, const Event& read) {
            return change.kind == Event::Kind::end || change.version > read.version;
        }
        [[nodiscard]] bool somebody_wrote(const Event& read) const {
            const auto from = std::ranges::lower_bound(written_, read.version, {}, &Event::version);
            return std::any_of(from, written_.end(), [&](const Event& write) {
                return write.start < read.finish && write.base < read.version;
            });
        }
        /// By time of acknowledgement; each then stands for the newest state acknowledged so far.
        static void keep_newest(std::vector<Event>& events) {
            std::ranges::sort(events, {}, &Event::finish);
            for (std::size_t i = 1; i < events.size(); ++i) {
                const Event& before = events[i - 1];
                if (before.kind == Event::Kind::write && !outdates(before, events[i])) continue;
                if (events[i].kind == Event::Kind::end) continue;
                const auto finish = events[i].finish;
                events[i] = before;
                events[i].finish = finish;
            }
        }

        std::map<std::uint8_t, std::vector<Event>> acknowledged_;
        std::vector<Event> written_;
        std::int64_t first_end_ = Event::never;
        std::int64_t first_unknown_ = Event::never;
    };

    static std::string words(const Event& event) {
        static constexpr const char* names[] = {"write", "read", "end"};
        return std::string(names[static_cast<int>(event.kind)]) + " of session " +
               std::to_string(event.session) + " version " + std::to_string(event.version) +
               " by worker " + std::to_string(event.worker) + " (group " +
               std::to_string(event.group) + ") at " + std::to_string(event.start) + ".." +
               std::to_string(event.finish);
    }

    std::map<std::uint32_t, Session> sessions_;
    std::size_t size_ = 0;
};

}  // namespace vedfolnir::test
