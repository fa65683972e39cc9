#include "data/feature_rows.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "data/internal/open_file.h"
#include "data/internal/records.h"
#include "data/state_index.h"

namespace polytask::data {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBegin = "PTROWS01";
constexpr std::string_view kEnd = "PTRE";
constexpr std::size_t kKeyBytes = 64;
constexpr std::size_t kHeaderBytes = kBegin.size() + kKeyBytes;
constexpr std::size_t kTrailerBytes = 8 + 8 + 4 + kEnd.size();
constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
constexpr std::string_view kExtension = ".rows";
constexpr std::string_view kUnfinished = ".unfinished";

struct Entry {
  std::uint32_t n_bytes = 0;
  std::uint32_t n_tokens = 0;
  std::uint32_t checksum = 0;
};
static_assert(sizeof(Entry) == 12);

enum Flag : std::uint8_t { kWideIds = 1, kApart = 2, kTruncated = 4 };

struct WriteTarget {
  RecordWriter& out;
  void operator()(std::monostate) const {}
  void operator()(std::int32_t label) const { out.number(label); }
  void operator()(std::vector<float> const& labels) const { out.numbers<float>(labels); }
  void operator()(float value) const { out.number(value); }
  void operator()(std::vector<std::int32_t> const& tags) const { out.numbers<std::int32_t>(tags); }
  void operator()(AnswerTarget const& answer) const {
    out.number(answer.start);
    out.number(answer.end);
    out.number(answer.n_tokens);
  }
  void operator()(ChoiceTarget const& choice) const {
    out.number(choice.right);
    out.number(choice.n_choices);
  }
};

Target target_of(RecordReader& in) {
  switch (in.number<std::uint8_t>()) {
    case 1: return in.number<std::int32_t>();
    case 2: return in.numbers<float>();
    case 3: return in.number<float>();
    case 4: return in.numbers<std::int32_t>();
    case 5: {
      AnswerTarget answer;
      answer.start = in.number<std::int32_t>();
      answer.end = in.number<std::int32_t>();
      answer.n_tokens = in.number<std::int32_t>();
      return answer;
    }
    case 6: {
      ChoiceTarget choice;
      choice.right = in.number<std::int32_t>();
      choice.n_choices = in.number<std::int32_t>();
      return choice;
    }
    default: return {};
  }
}

void write_features(Features const& features, RecordWriter& out) {
  bool const wide =
      std::any_of(features.ids.begin(), features.ids.end(), [](auto id) { return id < 0 || id > 65'535; });
  out.number<std::uint8_t>((wide ? kWideIds : 0) | (features.apart ? kApart : 0) |
                           (features.truncated ? kTruncated : 0));
  if (wide)
    out.numbers<std::int32_t>(features.ids);
  else
    out.numbers<std::uint16_t>(std::vector<std::uint16_t>(features.ids.begin(), features.ids.end()));
  // Type ids change once or never; of choices, twice a choice.
  std::vector<std::uint32_t> ends;
  for (std::size_t i = 1; i <= features.type_ids.size(); ++i)
    if (i == features.type_ids.size() || features.type_ids[i] != features.type_ids[i - 1])
      ends.push_back(static_cast<std::uint32_t>(i));
  out.numbers<std::uint32_t>(ends);
  for (auto const end : ends) out.number(features.type_ids[end - 1]);
  out.number(features.second_text);
  out.numbers<std::int32_t>(features.choices);
  out.number(static_cast<std::uint32_t>(features.targets.size()));
  for (auto const& target : features.targets) {
    out.number(static_cast<std::uint8_t>(target.index()));
    std::visit(WriteTarget{out}, target);
  }
}

Features features_in(std::string_view bytes) {
  RecordReader in(bytes);
  Features features;
  auto const flags = in.number<std::uint8_t>();
  if ((flags & kWideIds) != 0) {
    features.ids = in.numbers<std::int32_t>();
  } else {
    auto const ids = in.numbers<std::uint16_t>();
    features.ids.assign(ids.begin(), ids.end());
  }
  features.apart = (flags & kApart) != 0;
  features.truncated = (flags & kTruncated) != 0;
  for (auto const end : in.numbers<std::uint32_t>()) {
    auto const type = in.number<std::uint8_t>();
    if (end <= features.ids.size()) features.type_ids.resize(end, type);
  }
  features.second_text = in.number<std::int32_t>();
  features.choices = in.numbers<std::int32_t>();
  features.targets.resize(in.count());
  for (auto& target : features.targets) target = target_of(in);
  return features;
}

std::uint32_t checksum_of_list(std::string_view list, std::string_view counts) {
  auto const all = std::string(list).append(counts);
  return checksum_of(all.data(), all.size());
}

/// Under its last name at `commit()`, otherwise gone.
class FeatureWriter {
 public:
  FeatureWriter(fs::path path, std::string const& key)
      : path_(std::move(path)),
        unfinished_(path_.string() + std::string(kUnfinished)),
        file_(unfinished_, O_RDWR | O_CREAT | O_TRUNC) {
    pending_ = kBegin;
    pending_ += key;
  }
  ~FeatureWriter() {
    std::error_code ignored;
    if (!is_committed_) fs::remove(unfinished_, ignored);
  }
  FeatureWriter(FeatureWriter const&) = delete;
  FeatureWriter& operator=(FeatureWriter const&) = delete;

  void add(Features const& features) {
    record_.clear();
    write_features(features, record_);
    auto const& bytes = record_.bytes();
    entries_.push_back({static_cast<std::uint32_t>(bytes.size()), static_cast<std::uint32_t>(features.ids.size()),
                        checksum_of(bytes.data(), bytes.size())});
    n_truncated_ += features.truncated ? 1 : 0;
    put(bytes);
  }

  void commit() {
    std::string_view const list(reinterpret_cast<char const*>(entries_.data()), entries_.size() * sizeof(Entry));
    put(list);
    RecordWriter counts;
    counts.number<std::uint64_t>(entries_.size());
    counts.number<std::uint64_t>(n_truncated_);
    put(counts.bytes());
    RecordWriter checksum;
    checksum.number(checksum_of_list(list, counts.bytes()));
    put(checksum.bytes());
    put(kEnd);
    write_out();
    file_.flush();
    std::error_code failed;
    fs::rename(unfinished_, path_, failed);
    if (failed)
      throw Error(ErrorCode::Unavailable,
                  fmt::format("{}: cannot be renamed ({}); check the permissions", path_.string(), failed.message()));
    is_committed_ = true;
    sync_folder(path_.parent_path());
  }

 private:
  void put(std::string_view bytes) {
    pending_ += bytes;
    if (pending_.size() >= kBufferBytes) write_out();
  }
  void write_out() {
    file_.write_at(n_written_, pending_.data(), pending_.size());
    n_written_ += pending_.size();
    pending_.clear();
  }

  fs::path path_, unfinished_;
  OpenFile file_;
  std::string pending_;
  std::uint64_t n_written_ = 0;
  RecordWriter record_;
  std::vector<Entry> entries_;
  std::uint64_t n_truncated_ = 0;
  bool is_committed_ = false;
};

}  // namespace

struct FeatureFile::State {
  State(fs::path path_, OpenFile file_) : path(std::move(path_)), file(std::move(file_)) {}

  fs::path path;
  OpenFile file;
  std::vector<std::uint64_t> ends;  ///< of each row's bytes, from the first row's beginning
  std::vector<std::uint32_t> lengths, checksums;
  std::uint64_t n_truncated = 0;

  [[noreturn]] void fail(std::string const& reason) const {
    throw Error(ErrorCode::Corrupt, fmt::format("{}: {}", path.string(), reason));
  }

  std::string bytes(std::uint64_t offset, std::size_t n) const {
    std::string bytes(n, '\0');
    auto const n_read = file.read_at(offset, bytes.data(), n);
    if (!n_read) fail_with_errno(path, "read");
    if (*n_read != n) fail("is shorter than it was");
    return bytes;
  }

  [[nodiscard]] std::uint64_t begin_of(std::size_t row) const { return row == 0 ? 0 : ends[row - 1]; }

  std::string_view checked(std::string_view row_bytes, std::size_t row) const {
    if (checksum_of(row_bytes.data(), row_bytes.size()) != checksums[row])
      fail(fmt::format("row {} is damaged", row + 1));
    return row_bytes;
  }

  /// Everything is read once, so that damage is found before a training stands on it.
  void open(std::string const& key) {
    auto const n_bytes = file.size();
    if (n_bytes < kHeaderBytes + kTrailerBytes) fail("is too short");
    if (bytes(0, kHeaderBytes) != std::string(kBegin) + key) fail("does not begin as a file of these rows does");
    auto const trailer = bytes(n_bytes - kTrailerBytes, kTrailerBytes);
    if (!trailer.ends_with(kEnd)) fail("has no end");
    RecordReader in(trailer);
    auto const n_rows = in.number<std::uint64_t>();
    n_truncated = in.number<std::uint64_t>();
    auto const checksum = in.number<std::uint32_t>();
    auto const n_left = n_bytes - kHeaderBytes - kTrailerBytes;
    if (n_rows > n_left / sizeof(Entry)) fail("counts more rows than it has room for");
    auto const list = bytes(n_bytes - kTrailerBytes - n_rows * sizeof(Entry), n_rows * sizeof(Entry));
    if (checksum_of_list(list, trailer.substr(0, 16)) != checksum) fail("its list of rows is damaged");
    ends.reserve(n_rows);
    std::uint64_t end = 0;
    for (std::size_t row = 0; row < n_rows; ++row) {
      Entry entry;
      std::memcpy(&entry, list.data() + row * sizeof entry, sizeof entry);
      ends.push_back(end += entry.n_bytes);
      lengths.push_back(entry.n_tokens);
      checksums.push_back(entry.checksum);
    }
    if (end != n_left - n_rows * sizeof(Entry)) fail("its rows are not as long as its list says");
    for_each_record([](std::string_view) {});
  }

  template <typename Visit>
  void for_each_record(Visit const& visit) const {
    for (std::size_t first = 0; first < ends.size();) {
      auto last = first + 1;
      while (last < ends.size() && ends[last] - begin_of(first) <= kBufferBytes) ++last;
      auto const block = bytes(kHeaderBytes + begin_of(first), ends[last - 1] - begin_of(first));
      for (auto row = first; row < last; ++row)
        visit(checked(std::string_view(block).substr(begin_of(row) - begin_of(first), ends[row] - begin_of(row)), row));
      first = last;
    }
  }
};

FeatureFile::FeatureFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
FeatureFile::~FeatureFile() = default;

std::size_t FeatureFile::size() const noexcept { return state_->ends.size(); }
std::int32_t FeatureFile::length(std::size_t row) const { return static_cast<std::int32_t>(state_->lengths[row]); }
std::size_t FeatureFile::n_truncated() const noexcept { return state_->n_truncated; }

Features FeatureFile::read(std::size_t row) const {
  auto const begin = state_->begin_of(row);
  try {
    return features_in(state_->checked(state_->bytes(kHeaderBytes + begin, state_->ends[row] - begin), row));
  } catch (Error const& error) {
    if (error.code() != ErrorCode::Corrupt) throw;
    std::error_code ignored;
    fs::remove(state_->path, ignored);
    throw Error(ErrorCode::Corrupt,
                fmt::format("{}; it is removed, and made again by the same command with --resume", error.what()));
  }
}

void FeatureFile::for_each(std::function<void(Features const&)> const& visit) const {
  state_->for_each_record([&](std::string_view record) { visit(features_in(record)); });
}

FeatureStore::FeatureStore(fs::path folder, FeatureStoreOptions options)
    : folder_(std::move(folder)), options_(std::move(options)) {
  make_folders(folder_);
}

std::shared_ptr<FeatureFile const> FeatureStore::rows_of(std::string const& key,
                                                         std::function<void(AddFeatures const&)> const& fill,
                                                         std::stop_token const& stop) {
  expects(key.size() == kKeyBytes, "a key is a SHA-256");
  if (auto found = find(key)) return found;
  OpenFile const lock(folder_ / "lock", O_RDWR | O_CREAT);
  for (bool is_first = true; !lock.try_lock(); is_first = false) {
    if (is_first && options_.on_wait) options_.on_wait();
    if (stop.stop_requested()) throw Error(ErrorCode::Interrupted, "stopped while another run prepared its rows");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  if (auto found = find(key)) return found;
  make(key, fill);
  auto made = find(key);
  if (!made)
    throw Error(ErrorCode::Unavailable,
                fmt::format("{}: what was written there cannot be read back; check the disk", folder_.string()));
  return made;
}

std::shared_ptr<FeatureFile const> FeatureStore::find(std::string const& key) const {
  auto const path = folder_ / (key + std::string(kExtension));
  try {
    auto state = std::make_unique<FeatureFile::State>(path, OpenFile(path, O_RDONLY));
    state->open(key);
    std::error_code ignored;
    fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
    return std::shared_ptr<FeatureFile const>(new FeatureFile(std::move(state)));
  } catch (Error const& error) {
    if (error.code() == ErrorCode::NotFound) return nullptr;
    if (error.code() != ErrorCode::Corrupt) throw;
    if (options_.on_problem) options_.on_problem(fmt::format("{}; it is made again", error.what()));
    std::error_code ignored;
    fs::remove(path, ignored);
    return nullptr;
  }
}

void FeatureStore::make(std::string const& key, std::function<void(AddFeatures const&)> const& fill) const {
  std::error_code ignored;  // the lock is ours: what is unfinished was left by a killed process
  for (auto const& entry : fs::directory_iterator(folder_, ignored))
    if (entry.path().extension() == kUnfinished) fs::remove(entry.path(), ignored);
  auto const path = folder_ / (key + std::string(kExtension));
  FeatureWriter writer(path, key);
  fill([&](Features const& features) { writer.add(features); });
  writer.commit();
  make_room(path);
}

void FeatureStore::make_room(fs::path const& kept) const {
  struct Old {
    fs::file_time_type used;
    fs::path path;
    std::uint64_t n_bytes;
  };
  std::vector<Old> old;
  std::uint64_t n_bytes = 0;
  std::error_code failed;
  for (auto const& entry : fs::directory_iterator(folder_, failed)) {
    if (entry.path().extension() != kExtension) continue;
    std::error_code gone;
    Old file{entry.last_write_time(gone), entry.path(), entry.file_size(gone)};
    if (gone) continue;
    n_bytes += file.n_bytes;
    if (file.path != kept) old.push_back(std::move(file));
  }
  std::sort(old.begin(), old.end(), [](auto const& a, auto const& b) { return a.used < b.used; });
  for (auto const& file : old) {
    if (n_bytes <= options_.disk_bytes) return;
    fs::remove(file.path, failed);
    n_bytes -= file.n_bytes;
  }
}

void FeatureRows::bring(std::span<std::size_t const> rows) {
  if (!file_) return;
  std::unordered_map<std::size_t, Features> brought;
  for (auto const row : rows)
    if (auto const found = brought_.find(row); found != brought_.end())
      brought.insert(brought_.extract(found));
    else if (!brought.contains(row))
      brought.emplace(row, file_->read(row));
  brought_ = std::move(brought);
}

void FeatureRows::bring_all() {
  if (!file_) return;
  rows_.reserve(file_->size());
  file_->for_each([&](Features const& features) { rows_.push_back(features); });
  file_ = nullptr;
  brought_.clear();
}

Features const& FeatureRows::operator[](std::size_t row) const {
  if (!file_) return rows_[row];
  auto const found = brought_.find(row);
  expects(found != brought_.end(), "a row of a file is brought before it is looked at");
  return found->second;
}

void FeatureRows::for_each(std::function<void(Features const&)> const& visit) const {
  if (file_) return file_->for_each(visit);
  std::for_each(rows_.begin(), rows_.end(), visit);
}

}  // namespace polytask::data
