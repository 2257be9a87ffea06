// From the Cookie header to the record and back: parsing, MAC, store key, seal, payload, merge.
#include "crypto/key_ring.hpp"
#include "crypto/random.hpp"
#include "crypto/sealing.hpp"
#include "micro.hpp"
#include "model/codec.hpp"
#include "model/merge.hpp"
#include "model/payload.hpp"
#include "sessions.hpp"
#include "web/cookie.hpp"

#include <string>

namespace vedfolnir::bench {
namespace {

struct Sample {
    Sample() {
        const std::string secret("\x01\x9e\x2d\x33\xf4\x85\x56\xa7\x08\x49\xba\xeb\xcc\xdd\x1e\x7f"
                                 "\x10\x91\x22\xb3\x34\xd5\xf6\x67\x78\x89\x9a\x0b\x5c\xed\xfe\x6f",
                                 32);
        KeyOptions keys;
        keys.keys = {{1, secret}};
        ring.emplace(value_of(crypto::KeyRing::open(keys)));
        id.emplace(value_of(ring->mint(7, random)));
        key = crypto::store_key_of(*id);
        header = request_with(options, id->cookie_value()).cookie_header;
        payload = sample_payload();
        encoded = model::encode_payload(payload);
        record_header.created = record_header.last_seen = TimePoint(Millis{1'800'000'000'000});
        record_header.absolute_expiry = record_header.created + Millis{86'400'000};
        record = value_of(
            crypto::seal_record(*ring, random, key, record_header, encoded, /*plain=*/false));
    }

    static model::Payload sample_payload() {
        model::Payload payload;
        payload.manager = {"4711", "Firefox 140, Linux", "192.0.2.0"};
        for (const auto& [name, text] : sample_fields())
            payload.entries.emplace(name, model::encode_text(text));
        return payload;
    }

    ManagerOptions options;
    crypto::KernelRandom random;
    std::optional<crypto::KeyRing> ring;
    std::optional<model::SessionId> id;
    StoreKey key;
    std::string header;
    model::Payload payload;
    std::string encoded;
    model::RecordHeader record_header;
    std::string record;
};

const Sample& sample() {
    static const Sample made;
    return made;
}

void cookie_and_mac(benchmark::State& state) {
    const Sample& with = sample();
    measure(state, [&] {
        const auto cookie = web::find_cookie(with.header, with.options.cookie.name);
        const auto id = model::SessionId::parse(cookie.value);
        bool genuine = id && with.ring->verify(*id);
        benchmark::DoNotOptimize(genuine);
    });
}
BENCHMARK(cookie_and_mac)->Name("cookie: find, parse, verify MAC");

void cookie_only(benchmark::State& state) {
    const Sample& with = sample();
    measure(state, [&] {
        const auto cookie = web::find_cookie(with.header, with.options.cookie.name);
        auto id = model::SessionId::parse(cookie.value);
        benchmark::DoNotOptimize(id);
    });
}
BENCHMARK(cookie_only)->Name("cookie: find, parse");

void store_key(benchmark::State& state) {
    const Sample& with = sample();
    measure(state, [&] {
        auto key = crypto::store_key_of(*with.id);
        benchmark::DoNotOptimize(key);
    });
}
BENCHMARK(store_key)->Name("store key: hash");

void open_record(benchmark::State& state) {
    const Sample& with = sample();
    measure(state, [&] {
        auto opened = crypto::open_record(*with.ring, with.key, with.record, with.options.limits,
                                          /*plain=*/false);
        if (!opened) state.SkipWithError("the record did not open");
        benchmark::DoNotOptimize(opened);
    });
}
BENCHMARK(open_record)->Name("record: open, payload decoded");

void seal_record(benchmark::State& state) {
    const Sample& with = sample();
    crypto::KernelRandom random;
    measure(state, [&] {
        auto record = crypto::seal_record(*with.ring, random, with.key, with.record_header,
                                          with.encoded, /*plain=*/false);
        benchmark::DoNotOptimize(record);
    });
}
BENCHMARK(seal_record)->Name("record: seal");

void encode(benchmark::State& state) {
    measure(state, [&] {
        auto bytes = model::encode_payload(sample().payload);
        benchmark::DoNotOptimize(bytes);
    });
}
BENCHMARK(encode)->Name("payload: encode");

void decode(benchmark::State& state) {
    measure(state, [&] {
        auto payload = model::decode_payload(sample().encoded, sample().options.limits);
        benchmark::DoNotOptimize(payload);
    });
}
BENCHMARK(decode)->Name("payload: decode");

void merge(benchmark::State& state) {
    const model::Entries& base = sample().payload.entries;
    model::Entries ours = base;
    ours["theme"] = model::encode_text("light");
    model::Entries theirs = base;
    theirs["last_page"] = model::encode_text("/albums");
    measure(state, [&] {
        auto merged = model::merge(base, ours, theirs);
        benchmark::DoNotOptimize(merged);
    });
}
BENCHMARK(merge)->Name("merge: three ways, one key changed on each side");

}  // namespace
}  // namespace vedfolnir::bench
