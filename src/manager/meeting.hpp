// Where parallel logins by one remember-me token find each other, in whatever process they run: a record of a few
// seconds in the hot store (docs/internals/remembered_login.md). No policy: what they do there is the Core's.
#pragma once

#include "crypto/key_ring.hpp"
#include "crypto/random.hpp"
#include "model/record.hpp"
#include "vedfolnir/async/store.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace vedfolnir::manager {

class Meeting {
public:
    /// How long the session of one login is shared.
    static constexpr Millis shared_time{10'000};

    enum class Turn : std::uint8_t {
        mine,   ///< Log in, then `share` or `leave`. The others wait, at most as long as the lease.
        taken,  ///< Somebody else's: `look` what became of it.
        absent,  ///< Nobody is there (any more): `claim`.
        shared   ///< `cookie_value` names the session that was made.
    };
    struct Seen {
        Turn turn = Turn::absent;
        std::string cookie_value;
    };

    /// `lease`: what one login may take. `random` must outlive this.
    Meeting(std::shared_ptr<async::SessionStore> store, crypto::RandomSource& random,
            crypto::MeetingPlace place, Millis lease);

    [[nodiscard]] async::Task<Turn> claim(Deadline deadline);
    [[nodiscard]] async::Task<Seen> look(Deadline deadline);
    /// After `shared`: that session is gone, so somebody has to log in again. One of all who see that gets `mine`.
    [[nodiscard]] async::Task<Turn> take_over(Deadline deadline);
    /// False: the lease had run out; the session is there all the same, for its own request only.
    [[nodiscard]] async::Task<bool> share(std::string cookie_value, Deadline deadline);
    /// No session was made.
    [[nodiscard]] async::Task<bool> leave(Deadline deadline);

private:
    [[nodiscard]] async::Task<bool> replace(std::string body, Millis ttl, Deadline deadline);
    [[nodiscard]] Result<std::string> seal(std::string_view cookie_value) const;
    [[nodiscard]] std::string open(std::string_view bytes) const;

    std::shared_ptr<async::SessionStore> store_;
    crypto::RandomSource& random_;
    crypto::MeetingPlace place_;
    Millis lease_;
    model::RecordHeader header_;  ///< As it stands in the store, as far as we know.
};

}  // namespace vedfolnir::manager
