#include "manager/meeting.hpp"

#include "crypto/primitives.hpp"
#include "model/bytes.hpp"

#include <array>
#include <optional>
#include <utility>

namespace vedfolnir::manager {

using async::Task;

Meeting::Meeting(std::shared_ptr<async::SessionStore> store, crypto::RandomSource& random,
                 crypto::MeetingPlace place, Millis lease)
    : store_(std::move(store)), random_(random), place_(std::move(place)), lease_(lease) {}

Task<Meeting::Turn> Meeting::claim(Deadline deadline) {
    const auto time = co_await store_->now(deadline);
    if (!time) co_return time.error();
    const auto handle = crypto::random_handle(random_);
    if (!handle) co_return handle.error();
    const auto operation = crypto::random_operation(random_);
    if (!operation) co_return operation.error();
    header_ = model::RecordHeader{};
    header_.handle = *handle;
    header_.operation = *operation;
    header_.created = *time;
    header_.last_seen = *time;
    header_.absolute_expiry = *time + lease_ + shared_time;
    std::string record = model::pack_header(header_);
    const auto created = co_await store_->create(place_.key, std::move(record), lease_, deadline);
    if (!created) co_return created.error();
    co_return *created == async::CreateStatus::created ? Turn::mine : Turn::taken;
}

Task<Meeting::Seen> Meeting::look(Deadline deadline) {
    const auto loaded = co_await store_->load(place_.key, deadline);
    if (!loaded) co_return loaded.error();
    const std::optional<std::string>& bytes = *loaded;
    if (!bytes) co_return Seen{Turn::absent, {}};
    const auto header = model::parse_header(*bytes);
    if (!header) co_return Seen{Turn::taken, {}};
    header_ = *header;
    // Bytes that do not open are nobody's: whoever wrote them is waited for, within bounds.
    std::string cookie_value = open(*bytes);
    const Turn turn = cookie_value.empty() ? Turn::taken : Turn::shared;
    co_return Seen{turn, std::move(cookie_value)};
}

Task<Meeting::Turn> Meeting::take_over(Deadline deadline) {
    const auto replaced = co_await replace(std::string(), lease_, deadline);
    if (!replaced) co_return replaced.error();
    co_return *replaced ? Turn::mine : Turn::taken;
}

Task<bool> Meeting::share(std::string cookie_value, Deadline deadline) {
    auto sealed = seal(cookie_value);
    if (!sealed) co_return sealed.error();
    co_return co_await replace(std::move(*sealed), shared_time, deadline);
}

Task<bool> Meeting::leave(Deadline deadline) {
    return store_->erase(place_.key, std::string(), Millis{0}, deadline);
}

/// Compare and set: of several who saw the same, one succeeds.
Task<bool> Meeting::replace(std::string body, Millis ttl, Deadline deadline) {
    const auto time = co_await store_->now(deadline);
    if (!time) co_return time.error();
    const auto operation = crypto::random_operation(random_);
    if (!operation) co_return operation.error();
    model::RecordHeader next = header_;
    next.generation += 1;
    next.operation = *operation;
    next.absolute_expiry = *time + lease_ + shared_time;
    std::string record = model::pack_header(next) + body;
    const auto reply =
        co_await store_->save(place_.key, header_.generation, std::move(record), ttl, deadline);
    if (!reply) co_return reply.error();
    if (reply->status != async::SaveStatus::saved) co_return false;
    header_ = next;
    co_return true;
}

Result<std::string> Meeting::seal(std::string_view cookie_value) const {
    std::array<std::uint8_t, crypto::aead_nonce_size> nonce{};
    if (auto filled = random_.fill(nonce); !filled) return filled.error();
    std::string body(reinterpret_cast<const char*>(nonce.data()), nonce.size());
    body += crypto::aead_seal(place_.seal.bytes(), nonce, place_.key.text(), cookie_value);
    return body;
}

/// Empty unless the bytes hold a cookie value that was sealed for this place.
std::string Meeting::open(std::string_view bytes) const {
    const std::string_view body = bytes.substr(model::offset::body);
    if (body.size() < crypto::aead_nonce_size + crypto::aead_tag_size) return {};
    const auto nonce = model::as_bytes(body).first<crypto::aead_nonce_size>();
    return crypto::aead_open(place_.seal.bytes(), nonce, place_.key.text(),
                             body.substr(crypto::aead_nonce_size))
        .value_or(std::string());
}

}  // namespace vedfolnir::manager
