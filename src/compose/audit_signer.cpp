#include "compose/audit_signer.hpp"

#include "compose/audit_keys.hpp"
#include "sql/audit_trail.hpp"
#include "sql/upkeep.hpp"

#include <fmt/format.h>

#include <functional>
#include <vector>

namespace vedfolnir::compose {
namespace {

using async::Task;
using Heads = std::vector<audit::SignedHead>;

constexpr std::uint32_t heads_page = 1000;

}  // namespace

runtime::BlockingPool& AuditSigner::files() {
    if (!files_) files_ = std::make_unique<runtime::BlockingPool>(1, 8);
    return *files_;
}

// Functions are named before they are awaited: GCC 12 destroys temporaries inside a co_await twice.

Task<std::optional<crypto::SigningKey>> AuditSigner::key(std::string path) {
    using Key = std::optional<crypto::SigningKey>;
    std::function<Result<Key>()> look = [path = std::move(path)] { return kept_audit_key(path); };
    return files().run<Key>(std::move(look), step());
}

Task<std::size_t> AuditSigner::sign(crypto::SigningKey key, std::optional<async::Ticket> ticket) {
    std::function<std::size_t(sql::Connection&)> work =
        [key = std::move(key), now = database_->now(),
         ticket = std::move(ticket)](sql::Connection& db) {
            if (ticket) sql::act_under(db, *ticket);
            return sql::sign_heads(db, key, now).size();
        };
    return database_->write<std::size_t>(std::move(work), step());
}

Task<std::uint64_t> AuditSigner::last_copied(std::string path) {
    using Last = std::optional<audit::SignedHead>;
    std::function<Result<Last>()> look = [path] { return last_head_of(path); };
    const auto last = co_await files().run<Last>(std::move(look), step());
    if (!last) co_return last.error();
    if (!*last) co_return std::uint64_t{0};
    const auto number = (*last)->head.number;
    std::function<Heads(sql::Connection&)> ask = [number](sql::Connection& db) {
        return sql::list_heads(db, number - 1, 1);
    };
    const auto same = co_await database_->read<Heads>(std::move(ask), step());
    if (!same) co_return same.error();
    if (number > 0 && !same->empty() && same->front() == **last) co_return number;
    co_return Error{Errc::conflict,
                    fmt::format("head {} of {} is not the one in the database: nothing is copied; "
                                "vedfolnir audit verify --heads {} says what was changed",
                                number, path, path)};
}

Task<std::size_t> AuditSigner::copy(std::string path) {
    const auto last = co_await last_copied(path);
    if (!last) co_return last.error();
    std::size_t copied = 0;
    for (auto after = *last;;) {
        std::function<Heads(sql::Connection&)> ask = [after](sql::Connection& db) {
            return sql::list_heads(db, after, heads_page);
        };
        auto page = co_await database_->read<Heads>(std::move(ask), step());
        if (!page) co_return page.error();
        if (page->empty()) co_return copied;
        after = page->back().head.number;
        const auto size = page->size();
        std::function<Result<bool>()> append = [path, heads = std::move(*page)]() -> Result<bool> {
            if (auto done = append_heads(path, heads); !done) return std::move(done).error();
            return true;
        };
        const auto appended = co_await files().run<bool>(std::move(append), step());
        if (!appended) co_return appended.error();
        copied += size;
        if (size < heads_page) co_return copied;
    }
}

}  // namespace vedfolnir::compose
