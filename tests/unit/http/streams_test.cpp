// SPDX-License-Identifier: MIT
#include "http/streams.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace mempool;
using namespace mempool::http;

namespace {

using boost::beast::http::verb;

const SlowRule all("lag", "lag,latest,close");

Request get(std::string_view target, std::initializer_list<std::string_view> last_ids = {}) {
    Request request{verb::get, target, 11};
    for (const std::string_view id : last_ids) request.insert("Last-Event-ID", id);
    return request;
}

Joining joined(const Request &request, const SlowRule &rule = all) {
    const auto answered = join_events(request, rule);
    const auto *upgrade = std::get_if<Upgrade>(&answered);
    EXPECT_NE(upgrade, nullptr) << request.target();
    return upgrade == nullptr ? Joining{} : upgrade->joining;
}

Reply refused(const Request &request, const SlowRule &rule = all) {
    const auto answered = join_events(request, rule);
    const auto *reply = std::get_if<Reply>(&answered);
    EXPECT_NE(reply, nullptr) << request.target();
    return reply == nullptr ? Reply{} : *reply;
}

}  // namespace

TEST(Streams, events_are_text_or_json_by_the_query) {
    EXPECT_EQ(joined(get("/events/mempool")).manner.format, Format::sse_text);
    EXPECT_EQ(joined(get("/events/mempool?format=text")).manner.format, Format::sse_text);
    EXPECT_EQ(joined(get("/events/mempool?format=json")).manner.format, Format::sse_json);
}

TEST(Streams, the_answer_is_a_header_without_a_length) {
    const auto answered = join_events(get("/events/mempool"), all);
    const std::string &answer = std::get<Upgrade>(answered).answer;
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    EXPECT_TRUE(answer.ends_with("\r\nConnection: close\r\n\r\n"));
    EXPECT_NE(answer.find("\r\nContent-Type: text/event-stream\r\n"), std::string::npos);
    EXPECT_EQ(answer.find("Content-Length"), std::string::npos);
    EXPECT_EQ(answer.find("Transfer-Encoding"), std::string::npos);
}

TEST(Streams, the_last_event_id_goes_before_since) {
    EXPECT_FALSE(joined(get("/events/mempool")).since);
    EXPECT_FALSE(joined(get("/events/mempool", {""})).since) << "a browser that heard nothing has none";
    EXPECT_EQ(joined(get("/events/mempool?since=a:3")).since->heard, Offset{3});
    EXPECT_EQ(joined(get("/events/mempool?since=a:3", {""})).since->heard, Offset{3});
    EXPECT_EQ(joined(get("/events/mempool?since=a:3", {"b:7"})).since->heard, Offset{7});
    EXPECT_EQ(joined(get("/events/mempool?since=a:3", {"b:7"})).since->epoch, "b");
    EXPECT_EQ(joined(get("/events/mempool?since=a:3", {"0"})).since->epoch, "");
}

TEST(Streams, a_position_that_is_none_is_refused_wherever_it_stands) {
    for (const Request &request : {get("/events/mempool?since=x"), get("/events/mempool?since=x", {"a:1"}),
                                   get("/events/mempool", {"x"}), get("/events/mempool?since=a:1", {"17"}),
                                   get("/events/mempool", {"a:1", "a:1"}), get("/events/mempool", {"a:1", ""})}) {
        const Reply reply = refused(request);
        EXPECT_EQ(reply.status, 400U);
        EXPECT_FALSE(reply.close);
    }
}

TEST(Streams, a_policy_that_is_not_allowed_is_refused_with_what_is) {
    const SlowRule rule("latest", "close, latest");
    EXPECT_EQ(joined(get("/events/mempool"), rule).manner.slow, Slow::latest);
    EXPECT_EQ(joined(get("/events/mempool?slow=close"), rule).manner.slow, Slow::close);
    const Reply reply = refused(get("/events/mempool?slow=lag"), rule);
    EXPECT_EQ(reply.status, 400U);
    EXPECT_NE(reply.body.find("`slow` is `lag`, which this server does not offer; allowed: latest, close"),
              std::string::npos)
        << reply.body;
}

TEST(Streams, head_is_answered_and_another_method_is_not) {
    Request request = get("/events/mempool");
    request.method(verb::head);
    EXPECT_EQ(refused(request).status, 200U);
    EXPECT_TRUE(refused(request).endless);
    request.method(verb::post);
    EXPECT_EQ(refused(request).status, 405U);
}
