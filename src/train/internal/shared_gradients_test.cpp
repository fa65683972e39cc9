#include "train/internal/shared_gradients.h"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include <atomic>

#include "train/test_support.h"

namespace polytask::train {
namespace {

using Part = std::pair<std::size_t, std::size_t>;

TEST(RowsOfProcess, AreAsManyTokensForEachInTheirOrder) {
  std::vector<std::int64_t> const lengths{10, 10, 10, 10, 20, 20};
  EXPECT_EQ(rows_of_process(lengths, 0, 2), Part(0, 4));
  EXPECT_EQ(rows_of_process(lengths, 1, 2), Part(4, 6));
  EXPECT_EQ(rows_of_process(lengths, 0, 1), Part(0, 6));
}

TEST(RowsOfProcess, AreEveryRowOnceWhateverTheirNumber) {
  for (std::vector<std::int64_t> const& lengths :
       {std::vector<std::int64_t>{}, {5}, {100, 1}, {1, 100}, {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5}})
    for (int const size : {1, 2, 3, 7}) {
      std::size_t next = 0;
      for (int rank = 0; rank < size; ++rank) {
        auto const [first, end] = rows_of_process(lengths, rank, size);
        EXPECT_EQ(first, next);
        EXPECT_LE(first, end);
        next = end;
      }
      EXPECT_EQ(next, lengths.size());
    }
}

TEST(SharedGradients, AreTheSumsOfDenseOnesOfRowsAndOfWhatOnlySomeHave) {
  std::atomic<int> n_right = 0;
  test_support::in_processes(2, [&](ProcessGroup& group) {
    bool const leads = group.leads();
    std::vector<OptimizedParameter> parameters;
    for (auto const* name : {"word_embeddings.weight", "both", "one", "nobody"})
      parameters.push_back({.name = name, .weight = torch::zeros({6, 2})});
    auto const rows = torch::tensor(leads ? std::vector<std::int64_t>{4, 1} : std::vector<std::int64_t>{4, 5});
    parameters[0].weight.mutable_grad() =
        torch::sparse_coo_tensor(rows.unsqueeze(0), torch::ones({2, 2}), parameters[0].weight.sizes());
    parameters[1].weight.mutable_grad() = torch::full({6, 2}, leads ? 1.0 : 2.0);
    if (leads) parameters[2].weight.mutable_grad() = torch::ones({6, 2});
    std::vector<float> numbers{leads ? 0.5F : 0.25F};
    SharedGradients gradients;
    gradients.sum(group, parameters, std::vector<std::int64_t>{4, 1, 4, 5}, numbers);
    auto const table = parameters[0].weight.grad().to_dense();
    auto const expected = torch::tensor({0.0F, 1.0F, 0.0F, 0.0F, 2.0F, 1.0F}).unsqueeze(1).expand({6, 2});
    n_right += torch::equal(table, expected) && torch::equal(parameters[1].weight.grad(), torch::full({6, 2}, 3.0)) &&
               torch::equal(parameters[2].weight.grad(), torch::ones({6, 2})) &&
               !parameters[3].weight.grad().defined() && numbers == std::vector<float>{0.75F};
  });
  EXPECT_EQ(n_right, 2);
}

}  // namespace
}  // namespace polytask::train
