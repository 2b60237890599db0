// SPDX-License-Identifier: MIT
#include "base/exposition.hpp"

#include <array>
#include <charconv>

#include "base/json.hpp"

namespace mempool {
namespace {

constexpr std::string_view answers_metric = "mempool_http_requests";
constexpr std::string_view answers_doc =
    "Requests answered, by route and class of status; unread: refused before its path was known.";

void append_number(std::string &text, std::uint64_t number) {
    std::array<char, 20> digits;
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    text.append(digits.data(), end);
}

void append_value(std::string &text, CounterUnit unit, std::uint64_t value) {
    if (unit != CounterUnit::nanoseconds) return append_number(text, value);
    constexpr std::uint64_t second = 1'000'000'000;
    append_number(text, value / second);
    text += '.';
    const std::string fraction = std::to_string(value % second);
    text.append(9 - fraction.size(), '0').append(fraction);
}

std::string_view unit_name(CounterUnit unit) {
    switch (unit) {
        case CounterUnit::bytes:
            return "bytes";
        case CounterUnit::nanoseconds:
            return "seconds";
        case CounterUnit::none:
            break;
    }
    return "";
}

/// Both formats differ in what a family of counters is called: its samples end in `_total` in either.
class Writer {
public:
    explicit Writer(Exposition exposition) : exposition_(exposition) { text_.reserve(16 * 1024); }

    void begin(std::string_view metric, CounterKind kind, std::string_view unit, std::string_view doc) {
        suffix_ = kind == CounterKind::counter ? "_total" : "";
        const std::string_view family_suffix = exposition_ == Exposition::prometheus ? suffix_ : "";
        const auto line = [&](std::string_view word, std::string_view what) {
            text_.append("# ").append(word).append(" ").append(metric).append(family_suffix);
            text_.append(" ").append(what).append("\n");
        };
        line("HELP", doc);
        line("TYPE", kind == CounterKind::counter ? "counter" : "gauge");
        if (exposition_ == Exposition::openmetrics && !unit.empty()) line("UNIT", unit);
    }

    void sample(std::string_view metric, std::string_view labels, CounterUnit unit, std::uint64_t value) {
        text_.append(metric).append(suffix_);
        if (!labels.empty()) text_.append("{").append(labels).append("}");
        text_ += ' ';
        append_value(text_, unit, value);
        text_ += '\n';
    }

    std::string end() {
        if (exposition_ == Exposition::openmetrics) text_ += "# EOF\n";
        return std::move(text_);
    }

private:
    const Exposition exposition_;
    std::string_view suffix_;
    std::string text_;
};

template <class Each>
void each_answer(const PerAnswer<std::uint64_t> &answers, Each each) {
    for (std::size_t route = 0; route < route_count; ++route)
        for (std::size_t status = 0; status < status_classes.size(); ++status)
            each(name_of(static_cast<Route>(route)), status_classes[status], answers[route][status]);
}

}  // namespace

std::string json_of(const Observation &now, std::string_view topic) {
    std::string json;
    json.reserve(2048);
    json.append("{\"topic\":").append(json_string(topic));
    json.append(",\"epoch\":").append(json_string(now.epoch));
    json.append(",\"state\":").append(json_string(now.state));
    for (const CounterRow &row : counter_table()) {
        json.append(",\"").append(row.name).append("\":");
        append_number(json, now.counters[row.id]);
    }
    json += ",\"http_requests\":{";
    std::string_view before;
    each_answer(now.answers, [&](std::string_view route, std::string_view status, std::uint64_t count) {
        if (route != before) {
            if (!before.empty()) json += "},";
            json.append(json_string(route)).append(":{");
        } else {
            json += ',';
        }
        before = route;
        json.append("\"").append(status).append("\":");
        append_number(json, count);
    });
    json += "}}}";
    return json;
}

std::string_view content_type_of(Exposition exposition) {
    return exposition == Exposition::prometheus ? "text/plain; version=0.0.4; charset=utf-8"
                                                : "application/openmetrics-text; version=1.0.0; charset=utf-8";
}

std::string exposition_of(const Observation &now, Exposition exposition) {
    Writer writer(exposition);
    std::string_view before;
    for (const CounterRow &row : counter_table()) {
        if (row.metric != before) writer.begin(row.metric, row.kind, unit_name(row.unit), row.doc);
        before = row.metric;
        writer.sample(row.metric, row.labels, row.unit, now.counters[row.id]);
    }
    writer.begin(answers_metric, CounterKind::counter, "", answers_doc);
    each_answer(now.answers, [&](std::string_view route, std::string_view status, std::uint64_t count) {
        std::string labels("route=\"");
        labels.append(route).append("\",status=\"").append(status).append("\"");
        writer.sample(answers_metric, labels, CounterUnit::none, count);
    });
    return writer.end();
}

}  // namespace mempool
