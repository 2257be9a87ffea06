#include "sql/rows.hpp"

#include "sql/failure.hpp"

#include <algorithm>
#include <random>

namespace vedfolnir::sql {
namespace {

std::uint64_t count(const Row& row, std::size_t column) {
    return static_cast<std::uint64_t>(row.integer(column));
}

[[noreturn]] void damaged(std::string_view what) {
    throw Failure(Errc::internal, "the database holds a " + std::string(what) + " that is none");
}

}  // namespace

std::optional<std::string> hex(const std::optional<OperationId>& operation) {
    if (!operation) return std::nullopt;
    return hex(*operation);
}

OperationId new_operation() {
    std::random_device source;
    OperationId id{};
    std::ranges::generate(id, [&] { return static_cast<std::uint8_t>(source()); });
    return id;
}

std::pair<std::string, std::string> tags_of_shard(std::uint8_t shard) {
    constexpr std::string_view digits = "0123456789abcdefg";
    const char high = digits[shard >> 4U];
    const unsigned low = shard & 15U;
    return {{high, digits[low]}, {high, digits[low + 1]}};
}

Handle read_handle(const Row& row, std::size_t column) {
    const auto handle = Handle::parse(row.text(column));
    if (!handle) damaged("handle");
    return *handle;
}

UserTag read_tag(const Row& row, std::size_t column) {
    const auto bytes = Handle::parse(row.text(column));
    if (!bytes) damaged("user tag");
    return UserTag{bytes->bytes};
}

StoreKey read_key(const Row& row, std::size_t column) {
    const auto key = StoreKey::parse(row.text(column));
    if (!key) damaged("store key");
    return *key;
}

StoredSession read_session(const Row& row) {
    StoredSession session;
    auto& answer = session.row;
    answer.handle = read_handle(row, 0);
    answer.key = read_key(row, 1);
    answer.user_id = row.text(2);
    answer.user = read_tag(row, 3);
    answer.created = moment(row.integer(4));
    answer.authenticated = moment(row.integer(5));
    answer.absolute_expiry = moment(row.integer(6));
    answer.idle_limit = Seconds(row.integer(7));
    answer.device = row.text(8);
    answer.place = row.text(9);
    answer.platform = row.text(10);
    if (row.cell(11)) answer.ended = moment(row.integer(11));
    answer.end_reason = row.text(12);
    answer.confirmed = row.integer(13) != 0;
    session.begun = moment(row.integer(14));
    session.epoch = count(row, 15);
    return session;
}

async::Revocation read_revocation(const Row& row) {
    async::Revocation revocation;
    revocation.shard = static_cast<std::uint8_t>(row.integer(0));
    revocation.sequence = count(row, 1);
    if (row.cell(2)) revocation.key = read_key(row, 2);
    revocation.user = read_tag(row, 3);
    revocation.epoch = count(row, 4);
    return revocation;
}

}  // namespace vedfolnir::sql
