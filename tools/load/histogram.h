#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace fluxor::load {

// Latencies in nanoseconds, counted in buckets that grow with the value.
//
// Log-linear: every power of two is cut into 128 equal buckets, so that a quantile is wrong by less than 1 % whether it
// is 10 us or 10 s, and recording stays one shift and one increment.  A quantile is the upper end of its bucket: the
// report may say a little more than was measured, never less.
//
// Thread:  owner.
// Cost:    33 KiB, allocated once.
class Histogram {
 public:
  // Values above it (137 s) are counted in the last bucket; max() stays exact.
  static constexpr int64_t kHighest = (int64_t{1} << 37) - 1;

  void record(int64_t nanoseconds, uint64_t times = 1) noexcept {
    if (times == 0) return;
    const int64_t value = std::max<int64_t>(nanoseconds, 0);
    (*counts_)[bucket_of(std::min(value, kHighest))] += times;
    total_ += times;
    max_ = std::max(max_, value);
  }

  void reset() noexcept {
    counts_->fill(0);
    total_ = 0;
    max_ = 0;
  }

  uint64_t count() const noexcept { return total_; }
  int64_t max() const noexcept { return max_; }

  // The smallest recorded value that at least the share `q` of all values does not exceed; 0 when nothing was recorded.
  int64_t quantile(double q) const noexcept {
    const auto rank = std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(q * static_cast<double>(total_))));
    uint64_t seen = 0;
    for (size_t bucket = 0; bucket < counts_->size(); ++bucket) {
      seen += (*counts_)[bucket];
      if (seen >= rank) return bucket + 1 == counts_->size() ? max_ : std::min(upper_end_of(bucket), max_);
    }
    return max_;
  }

 private:
  static constexpr int kBits = 7;
  static constexpr size_t kBuckets = (37 - kBits + 1) << kBits;

  // Up to 255 each value has a bucket.  Beyond, a value is shifted down to eight bits (the leading one and kBits more),
  // and each further shift opens the next 128 buckets.
  static constexpr size_t bucket_of(int64_t value) noexcept {
    const int shift = std::max(0, static_cast<int>(std::bit_width(static_cast<uint64_t>(value))) - kBits - 1);
    return (static_cast<size_t>(shift) << kBits) + static_cast<size_t>(value >> shift);
  }
  static constexpr int64_t upper_end_of(size_t bucket) noexcept {
    if (bucket < (size_t{2} << kBits)) return static_cast<int64_t>(bucket);
    const int shift = static_cast<int>(bucket >> kBits) - 1;
    const auto mantissa = static_cast<int64_t>(bucket - (static_cast<size_t>(shift) << kBits));
    return ((mantissa + 1) << shift) - 1;
  }

  std::unique_ptr<std::array<uint64_t, kBuckets>> counts_ = std::make_unique<std::array<uint64_t, kBuckets>>();
  uint64_t total_ = 0;
  int64_t max_ = 0;
};

}  // namespace fluxor::load
