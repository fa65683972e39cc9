#include "engine/polytask.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "engine/answer_texts.h"
#include "engine/engine.h"
#include "model/package.h"

using namespace polytask;

struct polytask_model {
  std::string package_id;
  engine::Engine engine;
  pid_t process;  ///< where its threads are
};

namespace {

constexpr int kMostThreads = 1'024;
constexpr std::size_t kLongestText = std::size_t{1} << 26;
constexpr std::size_t kRowsPerPass = 1'024;  ///< of a batch: memory beyond the answers does not grow with it

struct Failure {
  std::string storage;
  char const* sentence = "";
};
/// Of each thread, as errno is: callers in C have nowhere else to look.
thread_local Failure last_failure;

int fail(int code, std::string_view sentence) noexcept {
  try {
    last_failure.storage = sentence;
    last_failure.sentence = last_failure.storage.c_str();
  } catch (std::bad_alloc const&) {
    last_failure.sentence = "the memory is not enough";
  }
  return code;
}

/// What is being thrown, as a code and a sentence.
int fail_of_exception() {
  try {
    throw;
  } catch (Error const& error) {
    return fail(exit_code(error.code()), error.what());
  } catch (std::filesystem::filesystem_error const& error) {
    return fail(POLYTASK_INVALID_INPUT, fmt::format("{}: cannot be looked at ({}); check the path and its permissions",
                                                    error.path1().string(), error.code().message()));
  } catch (std::system_error const& error) {
    return fail(POLYTASK_UNAVAILABLE,
                fmt::format("a thread cannot be started ({}); ask for fewer", error.code().message()));
  } catch (std::bad_alloc const&) {
    return fail(POLYTASK_UNAVAILABLE, "the memory is not enough; ask about fewer texts at once, or free some");
  } catch (std::exception const& error) {
    return fail(POLYTASK_OUR_MISTAKE, error.what());
  }
}

/// Runs `work`; whatever it throws becomes a code and a sentence.
template <typename Work>
int guarded(Work const& work) noexcept {
  try {
    work();
    return POLYTASK_OK;
  } catch (...) {
    try {
      return fail_of_exception();
    } catch (...) {
      return fail(POLYTASK_UNAVAILABLE, "the memory is not enough");
    }
  }
}

Error misuse(std::string const& reason) { return {ErrorCode::InvalidUsage, reason}; }

template <typename T>
T& not_null(T* pointer, char const* name) {
  if (pointer == nullptr) throw misuse(fmt::format("{} is a null pointer", name));
  return *pointer;
}

engine::LongTexts long_texts_of(char const* word) {
  if (word == nullptr) return engine::LongTexts::Cut;
  if (auto const parsed = engine::parse_long_texts(word)) return *parsed;
  throw misuse(fmt::format("long_texts: found {}, expected cut or windows", quote(word)));
}

/// Options of a program that was compiled with an older header end earlier; of a newer one, all that this version does
/// not know must be zero, or it would be ignored in silence.
polytask_options known_part(polytask_options const& given) {
  constexpr std::size_t kSmallest = offsetof(polytask_options, long_texts) + sizeof(given.long_texts);
  constexpr std::size_t kLargest = 4'096;  // no structure of options will be so large: this is no size
  if (given.size < kSmallest || given.size > kLargest)
    throw misuse(fmt::format("options: have {} bytes, expected {}; set size to sizeof(polytask_options)", given.size,
                             sizeof given));
  polytask_options known{};
  std::memcpy(&known, &given, std::min(given.size, sizeof known));
  auto const* const bytes = reinterpret_cast<unsigned char const*>(&given);
  if (std::any_of(bytes + std::min(given.size, sizeof known), bytes + given.size,
                  [](unsigned char byte) { return byte != 0; }))
    throw misuse(fmt::format("options: ask for something that version {} of the library does not know; use a newer one",
                             POLYTASK_VERSION));
  return known;
}

engine::Options options_of(polytask_options const& given) {
  auto const [size, precision, n_threads, long_texts] = known_part(given);
  engine::Options options{.long_texts = long_texts_of(long_texts)};
  if (precision != nullptr) {
    auto const parsed = kernels::parse_precision(precision);
    if (!parsed) throw misuse(fmt::format("precision: found {}, expected f32, bf16 or int8", quote(precision)));
    options.precision = parsed;
  }
  if (n_threads < 0 || n_threads > kMostThreads)
    throw misuse(fmt::format("n_threads: found {}, expected 1 to {}, or 0 for all cores", n_threads, kMostThreads));
  options.n_workers = n_threads > 0 ? n_threads : engine::n_cores_of_process();
  return options;
}

bool has_lost_its_threads(polytask_model const& model) {
  return model.engine.options().n_workers > 1 && model.process != ::getpid();
}

/// Bytes of the longest text that the engine reads.
std::size_t longest_text(polytask_model const& model, std::size_t n_texts) {
  bool const is_in_windows = n_texts == 1 && model.engine.options().long_texts == engine::LongTexts::Windows;
  return is_in_windows ? engine::kLongestInWindows : kLongestText;
}

engine::Texts row_of(polytask_text const* texts, std::size_t n_texts, std::size_t row, std::size_t longest) {
  engine::Texts result;
  for (std::size_t i = 0; i < n_texts; ++i) {
    auto const& text = texts[row * n_texts + i];
    auto const where = [&] { return fmt::format("row {}, text {}", row + 1, i + 1); };
    if (text.bytes == nullptr && text.n_bytes > 0)
      throw misuse(fmt::format("{}: is a null pointer of {} bytes", where(), text.n_bytes));
    auto const check = [&](std::size_t n_bytes) {
      if (n_bytes > longest)
        throw Error(ErrorCode::InvalidInput,
                    fmt::format("{}: has {} bytes, {} are the most that is read; cut it", where(), n_bytes, longest));
    };
    check(text.n_bytes);
    result.push_back(valid_utf8({text.bytes, text.n_bytes}));
    if (longest < kLongestText) check(result.back().size());  // what is no UTF-8 has grown
  }
  return result;
}

std::vector<std::string> names_in(char const* const* tasks) {
  std::vector<std::string> names;
  if (tasks == nullptr) return names;
  for (; *tasks != nullptr; ++tasks) names.emplace_back(*tasks);
  if (names.empty()) throw misuse("tasks: names none; name some, or give NULL for all");
  return names;
}

/// The answers of all rows, one line each.
std::string lines_of(polytask_model const& model, polytask_text const* texts, std::size_t n_rows, std::size_t n_texts,
                     char const* const* tasks) {
  if (n_texts < 1 || n_texts > 1 + task::kMostChoices)
    throw misuse(fmt::format("n_texts: found {}, expected 1, 2 for a pair, or 3 to {} for a text and its choices",
                             n_texts, 1 + task::kMostChoices));
  if (has_lost_its_threads(model))
    throw misuse(
        "the model was opened with threads before this process was forked; open it in this process, or with "
        "n_threads = 1");
  if (n_rows > 0) (void)not_null(texts, "texts");
  auto const asked = names_in(tasks);
  std::string lines;
  for (std::size_t first = 0; first < n_rows; first += kRowsPerPass) {
    std::vector<engine::Texts> rows;
    for (std::size_t row = first; row < std::min(n_rows, first + kRowsPerPass); ++row)
      rows.push_back(row_of(texts, n_texts, row, longest_text(model, n_texts)));
    auto const answers = engine::answer_texts(model.engine, rows, asked);
    for (std::size_t i = 0; i < rows.size(); ++i)
      lines += engine::answers_json(model.engine.spec(), answers[i], rows[i]).dump() + "\n";
  }
  return lines;
}

/// A copy that the caller frees.
char* given_away(std::string_view text) {
  auto* const copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (copy == nullptr) throw std::bad_alloc();
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  return copy;
}

}  // namespace

