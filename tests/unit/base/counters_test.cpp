// SPDX-License-Identifier: MIT
#include "base/counters.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>

namespace mempool {
namespace {

TEST(Counters, every_name_and_every_metric_with_its_labels_stands_once_in_the_table) {
    std::set<std::string> names;
    std::set<std::string> series;
    for (const CounterRow &row : counter_table()) {
        EXPECT_TRUE(names.insert(row.name).second) << row.name;
        EXPECT_TRUE(series.insert(std::string(row.metric) + "{" + row.labels).second) << row.metric;
    }
}

TEST(Counters, rows_of_one_metric_stand_side_by_side_and_say_the_same) {
    std::set<std::string> over;
    const CounterRow *before = nullptr;
    for (const CounterRow &row : counter_table()) {
        if (before != nullptr && std::string(before->metric) == row.metric) {
            EXPECT_EQ(before->kind, row.kind) << row.name;
            EXPECT_EQ(before->unit, row.unit) << row.name;
            EXPECT_STREQ(before->doc, row.doc);
            EXPECT_STRNE(row.labels, "") << row.name;
        } else {
            EXPECT_TRUE(over.insert(row.metric).second) << row.metric;
        }
        before = &row;
    }
}

TEST(Counters, units_end_the_metrics_name_as_prometheus_has_it) {
    for (const CounterRow &row : counter_table()) {
        const std::string metric = row.metric;
        EXPECT_TRUE(metric.starts_with("mempool_")) << metric;
        EXPECT_FALSE(metric.ends_with("_total")) << metric;
        EXPECT_EQ(metric.ends_with("_bytes"), row.unit == CounterUnit::bytes) << metric;
        EXPECT_EQ(metric.ends_with("_seconds"), row.unit == CounterUnit::nanoseconds) << metric;
        EXPECT_EQ(std::string(row.doc).find_first_of("\\\n\""), std::string::npos) << metric;
        EXPECT_TRUE(std::string(row.doc).ends_with(".")) << metric;
    }
}

TEST(Counters, a_path_is_counted_under_its_route) {
    const std::pair<const char *, Route> table[] = {
        {"/tx", Route::tx},           {"/tx/17", Route::tx_id},       {"/txs", Route::txs},
        {"/txs/", Route::other},      {"/ws/mempool", Route::ws},     {"/ws", Route::other},
        {"/events/x", Route::events}, {"/stats", Route::stats},       {"/metrics", Route::metrics},
        {"/healthz", Route::health},  {"/readyz", Route::health},     {"/", Route::page},
        {"", Route::other},           {"/favicon.ico", Route::other}, {"unread", Route::other},
    };
    for (const auto &[path, route] : table) EXPECT_EQ(route_of(path), route) << path;
}

TEST(Counters, a_status_is_counted_under_its_class) {
    EXPECT_EQ(status_classes[status_class_of(101)], "1xx");
    EXPECT_EQ(status_classes[status_class_of(204)], "2xx");
    EXPECT_EQ(status_classes[status_class_of(308)], "3xx");
    EXPECT_EQ(status_classes[status_class_of(426)], "4xx");
    EXPECT_EQ(status_classes[status_class_of(503)], "5xx");
}

TEST(Count, goes_up_and_down) {
    Count count;
    count.add(3);
    count.subtract(2);
    EXPECT_EQ(count.get(), 1U);
}

}  // namespace
}  // namespace mempool
