#include "runtime/fail_point.hpp"

#ifdef VEDFOLNIR_FAIL_POINTS

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <unistd.h>

namespace vedfolnir::runtime {
namespace {

struct Chosen {
    std::string_view name;
    std::atomic<int> left{0};

    Chosen() {
        const char* text = std::getenv("VEDFOLNIR_FAIL_POINT");
        if (text == nullptr) return;
        const std::string_view all(text);
        const auto colon = all.find(':');
        if (colon == std::string_view::npos) return;
        int passes = 0;
        std::from_chars(all.data() + colon + 1, all.data() + all.size(), passes);
        name = all.substr(0, colon);
        left = passes;
    }
};

}  // namespace

void fail_point(FailPoint here) noexcept {
    static Chosen chosen;
    if (here.name != chosen.name) return;
    if (chosen.left.fetch_sub(1) == 1) ::kill(::getpid(), SIGKILL);
}

}  // namespace vedfolnir::runtime

#endif
