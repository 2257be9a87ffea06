#include "redis/function_call.hpp"

#include "redis/greeting.hpp"

#include <iterator>
#include <utility>

namespace vedfolnir::redis {
namespace asio = boost::asio;

void push_call(boost::redis::request& request, FunctionCall call) {
    Texts arguments{std::string(call.function), std::to_string(call.keys.size())};
    std::move(call.keys.begin(), call.keys.end(), std::back_inserter(arguments));
    std::move(call.arguments.begin(), call.arguments.end(), std::back_inserter(arguments));
    request.push_range(call.read_only ? "FCALL_RO" : "FCALL", arguments.begin(), arguments.end());
}

boost::system::result<Texts, Failure> words_of(const Reply& reply, std::string_view function) {
    if (!reply) return reply.error();
    const auto views = values(*reply);
    if (views.size() < 2) {
        return Failure{FailureKind::other, Stage::request,
                       std::string(function) + " answered too little"};
    }
    return Texts(views.begin(), views.end());
}

asio::awaitable<boost::system::result<Texts, Failure>> call_function(Connection& connection,
                                                                     runtime::StoreClock& clock,
                                                                     FunctionCall call,
                                                                     Deadline deadline) {
    const std::string_view function = call.function;
    Pipeline pipeline;
    pipeline.repeatable = call.repeatable;
    pipeline.only_over = call.only_over;
    push_call(pipeline.request, std::move(call));
    auto exchange = co_await connection.exec(std::move(pipeline), deadline);
    if (!exchange) co_return exchange.error();
    auto words = words_of(exchange->replies.front(), function);
    if (words)
        clock.observe(TimePoint(Millis(number((*words)[1]))), exchange->sent, exchange->answered);
    co_return words;
}

}  // namespace vedfolnir::redis
