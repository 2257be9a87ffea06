// The manager of one process: event loop, stores and core, made on first use and replaced after a fork.
#pragma once

#include "manager/core.hpp"
#include "ops/process_watch.hpp"
#include "runtime/runtime.hpp"
#include "vedfolnir/session_manager.hpp"

#include <atomic>
#include <functional>
#include <memory>

namespace vedfolnir {

namespace facade {

/// Makes the stores of one process. Opens no connection by itself. Errors: bad_options.
using PortsFactory = std::function<Result<manager::Ports>(runtime::Runtime&, const ManagerOptions&,
                                                          runtime::AtomicCounters&)>;

/// What belongs to one process id.
struct Instance {
    runtime::Runtime runtime;
    std::shared_ptr<manager::Core> core;
    std::shared_ptr<runtime::Background> background;
    std::function<void()> end_threads;

    Instance() = default;
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;
    /// The loop stops first, so that nothing runs while the core and its stores go; then the threads of the stores,
    /// which post to it. What is suspended goes with the loop, and may hold the core and the stores until then.
    ~Instance();
};

}  // namespace facade

struct SessionManager::Impl {
    Impl(ManagerOptions options, crypto::KeyRing ring, facade::PortsFactory factory,
         manager::Report report,
         std::unique_ptr<crypto::RandomSource> random = std::make_unique<crypto::KernelRandom>());
    ~Impl();
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    /// The instance of this process. After a fork the parent's is left alone: its thread is not here.
    [[nodiscard]] Result<facade::Instance*> instance();

    ManagerOptions options;
    crypto::KeyRing ring;
    std::unique_ptr<crypto::RandomSource> random;
    runtime::AtomicCounters counters;
    ops::ProcessWatch watch;
    facade::PortsFactory factory;
    manager::Report report;
    std::atomic<facade::Instance*> current{nullptr};
};

}  // namespace vedfolnir
