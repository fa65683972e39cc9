#include "engine/answer_texts.h"
#include "engine/engine.h"
#include "engine/test_support.h"
#include "fuzzing.h"

// Texts that stand behind one another, a zero between them, asked of a package with a task of every type: any bytes
// have an answer, and it is the same alone and beside the others.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace polytask;
  using engine::Texts;
  static fuzzing::Folder const folder;
  static engine::Engine const model = [] {
    auto const package = folder.path() / "package";
    if (!std::filesystem::exists(package))
      engine::test_support::write_sample_package(package, engine::test_support::every_kind_of_head_and_choices());
    return engine::Engine::load(package, {.precision = kernels::Precision::Float32, .n_workers = 2});
  }();
  fuzzing::expect_value_or_error(data, size, [](std::string_view bytes) {
    std::vector<Texts> rows;
    for (std::size_t begin = 0; begin <= bytes.size() && rows.size() < 8;) {
      auto const end = std::min(bytes.find('\0', begin), bytes.size());
      rows.push_back({valid_utf8(bytes.substr(begin, end - begin))});
      begin = end + 1;
    }
    auto const texts_are_answered = [](std::vector<Texts> const& asked) {
      auto const together = engine::answer_texts(model, asked, {});
      fuzzing::require(together.size() == asked.size(), "every row is answered");
      for (std::size_t i = 0; i < asked.size(); ++i) {
        auto const text = engine::answers_json(model.spec(), together[i], asked[i]).dump();
        auto const alone = engine::answer_texts(model, std::span(asked).subspan(i, 1), {});
        fuzzing::require(engine::answers_json(model.spec(), alone[0], asked[i]).dump() == text,
                         "a row is answered as it is alone");
        auto const answers = parse_json(text, "answer").value();
        for (auto const& answer : answers)
          if (answer.contains("answer") && !answer["answer"].is_null())
            fuzzing::require(answer["start"] < answer["end"] && answer["end"] <= count_code_points(asked[i].back()) &&
                                 asked[i].back().find(answer["answer"].get<std::string>()) != std::string::npos,
                             "an answer is in its context");
          else if (answer.contains("spans"))
            for (auto const& span : answer["spans"])
              fuzzing::require(span[0] < span[1] && span[1] <= count_code_points(asked[i][0]), "a span is in its text");
      }
    };
    texts_are_answered(rows);
    std::vector<Texts> pairs;
    for (std::size_t i = 0; i + 1 < rows.size(); ++i) pairs.push_back({rows[i][0], rows[i + 1][0]});
    if (!pairs.empty()) texts_are_answered(pairs);
    if (rows.size() < 3) return;
    Texts with_choices;
    for (auto const& row : rows) with_choices.push_back(row[0]);
    texts_are_answered({with_choices, Texts(with_choices.begin(), with_choices.begin() + 3)});
  });
  return 0;
}
