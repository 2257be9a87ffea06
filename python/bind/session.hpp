// One request's session as Python holds it.
#pragma once

#include "vedfolnir/options.hpp"
#include "vedfolnir/session.hpp"

#include <nanobind/nanobind.h>

#include <chrono>
#include <cstdint>

namespace vedfolnir::bind {

/// A Session and the limits its values are encoded under. While a commit runs with the GIL released, every other
/// access is refused: the core's Session belongs to one thread.
class BoundSession {
public:
    using Nanoseconds = std::chrono::nanoseconds;

    BoundSession(Session session, const SizeLimits& limits, Nanoseconds loading = {})
        : session_(std::move(session)),
          limits_(limits),
          asked_by_load_(session_.store_commands()),
          found_by_load_(session_.found()),
          loading_(loading) {}

    /// Raises RuntimeError while a commit runs in another thread.
    [[nodiscard]] Session& get();
    [[nodiscard]] const SizeLimits& limits() const noexcept { return limits_; }

    /// Keeps the session to one call as long as it lives.
    class Lease {
    public:
        explicit Lease(BoundSession& owner)
            : owner_(owner), session_(owner.get()), since_(std::chrono::steady_clock::now()) {
            owner_.leased_ = true;
        }
        ~Lease() {
            owner_.leased_ = false;
            owner_.committing_ += std::chrono::steady_clock::now() - since_;
        }
        Lease(const Lease&) = delete;
        Lease& operator=(const Lease&) = delete;
        [[nodiscard]] Session& session() noexcept { return session_; }

    private:
        BoundSession& owner_;
        Session& session_;
        std::chrono::steady_clock::time_point since_;
    };

    /// Who answered the load: "near cache", "store", or "none". A commit does not change it.
    [[nodiscard]] const char* source() const noexcept {
        if (asked_by_load_ > 0) return "store";
        return found_by_load_ ? "near cache" : "none";
    }
    /// What was waited for, and worked on, in the calling thread.
    [[nodiscard]] Nanoseconds loading() const noexcept { return loading_; }
    [[nodiscard]] Nanoseconds committing() const noexcept { return committing_; }

private:
    Session session_;
    SizeLimits limits_;
    std::uint32_t asked_by_load_;
    bool found_by_load_;
    Nanoseconds loading_;
    Nanoseconds committing_{};
    bool leased_ = false;
};

void bind_session(nanobind::module_& module);

}  // namespace vedfolnir::bind
