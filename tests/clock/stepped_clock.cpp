// Preloaded into a process under test: its wall clock is ahead by what a file says, a number of seconds as text of a
// fixed size (VEDFOLNIR_TEST_CLOCK). Its monotonic clock, by which deadlines go, is left alone, as where the clock of a
// host is set. (libfaketime breaks sleeps by the monotonic clock: Python's time.sleep raises EINVAL.)
#include <cstdlib>
#include <ctime>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

using ClockGettime = int (*)(clockid_t, timespec*);

constexpr std::size_t text_size = 16;

/// Mapped once, so that a step is seen at once and by all processes. An unreadable file is no step.
const char* mapped_text() {
    const char* path = std::getenv("VEDFOLNIR_TEST_CLOCK");
    const int file = path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return nullptr;
    void* text = ::mmap(nullptr, text_size, PROT_READ, MAP_SHARED, file, 0);
    ::close(file);
    return text == MAP_FAILED ? nullptr : static_cast<const char*>(text);
}

time_t step() {
    static const char* const text = mapped_text();
    return text == nullptr ? 0 : static_cast<time_t>(std::strtol(text, nullptr, 10));
}

ClockGettime real_clock() {
    static const auto real = reinterpret_cast<ClockGettime>(::dlsym(RTLD_NEXT, "clock_gettime"));
    return real;
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
    const int result = real_clock()(clock, time);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        time->tv_sec += step();
    return result;
}

extern "C" int gettimeofday(timeval* time, void* /*zone*/) noexcept {
    timespec now{};
    const int result = clock_gettime(CLOCK_REALTIME, &now);
    *time = {now.tv_sec, now.tv_nsec / 1000};
    return result;
}

extern "C" time_t time(time_t* into) noexcept {
    timespec now{};
    static_cast<void>(clock_gettime(CLOCK_REALTIME, &now));
    if (into != nullptr) *into = now.tv_sec;
    return now.tv_sec;
}
