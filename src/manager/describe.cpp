#include "manager/describe.hpp"

#include "model/codec.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace vedfolnir::manager {
namespace {

constexpr std::string_view trace_field = "trace";

}  // namespace

std::string json_object(std::initializer_list<std::pair<std::string_view, std::string_view>> fields,
                        const TraceId& trace) {
    boost::json::object object;
    for (const auto& [name, value] : fields) {
        if (!value.empty()) object.emplace(name, value);
    }
    if (!trace.none()) object.emplace(trace_field, trace.text());
    return boost::json::serialize(object);
}

std::string trace_member(const TraceId& trace) {
    return "\"" + std::string(trace_field) + "\":\"" + trace.text() + "\"";
}

Error traced(Error error, const TraceId& trace) {
    if (trace.none()) return error;
    if (error.detail.empty()) error.detail = error.public_message;
    error.detail += " [trace " + trace.text() + "]";
    return error;
}

std::string shortened(std::string_view text, std::size_t bytes_max) {
    std::string out(text.substr(0, bytes_max));
    std::ranges::replace_if(
        out, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
    return out;
}

std::string text_of(const model::Entries& entries, const std::vector<std::string>& keys) {
    for (const std::string& key : keys) {
        const auto found = entries.find(key);
        if (found == entries.end()) continue;
        if (auto text = model::identity_text(found->second); text && *text)
            return std::move(**text);
    }
    return {};
}

Error collision() {
    return {Errc::random_unavailable, "fresh ids keep colliding: the random source repeats itself"};
}

Error may_be_lost() {
    return {Errc::store_unavailable,
            "Redis may have lost sessions and endings (it restarted, failed over or was restored), "
            "and SQL cannot be asked for them"};
}

TimePoint system_now() {
    return std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now());
}

}  // namespace vedfolnir::manager
