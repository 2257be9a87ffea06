#include "measure.hpp"

#include <boost/json/array.hpp>

#include <algorithm>
#include <stdexcept>
#include <sys/resource.h>

namespace vedfolnir::bench {
namespace {

using Microseconds = std::chrono::duration<double, std::micro>;

double microseconds(Clock::duration time) { return Microseconds(time).count(); }

double seconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

double Recorder::cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Round Recorder::finish() {
    const double cpu = cpu_seconds() - cpu_started_;
    const double wall = Seconds(Clock::now() - started_).count();
    if (times_.empty()) throw std::runtime_error("nothing was measured");
    std::ranges::sort(times_);
    const auto count = static_cast<double>(times_.size());
    double sum = 0;
    for (const auto time : times_) sum += microseconds(time);
    Round round;
    round.p50 = microseconds(times_[times_.size() / 2]);
    round.p99 = microseconds(times_[times_.size() * 99 / 100]);
    round.mean = sum / count;
    round.cpu = cpu * 1e6 / count;
    round.per_second = count / wall;
    round.operations = times_.size();
    return round;
}

void Outcome::add(const std::string& name, const Round& round) {
    const auto found =
        std::ranges::find(cases_, name, &std::pair<std::string, std::vector<Round>>::first);
    if (found != cases_.end()) {
        found->second.push_back(round);
    } else {
        cases_.emplace_back(name, std::vector{round});
    }
}

boost::json::object Outcome::json() const {
    boost::json::object out;
    for (const auto& [name, rounds] : cases_) {
        boost::json::array list;
        for (const Round& round : rounds) {
            list.push_back(boost::json::object{{"p50_us", round.p50},
                                               {"p99_us", round.p99},
                                               {"mean_us", round.mean},
                                               {"cpu_us", round.cpu},
                                               {"per_second", round.per_second},
                                               {"operations", round.operations}});
        }
        out[name] = std::move(list);
    }
    return out;
}

}  // namespace vedfolnir::bench
