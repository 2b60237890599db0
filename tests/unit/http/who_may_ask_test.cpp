// SPDX-License-Identifier: MIT
#include "http/who_may_ask.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

using namespace mempool::http;

namespace {

using boost::beast::http::field;
using boost::beast::http::verb;

Request request(verb method, std::string_view host, std::string_view origin = {}) {
    Request made{method, "/tx", 11};
    if (!host.empty()) made.set(field::host, host);
    if (!origin.empty()) made.set(field::origin, origin);
    return made;
}

/// The rule, and where what it judges comes in.
struct At {
    Reach reach;
    WhoMayAsk who;
};

/// "passes", "passes with CORS", or the word of the refusal.
std::string verdict(const At &at, const Request &request) {
    const auto admission = at.who.admit(request, at.reach);
    if (admission.refusal) {
        EXPECT_EQ(admission.refusal->status, 403u);
        EXPECT_TRUE(admission.refusal->close);
        EXPECT_TRUE(admission.headers.empty());
        const std::string &body = admission.refusal->body;
        return body.substr(10, body.find('"', 10) - 10);
    }
    return admission.headers.empty() ? "passes" : "passes with CORS";
}

const At on_loopback{Reach::loopback, {"https://app.example.com", "dev.test,[::2]", ""}};
const At on_the_network{Reach::network, {"https://app.example.com, http://[2001:db8::1]:8080", "", ""}};
const At on_a_unix_socket{Reach::unix_socket, {"https://app.example.com", "dev.test", ""}};

}  // namespace

TEST(WhoMayAsk, a_loopback_address_answers_to_loopback_names_and_to_hosts) {
    for (const char *host : {"localhost", "LOCALHOST:3000", "a.localhost", "127.0.0.1:3000", "127.9.9.9", "[::1]:3000",
                             "dev.test", "DEV.test:80", "[::2]"})
        for (const verb method : {verb::get, verb::post, verb::options})
            EXPECT_EQ(verdict(on_loopback, request(method, host)), "passes") << host;
    for (const char *host : {"evil.example", "localhost.evil", "127.0.0.1.evil", "localhost.", "xlocalhost",
                             "dev.test.evil", "a.dev.test", "0.0.0.0", "10.0.0.1", "[::3]"})
        for (const verb method : {verb::get, verb::head, verb::post, verb::options})
            EXPECT_EQ(verdict(on_loopback, request(method, host)), "forbidden_host") << host;
}

TEST(WhoMayAsk, a_unix_socket_answers_to_every_host_as_its_proxy_chose_it) {
    for (const char *host : {"localhost", "app.example.org", "upstream:80"})
        EXPECT_EQ(verdict(on_a_unix_socket, request(verb::post, host)), "passes") << host;
}

TEST(WhoMayAsk, behind_a_unix_socket_the_pages_own_origin_may_be_https) {
    EXPECT_EQ(verdict(on_a_unix_socket, request(verb::post, "a.example", "https://a.example")), "passes");
    EXPECT_EQ(verdict(on_a_unix_socket, request(verb::post, "a.example", "http://a.example")), "passes");
    EXPECT_EQ(verdict(on_a_unix_socket, request(verb::post, "a.example:8443", "https://a.example:8443")), "passes");
    EXPECT_EQ(verdict(on_a_unix_socket, request(verb::post, "a.example", "https://app.example.com")),
              "passes with CORS");
    for (const char *origin : {"https://b.example", "https://a.example:444", "ftp://a.example", "http://localhost",
                               "http://127.0.0.1", "null"})
        EXPECT_EQ(verdict(on_a_unix_socket, request(verb::post, "a.example", origin)), "forbidden_origin") << origin;
}

TEST(WhoMayAsk, a_foreign_page_may_read_but_not_hear_the_stream) {
    for (const char *target : {"/events/mempool", "/events/mempool?since=0", "/events/other"}) {
        Request asked = request(verb::get, "localhost", "https://evil.example");
        EXPECT_EQ(verdict(on_loopback, asked), "passes");
        asked.target(target);
        EXPECT_EQ(verdict(on_loopback, asked), "forbidden_origin") << target;
        asked.set(field::origin, "https://app.example.com");
        EXPECT_EQ(verdict(on_loopback, asked), "passes with CORS") << target;
    }
}

TEST(WhoMayAsk, below_a_prefix_a_foreign_page_does_not_hear_the_stream_either) {
    const At below_a_prefix{Reach::loopback, {"", "", "/live"}};
    Request asked = request(verb::get, "localhost", "https://evil.example");
    asked.target("/live/events/mempool");
    EXPECT_EQ(verdict(below_a_prefix, asked), "forbidden_origin");
    asked.target("/events/mempool");  // is no stream there
    EXPECT_EQ(verdict(below_a_prefix, asked), "passes");
}

