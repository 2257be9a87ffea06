// A primary, its replica behind a link that can be cut, and the takeover (security.md O1, O2).
#pragma once

#include "fault/installation.hpp"
#include "support/forwarder.hpp"

#include <fmt/format.h>

namespace vedfolnir::test {

class Failover : public Installation {
protected:
    Failover()
        : primary({.settings = {"repl-diskless-sync-delay 0"}, .tcp = true}),
          link(primary.port()),
          replica({.settings = {fmt::format("replicaof 127.0.0.1 {}", link.port())}}) {
        point_to(primary);
    }

    [[nodiscard]] bool replicated() {
        return replica.admin({"INFO", "replication"}).text.find("master_link_status:up") !=
                   std::string::npos &&
               record_keys(primary) == record_keys(replica);
    }
    /// The connection breaks, the primary dies, and the replica takes over with what it has.
    void fail_over() {
        primary.kill();
        replica.admin({"REPLICAOF", "NO", "ONE"});
        point_to(replica);
    }

    RedisServer primary;
    Forwarder link;
    RedisServer replica;
};

}  // namespace vedfolnir::test
