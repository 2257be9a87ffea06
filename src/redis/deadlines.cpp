#include "redis/deadlines.hpp"

#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>

namespace vedfolnir::redis {
namespace asio = boost::asio;

struct Deadlines::Shared : std::enable_shared_from_this<Shared> {
    explicit Shared(const asio::any_io_executor& executor) : timer(executor) {}

    asio::steady_timer timer;
    Deadline armed = Deadline::max();
    boost::intrusive::multiset<Entry> entries;

    void arm(Deadline at) {
        armed = at;
        timer.expires_at(at);
        timer.async_wait([self = shared_from_this()](boost::system::error_code error) {
            if (!error) self->fire();
        });
    }

    void fire() {
        const auto now = std::chrono::steady_clock::now();
        while (!entries.empty() && entries.begin()->deadline <= now) {
            Entry& entry = *entries.begin();
            entries.erase(entries.begin());
            entry.late.emit(asio::cancellation_type::terminal);
        }
        armed = Deadline::max();
        if (!entries.empty()) arm(entries.begin()->deadline);
    }
};

Deadlines::Deadlines(const asio::any_io_executor& executor)
    : shared_(std::make_shared<Shared>(executor)) {}

Deadlines::~Deadlines() { shared_->timer.cancel(); }

Deadlines::Watch::Watch(Deadlines& on, Deadline deadline) : shared_(on.shared_), entry_(deadline) {
    // Most come in order.
    shared_->entries.insert(shared_->entries.cend(), entry_);
    if (deadline < shared_->armed) shared_->arm(deadline);
}

Deadlines::Watch::~Watch() {
    if (entry_.is_linked()) shared_->entries.erase(shared_->entries.iterator_to(entry_));
}

}  // namespace vedfolnir::redis
