// One head of one text in training, in the instructions that there are: what attention.cpp and relative_attention.cpp
// share out among threads.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/dropout.h"
#include "kernels/internal/attention_sizes.h"
#include "kernels/internal/micro_kernel.h"
#include "kernels/packed_linear.h"
#include "kernels/relative_rows.h"

namespace polytask::kernels {

/// Lines of scores and of transposed keys have room for whole vectors of any instruction set.
constexpr std::int64_t padded(std::int64_t n) { return (n + kMostLanes - 1) / kMostLanes * kMostLanes; }

/// One head of one text. Strides are in floats; `n` tokens, `d` head size.
struct HeadView {
  std::int64_t n = 0;
  std::int64_t d = 0;
  std::int64_t stride = 0;  ///< of qkv rows
  std::int64_t hidden = 0;  ///< of context rows; offset from query to key and from key to value
  std::int64_t heads = 0;   ///< of log_sum_exp rows
  std::int64_t reach = 0;   ///< a query sees the keys at most so many places away; 0 = all
  Dropout dropout;
  float const* query = nullptr;
};

/// Where one head's work happens.
struct HeadWork {
  float* keys = nullptr;       ///< [d, padded n], transposed
  float* values = nullptr;     ///< [d, padded n], transposed
  float* rows = nullptr;       ///< [kQueriesAtOnce, padded n]
  float* grad_rows = nullptr;  ///< [kQueriesAtOnce, padded n]
  float* left = nullptr;       ///< [kQueriesAtOnce, d]: scaled queries
  float* right = nullptr;      ///< [kQueriesAtOnce, d]: gradients of their contexts
  float* sums = nullptr;       ///< [kQueriesAtOnce, d]
};

/// Room for it, in texts of at most `longest` tokens.
class HeadRoom {
 public:
  HeadRoom(std::int64_t longest, std::int64_t d);
  HeadRoom(HeadRoom const&) = delete;
  HeadRoom& operator=(HeadRoom const&) = delete;
  [[nodiscard]] HeadWork const& work() const noexcept { return work_; }

 private:
  std::vector<float> floats_;
  HeadWork work_;
};

/// One head of one text, and what distances add to its scores.
struct RelativeHead {
  HeadView head;
  float scale = 0;                     ///< of the scores
  std::int32_t const* rows = nullptr;  ///< rows_of_text
  RelativeTables<float const> tables;  ///< of this head: rows `head.hidden` floats apart
  RelativeTables<float> grad_tables;   ///< added to
};

struct RelativeWork {
  HeadWork blocks;
  float *key_columns = nullptr, *query_columns = nullptr;  ///< fill_columns of either table, of vectors of 16
  float *grad_keys = nullptr, *grad_queries = nullptr;     ///< [2 n - 1, d]: by column
};

/// The loops over one head, as one instruction set has them.
struct AttentionOfHeads {
  void (*forward)(HeadView const& head, HeadWork const& work, float* context, float* log_sum_exp);
  void (*backward)(HeadView const& head, HeadWork const& work, float const* context, float const* log_sum_exp,
                   float const* grad_context, float* grad_query);
  void (*relative_forward)(RelativeHead const& head, RelativeWork const& work, float* context, float* log_sum_exp);
  void (*relative_backward)(RelativeHead const& head, RelativeWork const& work, float const* context,
                            float const* log_sum_exp, float const* grad_context, float* grad_query);
};

AttentionOfHeads attention_portable();
#ifdef POLYTASK_X86_KERNELS
AttentionOfHeads attention_avx2();
AttentionOfHeads attention_avx512();
#endif
/// Those of an instruction set that the processor has, and of its best.
AttentionOfHeads attention_of_heads(InstructionSet instructions);
AttentionOfHeads const& attention_of_heads();

}  // namespace polytask::kernels
