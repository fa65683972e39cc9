// How a failure travels: an Error says where, what was found, what was expected and what to do.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace polytask {

/// Who has to act on a failure. `exit_code` maps each to the command's exit code.
enum class ErrorCode {
  InvalidUsage,  ///< the command line or the project file is wrong
  InvalidInput,  ///< a dataset, a model file or a request is wrong
  NotFound,      ///< something named does not exist
  Conflict,      ///< the state on disk contradicts the request
  Unavailable,   ///< it may work later: a full disk, a busy lock
  Corrupt,       ///< bytes that we once wrote, or that claim a format, are not what they should be
  Interrupted,   ///< asked to stop; can be resumed
};

/// The only exception thrown for the world outside. `what()` is one sentence: lower case, no final period.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, std::string const& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

/// 2 usage, 3 bad or missing data, 5 conflict, 10 transient, 20 interrupted and resumable.
[[nodiscard]] int exit_code(ErrorCode code) noexcept;

/// A condition that only our own mistake can break. Throws std::logic_error naming file and line, which `main`
/// reports as exit code 42. Never for input from outside.
void expects(bool condition, char const* what, char const* file = __builtin_FILE(), int line = __builtin_LINE());

/// `text` in double quotes for a message: control characters escaped, clipped to about `max_code_points`.
[[nodiscard]] std::string quote(std::string_view text, std::size_t max_code_points = 60);

}  // namespace polytask
