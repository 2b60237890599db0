// SPDX-License-Identifier: MIT
#include "base/options.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace mempool;

namespace {

/// The refusal's sentence; it must be of that code.
std::string refusal(Code code, const Status &status) {
    EXPECT_EQ(status.code(), code) << status.detail();
    return status.detail();
}

}  // namespace

TEST(Options, every_default_is_what_the_table_says_and_lies_in_its_range) {
    Options options;
    for (const OptionRow &row : option_table()) {
        if (row.type == OptionType::text) {
            EXPECT_EQ(options.text(row.id), row.default_text) << row.name;
            continue;
        }
        EXPECT_EQ(options[row.id], row.default_integer) << row.name;
        EXPECT_LE(row.minimum, row.default_integer) << row.name;
        EXPECT_GE(row.maximum, row.default_integer) << row.name;
        Options again;
        EXPECT_TRUE(again.set_text(row.name, row.default_text).ok()) << row.name;
        EXPECT_EQ(again[row.id], row.default_integer) << row.name;
    }
}

TEST(Options, both_ends_of_a_range_are_allowed_and_one_beyond_is_not) {
    for (const OptionRow &row : option_table()) {
        if (row.type == OptionType::text) continue;
        Options options;
        EXPECT_TRUE(options.set_integer(row.name, row.minimum).ok()) << row.name;
        EXPECT_TRUE(options.set_integer(row.name, row.maximum).ok()) << row.name;
        EXPECT_EQ(options.set_integer(row.name, row.minimum - 1).code(), Code::invalid) << row.name;
        EXPECT_EQ(options.set_integer(row.name, row.maximum + 1).code(), Code::invalid) << row.name;
        EXPECT_EQ(options[row.id], row.maximum) << "a refused value changes nothing";
    }
}

TEST(Options, a_refusal_names_the_option_what_was_given_and_what_is_allowed) {
    Options options;
    EXPECT_EQ(refusal(Code::invalid, options.set_integer("listen_port", 70000)),
              "listen_port 70000 is out of range; allowed: 0 to 65535 port");
    EXPECT_EQ(refusal(Code::invalid, options.set_text("listen_port", "3000x")),
              "listen_port 3000x is not a whole number; allowed: 0 to 65535");
    EXPECT_EQ(refusal(Code::invalid, options.set_text("ring_capacity", "99999999999999999999")),
              "ring_capacity 99999999999999999999 is out of range; allowed: 1 to 1048576 events");
    EXPECT_EQ(refusal(Code::invalid, options.set_text("dashboard", "perhaps")),
              "dashboard perhaps is neither on nor off");
    EXPECT_EQ(refusal(Code::not_found, options.set_text("listen_prot", "1")),
              "unknown option listen_prot; see `mempool options` or docs/spec/options.md");
}

TEST(Options, a_host_must_be_an_ip_address_or_empty) {
    Options options;
    for (const char *host : {"", "127.0.0.1", "0.0.0.0", "::1", "::"})
        EXPECT_TRUE(options.set_text("listen_host", host).ok()) << host;
    for (const char *host : {"localhost", "127.0.0.1:3000", "[::1]", " 127.0.0.1"})
        EXPECT_EQ(options.set_text("listen_host", host).code(), Code::invalid) << host;
}

TEST(Options, origins_and_hosts_are_lists_checked_element_by_element) {
    Options options;
    for (const char *list : {"", "https://app.example.com", "http://a:1, http://[::1]:2,https://b"})
        EXPECT_TRUE(options.set_text("origins", list).ok()) << list;
    for (const char *list : {"*", "null", "app.example.com", "https://a/", "https://a,", ",", "https://a,b",
                             "https://u@a", "https://a https://b"})
        EXPECT_EQ(options.set_text("origins", list).code(), Code::invalid) << list;
    EXPECT_EQ(options.text(Option::origins), "http://a:1, http://[::1]:2,https://b")
        << "a refused value changes nothing";
    EXPECT_EQ(refusal(Code::invalid, options.set_text("origins", "https://a/")),
              "origins https://a/ is not a list of origins; give them as scheme://host or scheme://host:port with "
              "nothing behind, "
              "comma-separated");
    for (const char *list : {"", "dev.test", "dev.test, [::2]"})
        EXPECT_TRUE(options.set_text("hosts", list).ok()) << list;
    for (const char *list : {"dev.test:80", "dev.test:", "http://dev.test", "dev.test,,b", "*.test", "a b"})
        EXPECT_EQ(options.set_text("hosts", list).code(), Code::invalid) << list;
}

