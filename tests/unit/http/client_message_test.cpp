// SPDX-License-Identifier: MIT
/// What a client may say over its socket, row by row; and what it is answered, byte by byte.
#include "http/client_message.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/base64.hpp"

using namespace mempool;
using namespace mempool::http;

namespace {

/// In one line.
std::string read(std::string_view text) {
    const ClientMessage message = parse_client_message(text);
    if (const auto *tx = std::get_if<TxMessage>(&message))
        return "tx " + tx->data + (tx->ref ? " ref " + *tx->ref : "") + (tx->key ? " key " + *tx->key : "") +
               (tx->wait ? " wait" : "");
    if (const auto *bad = std::get_if<BadTx>(&message))
        return "refused" + (bad->ref ? " ref " + *bad->ref : "") + ": " + bad->detail;
    if (const auto *bad = std::get_if<BadMessage>(&message)) return "bad: " + bad->detail;
    return "other";
}

std::string nested(std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
}

}  // namespace

TEST(ClientMessage, rows) {
    const struct {
        const char *name;
        std::string text;
        const char *means;  // its beginning
    } rows[] = {
        {"the plainest", R"({"type":"tx","data":"a"})", "tx a"},
        {"with all", R"( {"ref":"a1", "wait":true, "key":"k", "data":"a", "type":"tx"} )", "tx a ref a1 key k wait"},
        {"no wait", R"({"type":"tx","data":"a","wait":false})", "tx a"},
        {"escapes", R"({"type":"\u0074x","data":"\"\u00e9\n"})", "tx \"\xC3\xA9\n"},
        {"base64", R"({"type":"tx","data_base64":"aGk="})", "tx hi"},
        {"empty, for the intake to refuse", R"({"type":"tx","data":""})", "tx "},
        {"empty base64", R"({"type":"tx","data_base64":""})", "tx "},
        {"an unknown member", R"({"type":"tx","more":{"data":"b","type":[1,"x"]},"data":"a"})", "tx a"},
        {"a long unknown name", R"({")" + std::string(9000, 'n') + R"(":1,"type":"tx","data":"a"})", "tx a"},
        {"a member twice", R"({"type":"tx","data":"a","data":"b"})", "tx b"},
        {"a member twice, of two kinds", R"({"type":"tx","data":"a","data":1})", "refused: data is not a string"},
        {"ref of 64 bytes", R"({"type":"tx","data":"a","ref":")" + std::string(64, 'r') + "\"}", "tx a ref rrrr"},

        {"ref of 65 bytes", R"({"type":"tx","data":"a","ref":")" + std::string(65, 'r') + "\"}", "refused: ref is not"},
        {"ref is a number", R"({"type":"tx","data":"a","ref":1})", "refused: ref is not"},
        {"no data", R"({"type":"tx","ref":"a1"})", "refused ref a1: there is no transaction"},
        {"data twice", R"({"type":"tx","data":"a","data_base64":"aGk=","ref":"a1"})", "refused ref a1: data and"},
        {"data is null", R"({"type":"tx","data":null})", "refused: data is not a string"},
        {"data is an array", R"({"type":"tx","data":["a"]})", "refused: data is not a string"},
        {"base64 is none", R"({"type":"tx","data_base64":"a*k=","ref":"a1"})", "refused ref a1: data_base64"},
        {"base64 is a number", R"({"type":"tx","data_base64":1})", "refused: data_base64"},
        {"key is a number", R"({"type":"tx","data":"a","key":1})", "refused: key"},
        {"wait is a number", R"({"type":"tx","data":"a","wait":1})", "refused: wait"},
        {"wait is a text", R"({"type":"tx","data":"a","wait":"true"})", "refused: wait"},

        {"another type", R"({"type":"subscribe"})", "other"},
        {"type is no text", R"({"type":["tx"],"data":"a"})", "other"},
        {"no type", R"({"data":"a"})", "other"},
        {"in an array", R"([{"type":"tx","data":"a"}])", "other"},
        {"one level too deep", R"({"x":{"type":"tx","data":"a"}})", "other"},
        {"a number", "17", "other"},
        {"a text", R"("tx")", "other"},
        {"nested as deep as may be", nested(depth_max), "other"},

        {"nested deeper", nested(depth_max + 1), "bad: this is not JSON"},
        {"nested 10,000 deep", nested(10'000), "bad: this is not JSON"},
        {"nothing", "", "bad: this is not JSON"},
        {"a space", " ", "bad: this is not JSON"},
        {"words", "hello", "bad: this is not JSON"},
        {"cut", R"({"type":"tx","data":"a)", "bad: this is not JSON"},
        {"two of them", R"({"type":"tx","data":"a"}{"type":"tx","data":"b"})", "bad: this is not JSON"},
        {"single quotes", "{'type':'tx','data':'a'}", "bad: this is not JSON"},
        {"a comment", R"({"type":"tx",/**/"data":"a"})", "bad: this is not JSON"},
        {"a comma too many", R"({"type":"tx","data":"a",})", "bad: this is not JSON"},
        {"half a surrogate pair", R"({"type":"tx","data":"\ud800"})", "bad: this is not JSON"},
        {"a NUL behind it", std::string("{\"type\":\"tx\",\"data\":\"a\"}\0", 25), "bad: this is not JSON"},
    };
    for (const auto &row : rows) {
        const std::string means = read(row.text);
        const std::string_view wanted(row.means);
        if (wanted.starts_with("tx") && !wanted.ends_with("rrrr"))
            EXPECT_EQ(means, wanted) << row.name;
        else
            EXPECT_TRUE(means.starts_with(wanted)) << row.name << ": " << means;
        EXPECT_LT(means.size(), 200U) << row.name;
    }
}

