#include "compose/abridge.hpp"

#include "crypto/key_ring.hpp"
#include "crypto/random.hpp"
#include "crypto/sealing.hpp"
#include "model/payload.hpp"
#include "model/record.hpp"

#include <memory>
#include <set>
#include <string>
#include <utility>

namespace vedfolnir::compose {
namespace {

/// Is worth a copy: a record of a logged-in user.
bool is_named(const std::string& record) {
    const auto header = model::parse_header(record);
    return header && !header->user.anonymous();
}

class Abridger {
public:
    Abridger(const ManagerOptions& options, crypto::KeyRing ring)
        : ring_(std::move(ring)),
          limits_(options.limits),
          plain_(options.plain_records),
          kept_(options.jobs.snapshots->keys.begin(), options.jobs.snapshots->keys.end()) {
        kept_.insert(options.identity.keys.begin(), options.identity.keys.end());
        // Flask-Login takes a session without these for a stolen or an old one.
        kept_.insert({"_fresh", "_id"});
    }

    /// What this process has no key for is copied as it stands, sealed: whoever has the key must not go without a copy.
    std::string operator()(const StoreKey& key, std::string record) {
        auto opened = crypto::open_record(ring_, key, record, limits_, plain_);
        if (!opened) return record;
        std::erase_if(opened->payload.entries,
                      [&](const auto& entry) { return !kept_.contains(entry.first); });
        const std::string payload = model::encode_payload(opened->payload);
        auto sealed = crypto::seal_record(ring_, random_, key, opened->header, payload, plain_);
        return sealed ? std::move(*sealed) : std::move(record);
    }

private:
    crypto::KeyRing ring_;
    crypto::KernelRandom random_;
    SizeLimits limits_;
    bool plain_;
    std::set<std::string, std::less<>> kept_;
};

}  // namespace

Result<runtime::Abridge> make_abridge(const ManagerOptions& options) {
    if (options.jobs.snapshots->keys.empty()) {
        return runtime::Abridge(
            [](const StoreKey&, std::string record) -> std::optional<std::string> {
                if (!is_named(record)) return std::nullopt;
                return record;
            });
    }
    auto ring = crypto::KeyRing::open(options.keys);
    if (!ring) return std::move(ring).error();
    auto abridger = std::make_shared<Abridger>(options, std::move(*ring));
    return runtime::Abridge(
        [abridger](const StoreKey& key, std::string record) -> std::optional<std::string> {
            if (!is_named(record)) return std::nullopt;
            return (*abridger)(key, std::move(record));
        });
}

}  // namespace vedfolnir::compose