char const* polytask_version() { return POLYTASK_VERSION; }

int polytask_open(char const* folder, char const* precision, int n_threads, polytask_model** model) {
  polytask_options const options{sizeof options, precision, n_threads, nullptr};
  return polytask_open_with(folder, &options, model);
}

int polytask_open_with(char const* folder, polytask_options const* given, polytask_model** model) {
  return guarded([&] {
    not_null(model, "model") = nullptr;
    polytask_options const none{.size = sizeof none};
    auto const options = options_of(given != nullptr ? *given : none);
    auto package = model::open_package(&not_null(folder, "folder"), model::WeightCheck::ByTheirReader);
    *model = new polytask_model{std::move(package.id), engine::Engine::load(package.folder, options), ::getpid()};
  });
}

void polytask_close(polytask_model* model) {
  if (model != nullptr && !has_lost_its_threads(*model)) delete model;
}

char const* polytask_package_id(polytask_model const* model) {
  return model == nullptr ? "" : model->package_id.c_str();
}

size_t polytask_n_tasks(polytask_model const* model) {
  return model == nullptr ? 0 : model->engine.spec().heads.size();
}

char const* polytask_task_name(polytask_model const* model, size_t index) {
  return index < polytask_n_tasks(model) ? model->engine.spec().heads[index].task.name.c_str() : nullptr;
}

int polytask_answer(polytask_model const* model, polytask_text const* texts, size_t n_texts, char const* const* tasks,
                    char** answer) {
  return guarded([&] {
    not_null(answer, "answer") = nullptr;
    auto line = lines_of(not_null(model, "model"), texts, 1, n_texts, tasks);
    line.pop_back();
    *answer = given_away(line);
  });
}

int polytask_answer_batch(polytask_model const* model, polytask_text const* texts, size_t n_rows, size_t n_texts,
                          char const* const* tasks, char** answers) {
  return guarded([&] {
    not_null(answers, "answers") = nullptr;
    *answers = given_away(lines_of(not_null(model, "model"), texts, n_rows, n_texts, tasks));
  });
}

void polytask_free_answer(char* answer) { std::free(answer); }

char const* polytask_last_error() { return last_failure.sentence; }