TEST(WhoMayAsk, no_host_and_no_origin_is_no_browser) {
    EXPECT_EQ(verdict(on_loopback, request(verb::post, "")), "passes");
    EXPECT_EQ(verdict(on_the_network, request(verb::post, "")), "passes");
}

TEST(WhoMayAsk, its_own_origin_passes) {
    const std::string_view rows[][2] = {{"a.example", "http://a.example"},
                                        {"a.example:80", "http://a.example"},
                                        {"A.example", "http://a.example:80"},
                                        {"a.example:3000", "http://a.example:3000"},
                                        {"[2001:db8::2]:3000", "http://[2001:db8::2]:3000"},
                                        {"a.example.", "http://a.example."}};
    for (const auto &[host, origin] : rows)
        EXPECT_EQ(verdict(on_the_network, request(verb::post, host, origin)), "passes") << origin;
}

TEST(WhoMayAsk, an_origin_of_the_option_passes_with_cors) {
    for (const char *origin : {"https://app.example.com", "https://app.example.com:443", "HTTPS://APP.example.com",
                               "http://[2001:DB8::1]:8080"})
        EXPECT_EQ(verdict(on_the_network, request(verb::post, "a.example", origin)), "passes with CORS") << origin;
    EXPECT_EQ(
        on_the_network.who.admit(request(verb::get, "a.example", "https://app.example.com"), Reach::network).headers,
        "Access-Control-Allow-Origin: https://app.example.com\r\n"
        "Access-Control-Expose-Headers: Location, Retry-After\r\nVary: Origin\r\n");
}

TEST(WhoMayAsk, on_a_loopback_address_every_loopback_origin_passes) {
    for (const char *origin :
         {"http://localhost:8888", "https://localhost", "http://127.0.0.2", "http://[::1]:1", "http://a.localhost"}) {
        EXPECT_EQ(verdict(on_loopback, request(verb::post, "localhost:3000", origin)), "passes with CORS") << origin;
        EXPECT_EQ(verdict(on_the_network, request(verb::post, "a.example", origin)), "forbidden_origin") << origin;
    }
}

TEST(WhoMayAsk, every_other_origin_is_refused) {
    for (const char *origin : {"null",
                               "https://evil.example",
                               "https://app.example.com.evil",
                               "https://app.example.com.",
                               "https://xapp.example.com",
                               "http://app.example.com",
                               "https://app.example.com:444",
                               "https://app.example.com/",
                               "https://app.example.com@evil",
                               "https://evil@app.example.com",
                               "http://localhost.evil",
                               "http://127.0.0.1.evil",
                               "http://localhost.",
                               "http://.localhost",
                               "http://localhost@evil",
                               "ftp://localhost",
                               "chrome-extension://localhost",
                               "http://127.1",
                               "file://",
                               "*",
                               "localhost",
                               "https://app.example.com https://evil.example"}) {
        EXPECT_EQ(verdict(on_loopback, request(verb::post, "localhost", origin)), "forbidden_origin") << origin;
        EXPECT_EQ(verdict(on_the_network, request(verb::post, "a.example", origin)), "forbidden_origin") << origin;
    }
    EXPECT_EQ(verdict(on_the_network, request(verb::post, "a.example", "https://a.example")), "forbidden_origin")
        << "another scheme";
    EXPECT_EQ(verdict(on_the_network, request(verb::post, "a.example:3000", "http://a.example")), "forbidden_origin");
}

TEST(WhoMayAsk, two_origins_are_none) {
    Request twice = request(verb::post, "localhost", "http://localhost");
    twice.insert(field::origin, "http://localhost");
    EXPECT_EQ(verdict(on_loopback, twice), "forbidden_origin");
}

TEST(WhoMayAsk, a_foreign_page_may_read_without_cors_but_not_hear_the_stream) {
    Request get = request(verb::get, "localhost", "https://evil.example");
    EXPECT_EQ(verdict(on_loopback, get), "passes");
    get.set(field::upgrade, "websocket");
    EXPECT_EQ(verdict(on_loopback, get), "forbidden_origin");
}

TEST(Preflight, is_answered_204_with_what_is_allowed) {
    Request preflight = request(verb::options, "localhost", "http://localhost:8888");
    EXPECT_FALSE(answer_options(preflight));
    preflight.set(field::access_control_request_method, "POST");
    const auto answered = answer_options(preflight);
    ASSERT_TRUE(answered);
    EXPECT_EQ(answered->status, 204u);
    EXPECT_NE(answered->headers.find("Access-Control-Allow-Methods: GET, HEAD, POST\r\n"), std::string::npos);
    EXPECT_NE(answered->headers.find("Access-Control-Allow-Headers: Content-Type, Idempotency-Key, "),
              std::string::npos);
}
