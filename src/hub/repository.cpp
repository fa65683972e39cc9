#include "hub/repository.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/utf8.h"
#include "hub/hub_name.h"

namespace polytask::hub {
namespace {

constexpr JsonLimits kLimits{.max_depth = 16, .max_bytes = kLargestAnswer};
constexpr std::uint64_t kLargestFile = std::uint64_t{1} << 40;  // a terabyte; the hub itself takes fifty gigabytes
constexpr std::size_t kLongestPath = 1'000;

struct Reader {
  std::string_view where;

  [[nodiscard]] Error fail(std::string const& reason) const {
    return {ErrorCode::Corrupt,
            fmt::format("{}: {}; this is not how a Hugging Face hub answers, check HF_ENDPOINT and any proxy", where,
                        reason)};
  }

  [[nodiscard]] Json parse(std::string_view text) const {
    auto json = parse_json(text, where, kLimits);
    if (!json) {
      std::string const reason = json.error().what();
      throw fail(reason.substr(std::min(reason.size(), where.size() + 2)));
    }
    return std::move(json).value();
  }

  [[nodiscard]] std::uint64_t size(Json const& object, char const* key, std::string const& path) const {
    if (!object.contains(key) || !object[key].is_number_unsigned())
      throw fail(fmt::format("the file {} has no \"{}\" that is a whole number", quote(path), key));
    auto const size = object[key].get<std::uint64_t>();
    if (size > kLargestFile)
      throw fail(
          fmt::format("the file {} would have {} bytes; at most {} are believed", quote(path), size, kLargestFile));
    return size;
  }

  [[nodiscard]] std::string hash(Json const& object, char const* key, std::size_t n, std::string const& path) const {
    if (!object.contains(key) || !object[key].is_string() || !is_hex(object[key].get_ref<std::string const&>(), n))
      throw fail(fmt::format("the file {} has no \"{}\" of {} hexadecimal digits", quote(path), key, n));
    return object[key].get<std::string>();
  }

  /// A path that leads out of the folder would be written there, by us or by the next program.
  void check_path(std::string const& path) const {
    bool good = !path.empty() && path.size() <= kLongestPath && !find_invalid_utf8(path) &&
                !has_control_characters(path) && path.find('\\') == std::string::npos;
    for (std::size_t begin = 0; good && begin <= path.size();) {
      auto const end = std::min(path.find('/', begin), path.size());
      auto const part = std::string_view(path).substr(begin, end - begin);
      good = !part.empty() && part != "." && part != "..";
      begin = end + 1;
    }
    if (!good) throw fail(fmt::format("lists a file {}, which is no path inside a model's folder", quote(path)));
  }

  void add(RepositoryFiles& files, std::string const& path, RepositoryFile file) const {
    check_path(path);
    if (!files.emplace(path, std::move(file)).second) throw fail(fmt::format("lists {} twice", quote(path)));
  }
};

/// What `read` returns; the Error that it throws.
template <typename Read>
auto result_of(Read const& read) -> Result<decltype(read())> {
  try {
    return read();
  } catch (Error const& error) {
    return error;
  }
}

}  // namespace

Result<std::string> parse_commit(std::string_view text, std::string_view where) {
  return result_of([&] {
    Reader const reader{where};
    auto const json = reader.parse(text);
    if (!json.is_object() || !json.contains("sha") || !json["sha"].is_string() ||
        !is_commit(json["sha"].get_ref<std::string const&>()))
      throw reader.fail("has no \"sha\", the commit");
    return json["sha"].get<std::string>();
  });
}

Result<RepositoryFiles> parse_tree(std::string_view text, std::string_view where) {
  return result_of([&] {
    Reader const reader{where};
    auto const json = reader.parse(text);
    if (!json.is_array()) throw reader.fail("is no list of files");
    RepositoryFiles files;
    for (auto const& entry : json) {
      if (!entry.is_object() || !entry.contains("type") || !entry["type"].is_string() || !entry.contains("path") ||
          !entry["path"].is_string())
        throw reader.fail("has an entry without \"type\" and \"path\"");
      if (entry["type"] != "file") continue;
      auto const path = entry["path"].get<std::string>();
      RepositoryFile file{
          .size = reader.size(entry, "size", path), .git_sha1 = reader.hash(entry, "oid", 40, path), .sha256 = {}};
      if (entry.contains("lfs") && !entry["lfs"].is_null()) {
        if (!entry["lfs"].is_object())
          throw reader.fail(fmt::format("the file {} has an \"lfs\" that is no object", quote(path)));
        file.sha256 = reader.hash(entry["lfs"], "oid", 64, path);
        file.size = reader.size(entry["lfs"], "size", path);
      }
      reader.add(files, path, std::move(file));
    }
    return files;
  });
}

std::optional<std::string> next_page(std::string_view link) {
  for (std::size_t begin = 0; begin < link.size();) {
    auto const open = link.find('<', begin);
    auto const close = link.find('>', open == std::string_view::npos ? link.size() : open);
    if (close == std::string_view::npos) return std::nullopt;
    auto const end = std::min(link.find('<', close), link.size());
    auto const parameters = link.substr(close + 1, end - close - 1);
    if (parameters.find("rel=\"next\"") != std::string_view::npos ||
        parameters.find("rel=next") != std::string_view::npos)
      return std::string(link.substr(open + 1, close - open - 1));
    begin = end;
  }
  return std::nullopt;
}

std::string stored_tree(RepositoryFiles const& files) {
  OrderedJson json{{"format_version", 1}, {"files", OrderedJson::object()}};
  for (auto const& [path, file] : files) {
    auto& entry = json["files"][path] = {{"size", file.size}, {"blob_id", file.git_sha1}};
    if (file.sha256.empty()) continue;
    entry["lfs_sha256"] = file.sha256;
    entry["lfs_size"] = file.size;
  }
  return json.dump(1);
}

Result<RepositoryFiles> parse_stored_tree(std::string_view text, std::string_view where) {
  return result_of([&] {
    Reader const reader{where};
    auto const json = reader.parse(text);
    if (!json.is_object() || !json.contains("format_version") || json["format_version"] != 1 ||
        !json.contains("files") || !json["files"].is_object())
      throw reader.fail("is no list of files in the format 1");
    RepositoryFiles files;
    for (auto const& [path, entry] : json["files"].items()) {
      if (!entry.is_object()) throw reader.fail(fmt::format("the file {} is no object", quote(path)));
      RepositoryFile file{
          .size = reader.size(entry, "size", path), .git_sha1 = reader.hash(entry, "blob_id", 40, path), .sha256 = {}};
      if (entry.contains("lfs_sha256") && !entry["lfs_sha256"].is_null())
        file.sha256 = reader.hash(entry, "lfs_sha256", 64, path);
      reader.add(files, path, std::move(file));
    }
    return files;
  });
}

}  // namespace polytask::hub
