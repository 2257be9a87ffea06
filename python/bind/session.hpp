// One request's session as Python holds it.
#pragma once

#include "vedfolnir/options.hpp"
#include "vedfolnir/session.hpp"

#include <nanobind/nanobind.h>

namespace vedfolnir::bind {

/// A Session and the limits its values are encoded under. While a commit runs with the GIL released, every other
/// access is refused: the core's Session belongs to one thread.
class BoundSession {
public:
    BoundSession(Session session, const SizeLimits& limits)
        : session_(std::move(session)), limits_(limits) {}

    /// Raises RuntimeError while a commit runs in another thread.
    [[nodiscard]] Session& get();
    [[nodiscard]] const SizeLimits& limits() const noexcept { return limits_; }

    /// Keeps the session to one call as long as it lives.
    class Lease {
    public:
        explicit Lease(BoundSession& owner) : owner_(owner), session_(owner.get()) {
            owner_.leased_ = true;
        }
        ~Lease() { owner_.leased_ = false; }
        Lease(const Lease&) = delete;
        Lease& operator=(const Lease&) = delete;
        [[nodiscard]] Session& session() noexcept { return session_; }

    private:
        BoundSession& owner_;
        Session& session_;
    };

private:
    Session session_;
    SizeLimits limits_;
    bool leased_ = false;
};

void bind_session(nanobind::module_& module);

}  // namespace vedfolnir::bind