TEST(Options, a_route_prefix_is_the_beginning_of_a_path_and_one_slash_at_its_end_is_dropped) {
    const std::string_view kept[][2] = {
        {"", ""}, {"/", ""}, {"/live", "/live"}, {"/live/", "/live"}, {"/a/b-c", "/a/b-c"}, {"/a._~1/B", "/a._~1/B"}};
    for (const auto &[given, prefix] : kept) {
        Options options;
        EXPECT_TRUE(options.set_text("route_prefix", given).ok()) << given;
        EXPECT_EQ(options.text(Option::route_prefix), prefix);
    }
    for (const char *given : {"live", "live/", "//", "/live//", "//live", "/a//b", "/a/./b", "/..", "/a b", "/a?b",
                              "/a#b", "/a%20", "/\xc3\xa9", "/a\r\nX: y", "http://a/live"}) {
        Options options;
        EXPECT_EQ(options.set_text("route_prefix", given).code(), Code::invalid) << given;
    }
    Options options;
    EXPECT_EQ(refusal(Code::invalid, options.set_text("route_prefix", "live")),
              "route_prefix live is not the beginning of a path; give one such as /live or /app/live, of letters, "
              "digits and -._~");
}

TEST(Options, the_path_of_a_unix_socket_is_as_long_as_the_kernel_allows) {
    Options options;
    EXPECT_TRUE(options.set_text("listen_unix", std::string(107, 'x')).ok());
    EXPECT_EQ(refusal(Code::invalid, options.set_text("listen_unix", std::string(108, 'x'))),
              "listen_unix has 108 bytes; allowed: up to 107, as the kernel's unix sockets have it");
    EXPECT_EQ(options.set_text("listen_unix", std::string_view("/a\0b", 4)).code(), Code::invalid);
}

TEST(Options, uring_is_auto_on_or_off) {
    Options options;
    EXPECT_EQ(options.text(Option::uring), "auto");
    for (const char *value : {"on", "off", "auto"}) EXPECT_TRUE(options.set_text("uring", value).ok()) << value;
    EXPECT_EQ(refusal(Code::invalid, options.set_text("uring", "maybe")), "uring maybe is none of auto, on and off");
    EXPECT_EQ(refusal(Code::invalid, options.set_text("uring", "")), "uring (empty) is none of auto, on and off");
}

TEST(Options, slow_policies_are_words_and_a_list_of_them) {
    Options options;
    EXPECT_EQ(options.text(Option::slow_default), "lag");
    EXPECT_EQ(options.text(Option::slow_allowed), "lag,latest,close");
    for (const char *policy : {"lag", "latest", "close"})
        EXPECT_TRUE(options.set_text("slow_default", policy).ok()) << policy;
    for (const char *list : {"lag", "close, latest", "lag,lag"})
        EXPECT_TRUE(options.set_text("slow_allowed", list).ok()) << list;
    EXPECT_EQ(refusal(Code::invalid, options.set_text("slow_default", "drop")),
              "slow_default drop is no policy; allowed: lag, latest or close");
    EXPECT_EQ(refusal(Code::invalid, options.set_text("slow_default", "")),
              "slow_default (empty) is no policy; allowed: lag, latest or close");
    for (const char *list : {"", ",", "lag,", "drop", "lag latest", "LAG"})
        EXPECT_EQ(options.set_text("slow_allowed", list).code(), Code::invalid) << list;
}

TEST(Options, a_number_for_a_text_option_is_refused) {
    Options options;
    EXPECT_EQ(options.set_integer("listen_host", 1).code(), Code::invalid);
}

TEST(Options, a_switch_takes_the_words_for_on_and_off) {
    Options options;
    for (const char *word : {"off", "false", "0"}) {
        EXPECT_TRUE(options.set_text("dashboard", word).ok());
        EXPECT_EQ(options[Option::dashboard], 0);
        EXPECT_TRUE(options.set_text("dashboard", "on").ok());
        EXPECT_EQ(options[Option::dashboard], 1);
    }
}

TEST(Options, the_environment_sets_what_it_names_and_nothing_else) {
    Options options;
    const char *const environment[] = {
        "PATH=/bin", "MEMPOOL_LISTEN_PORT=4000", "MEMPOOL_SERVICE_HOST=10.0.0.1", "MEMPOOL_DASHBOARD=off", "NOEQUALS",
        nullptr};
    EXPECT_TRUE(options.load_environment(environment).ok());
    EXPECT_EQ(options[Option::listen_port], 4000);
    EXPECT_EQ(options[Option::dashboard], 0);
}

TEST(Options, a_bad_environment_variable_is_named) {
    Options options;
    const char *const environment[] = {"MEMPOOL_BATCH_MAX=0", nullptr};
    EXPECT_EQ(
        refusal(Code::invalid, options.load_environment(environment)),
        "environment variable MEMPOOL_BATCH_MAX: batch_max 0 is out of range; allowed: 1 to 1048576 transactions");
}

TEST(Options, zero_and_overflow_capacity_rejected) {
    for (const char *name : {"ring_capacity", "queue_capacity"}) {
        Options options;
        EXPECT_EQ(options.set_integer(name, 0).code(), Code::invalid);
        EXPECT_EQ(options.set_integer(name, std::int64_t{1} << 40).code(), Code::invalid);
    }
}
