// Any bytes as a stored record, sealed and plain: opened, or no session. The first byte says what is tried; with its
// lowest bit set the rest is sealed first, so that damage behind an intact seal is reached too.
// ids: V01 V02 C22 C25
#include "crypto/sealing.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace vedfolnir;

/// Nonces need not be random to try a reader.
class Zeros final : public crypto::RandomSource {
public:
    Result<void> fill(std::span<std::uint8_t> out) override {
        std::ranges::fill(out, std::uint8_t{0});
        return {};
    }
};

const crypto::KeyRing& ring() {
    static const crypto::KeyRing instance =
        *crypto::KeyRing::open({{{1, std::string(32, 'k')}}, {}});
    return instance;
}

constexpr SizeLimits limits;
const StoreKey key{0x2a, {1, 2, 3}};

/// A record whose seal holds over whatever payload bytes came.
std::string sealed_over(std::string_view payload) {
    model::RecordHeader header;
    header.key_id = 1;
    std::string record = model::pack_header(header);
    const std::array<std::uint8_t, crypto::aead_nonce_size> nonce{};
    const auto record_key = ring().record_key(1, key);
    const std::string additional = model::additional_data(record, key);
    record.append(nonce.size(), '\0');
    return record + crypto::aead_seal(record_key->bytes(), nonce, additional, payload);
}

void check(std::string_view bytes, bool plain) {
    const auto opened = crypto::open_record(ring(), key, bytes, limits, plain);
    if (!opened) return;
    // What opened can be written again, and opens as the same.
    Zeros zeros;
    const auto again = crypto::seal_record(ring(), zeros, key, opened->header,
                                           model::encode_payload(opened->payload), plain);
    if (!again) std::abort();
    const auto reopened = crypto::open_record(ring(), key, *again, limits, plain);
    if (!reopened || reopened->payload != opened->payload) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
    if ((data[0] & 1U) != 0) {
        check(sealed_over(bytes), false);
    } else {
        check(bytes, (data[0] & 2U) != 0);
        (void)model::parse_note(bytes);
    }
    return 0;
}
