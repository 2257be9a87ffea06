#include "journal/entry.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace vedfolnir::journal {
namespace {

namespace json = boost::json;

std::string hex(const std::array<std::uint8_t, 16>& bytes) { return Handle{bytes}.text(); }
std::int64_t millis(TimePoint time) { return time.time_since_epoch().count(); }

json::object of(const async::AuditEvent& event) {
    json::object object{{"at", millis(event.at)},
                        {"type", event.type},
                        {"user_id", event.user_id},
                        {"actor", event.actor},
                        {"detail", event.detail}};
    if (event.handle) object["handle"] = event.handle->text();
    if (event.operation) object["operation"] = hex(*event.operation);
    return object;
}

json::object of(const async::SessionRow& row) {
    return {{"handle", row.handle.text()},
            {"key", row.key.text()},
            {"user_id", row.user_id},
            {"user", hex(row.user.bytes)},
            {"created", millis(row.created)},
            {"authenticated", millis(row.authenticated)},
            {"absolute_expiry", millis(row.absolute_expiry)},
            {"idle_limit", std::int64_t{row.idle_limit.count()}},
            {"device", row.device},
            {"place", row.place},
            {"platform", row.platform}};
}

json::object object_of(const async::LoginOrder& order) {
    json::object object{{"what", "login"},
                        {"row", of(order.row)},
                        {"epoch", order.granted_epoch},
                        {"event", of(order.event)}};
    if (order.replaced)
        object["replaced"] = json::object{{"key", order.replaced->key.text()},
                                          {"handle", order.replaced->handle.text()},
                                          {"same_user", order.replaced->same_user}};
    return object;
}

json::object object_of(const async::LoginConfirmed& confirmed) {
    return {{"what", "confirmed"},
            {"handle", confirmed.handle.text()},
            {"key", confirmed.key.text()},
            {"user", hex(confirmed.user.bytes)}};
}

json::object object_of(const async::EndRequest& request) {
    json::object object{{"what", "end"},
                        {"user_id", request.user_id},
                        {"user", hex(request.user.bytes)},
                        {"reason", static_cast<int>(request.reason)},
                        {"until", millis(request.until)},
                        {"epoch", request.granted_epoch},
                        {"event", of(request.event)}};
    if (request.key) object["key"] = request.key->text();
    if (request.handle) object["handle"] = request.handle->text();
    if (request.keep) object["keep"] = request.keep->text();
    return object;
}

json::object object_of(const async::PlatformChange& change) {
    return {{"what", "platform"},
            {"handle", change.handle.text()},
            {"platform", change.platform},
            {"event", of(change.event)}};
}

json::object object_of(const async::AuditEvent& event) {
    return {{"what", "event"}, {"event", of(event)}};
}

[[noreturn]] void wrong(std::string_view name) {
    throw std::runtime_error("wrong or missing: " + std::string(name));
}

/// The fields of one object. Throws where one is missing or of another kind.
class Fields {
public:
    explicit Fields(const json::object& object) : object_(object) {}

