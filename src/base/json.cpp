#include "base/json.h"

#include <fmt/format.h>

#include <set>
#include <vector>

namespace polytask {
namespace {

/// Stops a document that is too deep, and finds keys that stand twice (the library would keep the last silently).
struct Guard {
  int max_depth;
  bool too_deep = false;
  std::string duplicate{};
  std::vector<std::set<std::string>> keys{};

  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    switch (event) {
      case Json::parse_event_t::object_start:
      case Json::parse_event_t::array_start:
        if (depth >= max_depth) {
          too_deep = true;
          throw std::length_error("too deep");
        }
        if (event == Json::parse_event_t::object_start) keys.emplace_back();
        break;
      case Json::parse_event_t::object_end: keys.pop_back(); break;
      case Json::parse_event_t::key:
        if (!keys.back().insert(parsed.get<std::string>()).second && duplicate.empty())
          duplicate = parsed.get<std::string>();
        break;
      case Json::parse_event_t::array_end:
      case Json::parse_event_t::value: break;
    }
    return true;
  }
};

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view where, JsonLimits limits) {
  auto const fail = [&](std::string const& reason) {
    return Error(ErrorCode::InvalidInput, fmt::format("{}: {}", where, reason));
  };
  if (text.size() > limits.max_bytes)
    return fail(fmt::format("is {} bytes long; at most {} are read", text.size(), limits.max_bytes));
  Guard guard{.max_depth = limits.max_depth};
  try {
    // The callback is copied by the library: hand it a reference.
    auto parsed = Json::parse(
        text, [&guard](int depth, Json::parse_event_t event, Json& value) { return guard(depth, event, value); });
    if (!guard.duplicate.empty()) return fail("the key " + quote(guard.duplicate) + " stands twice in one object");
    return parsed;
  } catch (std::length_error const&) {
    if (guard.too_deep) return fail(fmt::format("is nested more than {} levels deep", limits.max_depth));
    return fail("is too large to be read");
  } catch (Json::parse_error const& error) {
    return fail(fmt::format("is not valid JSON near byte {}: found {}", error.byte,
                            error.byte == 0 || error.byte > text.size() ? std::string("the end of the text")
                                                                        : quote(text.substr(error.byte - 1, 20), 20)));
  } catch (Json::exception const& error) {
    return fail(fmt::format("is not valid JSON ({})", json_problem(error)));
  }
}

std::string json_problem(Json::exception const& error) {
  std::string_view const text = error.what();  // "[json.exception.out_of_range.403] key 'files' not found"
  auto const end = text.find("] ");
  return std::string(end == std::string_view::npos ? text : text.substr(end + 2));
}

}  // namespace polytask
