// SPDX-License-Identifier: MIT
#include "base/exposition.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace mempool {
namespace {

/// Every counter another number: its place in the table and 1000.
Observation busy() {
    Observation now;
    for (std::size_t index = 0; index < counter_count; ++index)
        now.counters[static_cast<Counter>(index)] = 1000 + index;
    now.counters[Counter::apply_time_ns] = 12'000'000'034;
    now.answers[static_cast<std::size_t>(Route::tx)][status_class_of(202)] = 7;
    now.answers[static_cast<std::size_t>(Route::unread)][status_class_of(400)] = 18'446'744'073'709'551'615U;
    now.state = "running";
    now.epoch = "k3v9";
    return now;
}

std::size_t times(std::string_view text, std::string_view part) {
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++count;
    return count;
}

TEST(Exposition, json_has_every_counter_by_its_name_once) {
    const std::string json = json_of(busy(), "mempool");
    EXPECT_TRUE(
        json.starts_with(R"({"topic":"mempool","epoch":"k3v9","state":"running","accepted":1000,"applied":1001,)"))
        << json;
    for (const CounterRow &row : counter_table()) {
        const std::uint64_t value = busy().counters[row.id];
        EXPECT_EQ(times(json, "\"" + std::string(row.name) + "\":" + std::to_string(value)), 1U) << row.name;
    }
    EXPECT_EQ(times(json, R"("http_requests":{"/tx":{"1xx":0,"2xx":7,"3xx":0,"4xx":0,"5xx":0},"/tx/":{)"), 1U) << json;
    EXPECT_TRUE(json.ends_with(R"("unread":{"1xx":0,"2xx":0,"3xx":0,"4xx":18446744073709551615,"5xx":0}}})")) << json;
}

TEST(Exposition, prometheus_counters_end_in_total_and_gauges_do_not) {
    const std::string text = exposition_of(busy(), Exposition::prometheus);
    EXPECT_EQ(
        times(text, "# TYPE mempool_transactions_accepted_total counter\nmempool_transactions_accepted_total 1000\n"),
        1U)
        << text;
    EXPECT_EQ(times(text, "# TYPE mempool_queue_bytes gauge\nmempool_queue_bytes 1008\n"), 1U) << text;
    EXPECT_EQ(times(text, "# UNIT"), 0U);
    EXPECT_EQ(times(text, "# EOF"), 0U);
}

TEST(Exposition, openmetrics_families_have_no_total_and_name_their_unit) {
    const std::string text = exposition_of(busy(), Exposition::openmetrics);
    EXPECT_EQ(times(text, "# TYPE mempool_transactions_accepted counter\nmempool_transactions_accepted_total 1000\n"),
              1U)
        << text;
    EXPECT_EQ(times(text, "# TYPE mempool_queue_bytes gauge\n# UNIT mempool_queue_bytes bytes\n"), 1U) << text;
    EXPECT_TRUE(text.ends_with("\n# EOF\n"));
}

TEST(Exposition, nanoseconds_are_told_in_seconds_to_the_last_digit) {
    EXPECT_EQ(times(exposition_of(busy(), Exposition::prometheus), "\nmempool_apply_seconds_total 12.000000034\n"), 1U);
}

TEST(Exposition, a_metric_is_introduced_once_however_many_labels_it_has) {
    const std::string text = exposition_of(busy(), Exposition::prometheus);
    EXPECT_EQ(times(text,
                    "# TYPE mempool_clients gauge\nmempool_clients{format=\"text\"} "
                    "1016\nmempool_clients{format=\"json\"} 1017\n"),
              1U)
        << text;
    EXPECT_EQ(times(text, "# TYPE mempool_http_requests_total counter\n"), 1U);
    EXPECT_EQ(times(text, "\nmempool_http_requests_total{route=\"/tx\",status=\"2xx\"} 7\n"), 1U);
    EXPECT_EQ(times(text, "\nmempool_http_requests_total{"), route_count * status_classes.size());
}

}  // namespace
}  // namespace mempool
