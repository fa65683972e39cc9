#include "hub/hub_name.h"

#include <fmt/format.h>

#include <algorithm>

namespace polytask::hub {
namespace {

constexpr std::size_t kLongestPart = 96;       // as the hub allows
constexpr std::size_t kLongestRevision = 200;  // branches of pull requests are "refs/pr/12"
constexpr std::string_view kLettersAndDigits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool is_of(std::string_view text, std::string_view more) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return kLettersAndDigits.find(c) != std::string_view::npos || more.find(c) != std::string_view::npos;
  });
}

/// "" where the part of a name is one.
std::string fault_of_part(std::string_view part) {
  if (part.empty()) return "an empty part";
  if (part.size() > kLongestPart) return fmt::format("a part of {} letters (at most {})", part.size(), kLongestPart);
  if (!is_of(part, "._-")) return "a character other than letters, digits, \".\", \"_\" and \"-\"";
  for (char const end : {part.front(), part.back()})
    if (end == '.' || end == '-') return fmt::format("a part that begins or ends with \"{}\"", end);
  for (auto const* twice : {"..", "--"})
    if (part.find(twice) != std::string_view::npos) return fmt::format("\"{}\"", twice);
  return "";
}

std::string fault_of_revision(std::string_view revision) {
  if (revision.empty()) return "nothing behind the \"@\"";
  if (revision.size() > kLongestRevision) return fmt::format("a revision of {} letters", revision.size());
  if (!is_of(revision, "._-/+")) return "a revision with other characters than letters, digits, \"._-/+\"";
  for (std::size_t begin = 0; begin <= revision.size();) {
    auto const end = std::min(revision.find('/', begin), revision.size());
    auto const part = revision.substr(begin, end - begin);
    if (part.empty() || part.front() == '.' || part.front() == '-' || part.find("..") != std::string_view::npos)
      return "a revision with an empty part, or one that begins with \".\" or \"-\"";
    begin = end + 1;
  }
  return "";
}

}  // namespace

Result<HubName> parse_hub_name(std::string_view text) {
  auto const fail = [&](std::string const& found) {
    return Error(ErrorCode::InvalidUsage,
                 fmt::format("{} is no name of a model on the hub: it has {}; expected OWNER/NAME or "
                             "OWNER/NAME@REVISION",
                             quote(text), found));
  };
  auto const at = text.find('@');
  auto const name = text.substr(0, at);
  auto const slash = name.find('/');
  if (slash == std::string_view::npos) return fail("no \"/\" between owner and name");
  if (name.find('/', slash + 1) != std::string_view::npos) return fail("more than one \"/\"");
  for (auto const part : {name.substr(0, slash), name.substr(slash + 1)})
    if (auto const fault = fault_of_part(part); !fault.empty()) return fail(fault);
  if (name.ends_with(".git")) return fail("\".git\" at its end");
  HubName parsed{.name = std::string(name)};
  if (at == std::string_view::npos) return parsed;
  parsed.revision = text.substr(at + 1);
  if (auto const fault = fault_of_revision(parsed.revision); !fault.empty()) return fail(fault);
  return parsed;
}

std::string to_string(HubName const& name) {
  return name.revision == "main" ? name.name : name.name + "@" + name.revision;
}

bool is_hex(std::string_view text, std::size_t n) noexcept {
  return text.size() == n && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_commit(std::string_view text) noexcept { return is_hex(text, 40); }

}  // namespace polytask::hub
