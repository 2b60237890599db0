// SPDX-License-Identifier: MIT
#include "http/handshake.hpp"

#include <algorithm>
#include <array>
#include <boost/beast/core/detail/base64.hpp>
#include <boost/beast/core/detail/sha1.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/rfc7230.hpp>

#include "http/extensions.hpp"

namespace mempool::http {
namespace {

namespace beast = boost::beast;
using Field = beast::http::field;

struct Protocol {
    std::string_view name;
    Format format;
};
constexpr std::array protocols{Protocol{"mempool.v1.json", Format::json}, Protocol{"mempool.v1.text", Format::text}};

bool has_token(const Request &request, Field field, std::string_view token) {
    // A list, compared whole: "notupgrade" is no upgrade. The field may come several times (RFC 9110 5.3).
    const auto [first, last] = request.equal_range(field);
    return std::any_of(first, last,
                       [&](const auto &each) { return beast::http::token_list{each.value()}.exists(token); });
}

bool is_key(std::string_view key) {
    // 16 bytes of base64 are 22 characters of the alphabet, the last with 4 empty bits, and "==" (RFC 4648 4).
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (key.size() != 24 || !key.ends_with("==")) return false;
    if (key.substr(0, 22).find_first_not_of(alphabet) != std::string_view::npos) return false;
    return alphabet.find(key[21]) % 16 == 0;
}

Reply upgrade_required(std::string_view detail) {
    Reply reply = error_reply(426, "upgrade_required", detail);
    reply.headers = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    reply.close = true;
    return reply;
}

Reply bad_handshake(std::string_view detail) {
    Reply reply = error_reply(400, "bad_request", detail);
    reply.close = true;
    return reply;
}

/// The first that the client offers and we know, in its order; nullptr: none.
const Protocol *choose_protocol(const Request &request) {
    const auto [first, last] = request.equal_range(Field::sec_websocket_protocol);
    for (auto field = first; field != last; ++field)
        for (const auto &offered : beast::http::token_list{field->value()})
            for (const Protocol &known : protocols)
                if (offered == known.name) return &known;
    return nullptr;
}

/// The answer to the first offer of compression that can be honoured, if there is one.
std::optional<std::string> choose_extension(const Request &request) {
    const auto [first, last] = request.equal_range(Field::sec_websocket_extensions);
    for (auto field = first; field != last; ++field)
        if (auto answer = accept_deflate(field->value())) return answer;
    return std::nullopt;
}

}  // namespace

bool asks_upgrade(const Request &request) {
    return has_token(request, Field::upgrade, "websocket");
}

std::string accept_value(std::string_view key) {
    // Beast's own hash and base64: in its detail namespace, unchanged since 1.66, held to RFC 6455's example by a test.
    constexpr std::string_view guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    beast::detail::sha1_context context;
    beast::detail::init(context);
    beast::detail::update(context, key.data(), key.size());
    beast::detail::update(context, guid.data(), guid.size());
    std::array<char, beast::detail::sha1_context::digest_size> digest;
    beast::detail::finish(context, digest.data());
    std::string accept(beast::detail::base64::encoded_size(digest.size()), '\0');
    accept.resize(beast::detail::base64::encode(accept.data(), digest.data(), digest.size()));
    return accept;
}

std::variant<Handshake, Reply> shake_hands(const Request &request, bool deflate) {
    if (request.method() != beast::http::verb::get) return not_allowed("GET");
    if (!asks_upgrade(request))
        return upgrade_required(
            "this is the event stream: open this URL as a WebSocket, ws:// for http://, for instance with `websocat -n "
            "URL`");
    if (request.version() < 11) return bad_handshake("a WebSocket needs HTTP/1.1");
    if (!has_token(request, Field::connection, "upgrade"))
        return bad_handshake("the Connection header lacks the token `Upgrade`");
    if (request.count(Field::sec_websocket_version) != 1 || request[Field::sec_websocket_version] != "13")
        return upgrade_required("Sec-WebSocket-Version must be 13, once");
    if (request.count(Field::sec_websocket_key) != 1 || !is_key(request[Field::sec_websocket_key]))
        return bad_handshake("Sec-WebSocket-Key must be there once, and be 16 bytes in base64");

    std::string answer =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
        accept_value(request[Field::sec_websocket_key]) + "\r\n";
    std::optional<Format> format;
    if (const Protocol *protocol = choose_protocol(request)) {
        answer.append("Sec-WebSocket-Protocol: ").append(protocol->name).append("\r\n");
        format = protocol->format;
    }
    const auto extension = deflate ? choose_extension(request) : std::nullopt;
    if (extension) answer.append("Sec-WebSocket-Extensions: ").append(*extension).append("\r\n");
    return Handshake{answer + "\r\n", format, extension.has_value()};
}

}  // namespace mempool::http