TEST(ClientMessage, a_transaction_may_hold_any_bytes) {
    std::string bytes;
    for (int byte = 0; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
    const ClientMessage message = parse_client_message(R"({"type":"tx","data_base64":")" + base64(bytes) + "\"}");
    EXPECT_EQ(std::get<TxMessage>(message).data, bytes);
}

TEST(ClientMessage, answers) {
    std::string out;
    Accepted accepted(out, "a\"1");
    EXPECT_EQ(out, "");
    const std::size_t room = out.capacity();
    accepted.append(18'446'744'073'709'551'615U);
    EXPECT_EQ(out.substr(2), R"({"type":"accepted","ref":"a\"1","id":"18446744073709551615"})");
    EXPECT_EQ(out.capacity(), room) << "it had room before";

    const auto said = [](auto append) {
        std::string frame;
        append(frame);
        return frame.substr(2);
    };
    EXPECT_EQ(said([](std::string &frame) { Accepted(frame, std::nullopt).append(17); }),
              R"({"type":"accepted","id":"17"})");
    EXPECT_EQ(said([](std::string &frame) {
                  append_refused(frame, "a1", {"full", "it is", 50});
              }),
              R"({"type":"refused","ref":"a1","error":"full","detail":"it is","retry_in_ms":50})");
    EXPECT_EQ(said([](std::string &frame) {
                  append_refused(frame, std::nullopt, {"empty", "it is"});
              }),
              R"({"type":"refused","error":"empty","detail":"it is"})");
    EXPECT_EQ(said([](std::string &frame) {
                  append_outcome(frame, "a1", {Completion::Kind::applied, 17, 5});
              }),
              R"({"type":"outcome","ref":"a1","id":"17","status":"applied","batch":"5"})");
    EXPECT_EQ(said([](std::string &frame) {
                  append_outcome(frame, "a1", {Completion::Kind::rejected, 17, 5, 0, "no \"funds\""});
              }),
              R"({"type":"outcome","ref":"a1","id":"17","status":"rejected","reason":"no \"funds\"","batch":"5"})");
    EXPECT_EQ(said([](std::string &frame) { append_bad_message(frame, "no"); }),
              R"({"type":"error","error":"bad_message","detail":"no"})");
}

TEST(Base64, is_read_only_as_it_is_written) {
    std::string bytes;
    for (int size = 0; size < 300; ++size) {
        EXPECT_EQ(from_base64(base64(bytes)), bytes);
        bytes.push_back(static_cast<char>(size * 37));
    }
    for (const char *text : {"a", "aG", "aGk", "aGk==", "====", "a===", "aG=k", "aGl=", "aR==", "aG k", "aGk=\n",
                             "a_-=", "aGk=aGk=", "=aGk", "\x80Gk="})
        EXPECT_EQ(from_base64(text), std::nullopt) << text;
}

TEST(ClientMessage, a_member_that_comes_again_leaves_no_memory_of_the_first) {
    const ClientMessage message =
        parse_client_message(R"({"type":"tx","data":")" + std::string(50'000, 'x') + R"(","data":"a"})");
    ASSERT_TRUE(std::holds_alternative<TxMessage>(message));
    EXPECT_EQ(std::get<TxMessage>(message).data, "a");
    EXPECT_LT(std::get<TxMessage>(message).data.capacity(), 100U);
}
