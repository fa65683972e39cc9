#include <algorithm>

#include "fuzzing.h"
#include "hub/encoder_files.h"
#include "hub/hub_name.h"
#include "hub/repository.h"
#include "hub/url.h"

namespace {

using polytask::fuzzing::require;
namespace hub = polytask::hub;

void check(hub::RepositoryFiles const& files) {
  for (auto const& [path, file] : files) {
    auto const inside = std::filesystem::path(path).lexically_normal();
    require(inside.is_relative() && *inside.begin() != ".." && inside.string() == path, "a path stays inside");
    require(file.size <= std::uint64_t{1} << 40, "a size can be believed");
    require(hub::is_hex(file.etag(), 40) || hub::is_hex(file.etag(), 64), "a blob's name is a hash");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const with = [&](auto const& parse) { polytask::fuzzing::expect_value_or_error(data, size, parse); };
  with([](std::string_view text) {
    require(hub::is_commit(hub::parse_commit(text, "hub").value()), "a commit is one");
  });
  with([](std::string_view text) {
    auto const files = hub::parse_tree(text, "hub").value();
    check(files);
    require(hub::parse_stored_tree(hub::stored_tree(files), "hub").value() == files,
            "a listing is read as it is stored");
  });
  with([](std::string_view text) { check(hub::parse_stored_tree(text, "trees").value()); });
  with([](std::string_view text) {
    for (auto const& shard : hub::shards_of(text, "index").value())
      require(std::filesystem::path(shard).filename() == shard, "a shard lies beside its index");
  });
  with([](std::string_view text) {
    auto const name = hub::parse_hub_name(text).value();
    require(name.name.find("..") == std::string::npos && name.revision.find("..") == std::string::npos,
            "a name stays inside");
    require(hub::parse_hub_name(name.name + "@" + name.revision).value() == name, "a name is read as it is written");
  });
  with([](std::string_view text) {
    if (auto const next = hub::next_page(text)) (void)hub::resolve({"https", "hub.example", 443, "/a/b"}, *next);
    auto const url = hub::resolve({"https", "hub.example", 443, "/a/b"}, text);
    if (!url) return;
    require(hub::parse_url(url->text()) == url, "an address is read as it is written");
    require(url->text().find_first_of(std::string_view("\r\n \0", 4)) == std::string::npos, "an address is one word");
  });
  return 0;
}