    [[nodiscard]] std::string text(std::string_view name) const {
        return std::string(object_.at(name).as_string());
    }
    template <class T>
    [[nodiscard]] T number(std::string_view name) const {
        return object_.at(name).to_number<T>();
    }
    [[nodiscard]] TimePoint time(std::string_view name) const {
        return TimePoint(Millis(number<std::int64_t>(name)));
    }
    [[nodiscard]] Handle handle(std::string_view name) const {
        const auto parsed = Handle::parse(text(name));
        if (!parsed) wrong(name);
        return *parsed;
    }
    [[nodiscard]] UserTag user() const { return UserTag{handle("user").bytes}; }
    [[nodiscard]] StoreKey key(std::string_view name) const {
        const auto parsed = StoreKey::parse(text(name));
        if (!parsed) wrong(name);
        return *parsed;
    }
    [[nodiscard]] bool has(std::string_view name) const { return object_.contains(name); }
    [[nodiscard]] bool flag(std::string_view name) const { return object_.at(name).as_bool(); }
    [[nodiscard]] Fields inner(std::string_view name) const {
        return Fields(object_.at(name).as_object());
    }

private:
    const json::object& object_;
};

async::AuditEvent read_event(const Fields& fields) {
    async::AuditEvent event;
    event.at = fields.time("at");
    event.type = fields.text("type");
    event.user_id = fields.text("user_id");
    event.actor = fields.text("actor");
    event.detail = fields.text("detail");
    if (fields.has("handle")) event.handle = fields.handle("handle");
    if (fields.has("operation")) event.operation = fields.handle("operation").bytes;
    return event;
}

async::LoginOrder read_login(const Fields& fields) {
    const Fields row = fields.inner("row");
    async::LoginOrder order;
    order.row.handle = row.handle("handle");
    order.row.key = row.key("key");
    order.row.user_id = row.text("user_id");
    order.row.user = row.user();
    order.row.created = row.time("created");
    order.row.authenticated = row.time("authenticated");
    order.row.absolute_expiry = row.time("absolute_expiry");
    order.row.idle_limit = Seconds(row.number<Seconds::rep>("idle_limit"));
    order.row.device = row.text("device");
    order.row.place = row.text("place");
    order.row.platform = row.text("platform");
    if (fields.has("replaced")) {
        const Fields replaced = fields.inner("replaced");
        order.replaced = async::Replaced{replaced.key("key"), replaced.handle("handle"),
                                         replaced.flag("same_user")};
    }
    order.granted_epoch = fields.number<std::uint64_t>("epoch");
    order.event = read_event(fields.inner("event"));
    return order;
}

async::EndRequest read_ending(const Fields& fields) {
    async::EndRequest request;
    if (fields.has("key")) request.key = fields.key("key");
    if (fields.has("handle")) request.handle = fields.handle("handle");
    if (fields.has("keep")) request.keep = fields.key("keep");
    request.user_id = fields.text("user_id");
    request.user = fields.user();
    const auto reason = fields.number<unsigned>("reason");
    if (reason > static_cast<unsigned>(EndReason::security)) wrong("reason");
    request.reason = static_cast<EndReason>(reason);
    request.until = fields.time("until");
    request.late = true;
    request.granted_epoch = fields.number<std::uint64_t>("epoch");
    request.event = read_event(fields.inner("event"));
    return request;
}

async::Deferred read_object(const Fields& fields) {
    const std::string what = fields.text("what");
    if (what == "login") return read_login(fields);
    if (what == "confirmed")
        return async::LoginConfirmed{fields.handle("handle"), fields.key("key"), fields.user()};
    if (what == "end") return read_ending(fields);
    if (what == "platform")
        return async::PlatformChange{fields.handle("handle"), fields.text("platform"),
                                     read_event(fields.inner("event"))};
    if (what == "event") return read_event(fields.inner("event"));
    wrong("what");
}

}  // namespace

std::string entry_text(const async::Deferred& entry) {
    return json::serialize(std::visit([](const auto& known) { return object_of(known); }, entry));
}

std::string refused_text(const async::Deferred& entry, std::string_view why) {
    const auto known = std::visit([](const auto& any) { return object_of(any); }, entry);
    return json::serialize(json::object{{"why", why}, {"entry", known}});
}

Result<async::Deferred> read_entry(std::string_view text) {
    // Boost.JSON throws on what it did not expect; nothing of that leaves this function.
    try {
        const json::value value = json::parse(text);
        return read_object(Fields(value.as_object()));
    } catch (const std::exception& failure) {
        return Error{Errc::bad_value, std::string("an entry of the journal: ") + failure.what()};
    }
}

std::optional<TimePoint> time_of(const async::Deferred& entry) {
    if (const auto* login = std::get_if<async::LoginOrder>(&entry)) return login->event.at;
    if (const auto* ending = std::get_if<async::EndRequest>(&entry)) return ending->event.at;
    if (const auto* change = std::get_if<async::PlatformChange>(&entry)) return change->event.at;
    if (const auto* event = std::get_if<async::AuditEvent>(&entry)) return event->at;
    return std::nullopt;
}

}  // namespace vedfolnir::journal
