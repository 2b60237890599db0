// SPDX-License-Identifier: MIT
/// Property: what a client's message means is what Boost.JSON's own tree of it says, member by member; what cannot be read is refused in
/// UTF-8 and in a few words; and what is answered is JSON with the client's own ref.
///
/// An input is a message. libFuzzer's own thread only.
#include <boost/json.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/base64.hpp"
#include "base/utf8.hpp"
#include "check.hpp"
#include "http/client_message.hpp"

using namespace mempool;
using namespace mempool::http;
namespace json = boost::json;

namespace {

std::optional<std::string> text_of(const json::object &object, const char *key) {
    const json::value *found = object.if_contains(key);
    if (found == nullptr || !found->is_string()) return std::nullopt;
    return std::string(found->get_string());
}

void check_tx(const TxMessage &tx, const json::object &object) {
    FUZZ_CHECK(tx.ref == text_of(object, "ref"));
    FUZZ_CHECK(!tx.ref || tx.ref->size() <= ref_max_bytes);
    FUZZ_CHECK(tx.key == text_of(object, "key"));
    const json::value *wait = object.if_contains("wait");
    FUZZ_CHECK(tx.wait == (wait != nullptr && wait->as_bool()));
    if (object.contains("data"))
        FUZZ_CHECK(tx.data == text_of(object, "data"));
    else
        FUZZ_CHECK(base64(tx.data) == text_of(object, "data_base64"));
}

void check_refusal(const BadTx &bad) {
    FUZZ_CHECK(bad.detail.size() < 200 && utf8_valid(bad.detail));
    std::string frame;
    append_refused(frame, bad.ref, {"bad_request", bad.detail});
    const std::size_t header = static_cast<unsigned char>(frame[1]) == 126 ? 4 : 2;
    const json::value said = json::parse(std::string_view(frame).substr(header));
    FUZZ_CHECK(text_of(said.as_object(), "ref") == bad.ref);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *bytes, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char *>(bytes), size);
    if (!utf8_valid(text)) return 0;  // the frame reader lets nothing else through
    const ClientMessage message = parse_client_message(text);
    json::parse_options options;
    options.max_depth = depth_max;
    boost::system::error_code error;
    const json::value tree = json::parse(json::string_view(text.data(), text.size()), error, {}, options);
    if (const auto *bad = std::get_if<BadMessage>(&message)) {
        FUZZ_CHECK(error);
        FUZZ_CHECK(bad->detail.size() < 200 && utf8_valid(bad->detail));
        return 0;
    }
    FUZZ_CHECK(!error);
    const bool is_tx = tree.is_object() && text_of(tree.get_object(), "type") == "tx";
    FUZZ_CHECK(is_tx == !std::holds_alternative<OtherMessage>(message));
    if (const auto *tx = std::get_if<TxMessage>(&message)) check_tx(*tx, tree.get_object());
    if (const auto *bad = std::get_if<BadTx>(&message)) check_refusal(*bad);
    return 0;
}
