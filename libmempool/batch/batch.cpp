// SPDX-License-Identifier: MIT
#include "batch/batch.hpp"

#include <cassert>
#include <utility>

#include "base/utf8.hpp"

namespace mempool {
namespace {

std::string clean(std::string_view reason) {
    // Cut first, generously, so that a reason of megabytes costs nothing; then mend; then cut to the limit.
    const std::string mended = utf8_replaced(reason.substr(0, 4 * reason_max_bytes));
    return std::string(utf8_cut(mended, reason_max_bytes));
}

}  // namespace

void Batch::reject(std::size_t index, std::string_view reason) {
    assert(index < transactions_.size());
    if (reasons_.empty()) reasons_.resize(transactions_.size());
    reasons_[index] = clean(reason);
}

void Batch::fail(std::string_view reason) {
    if (!failure_) failure_ = clean(reason);
}

std::vector<EventPtr> Batch::take_held() {
    if (failed()) held_.clear();
    return std::exchange(held_, {});
}

std::vector<Rejection> Batch::rejections() const {
    std::vector<Rejection> rejections;
    if (failure_) {
        rejections.reserve(transactions_.size());
        for (const Transaction &transaction : transactions_) rejections.push_back({transaction.id, *failure_});
        return rejections;
    }
    for (std::size_t index = 0; index < reasons_.size(); ++index)
        if (reasons_[index]) rejections.push_back({transactions_[index].id, *reasons_[index]});
    return rejections;
}

}  // namespace mempool
