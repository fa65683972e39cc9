#include "data/state_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/file.h"

namespace polytask::data {
namespace {

namespace fs = std::filesystem;

/// No file of ours has more: nothing larger is taken into memory.
constexpr std::uint64_t kLargestIndex = std::uint64_t{1} << 30;

[[noreturn]] void fail(fs::path const& path, char const* action) {
  throw Error(ErrorCode::Unavailable,
              fmt::format("{}: cannot be {} ({}); free some space or check the permissions, then run the same command "
                          "again",
                          path.string(), action, std::strerror(errno)));
}

/// An open file.
class File {
 public:
  File(fs::path path, int flags) : path_(std::move(path)) {
    descriptor_ = ::open(path_.c_str(), flags | O_CLOEXEC, 0644);
    if (descriptor_ < 0) fail(path_, "opened");
  }
  File(File&& other) noexcept : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&&) = delete;
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  [[nodiscard]] std::uint64_t size() const {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) fail(path_, "looked at");
    return static_cast<std::uint64_t>(status.st_size);
  }
  /// Bytes that were there to be read.
  [[nodiscard]] std::size_t read_at(std::uint64_t offset, void* bytes, std::size_t n_bytes) const {
    std::size_t n_read = 0;
    while (n_read < n_bytes) {
      auto const n = ::pread(descriptor_, static_cast<char*>(bytes) + n_read, n_bytes - n_read,
                             static_cast<off_t>(offset + n_read));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      n_read += static_cast<std::size_t>(n);
    }
    return n_read;
  }
  void write_at(std::uint64_t offset, void const* bytes, std::size_t n_bytes) const {
    std::size_t n_written = 0;
    while (n_written < n_bytes) {
      auto const n = ::pwrite(descriptor_, static_cast<char const*>(bytes) + n_written, n_bytes - n_written,
                              static_cast<off_t>(offset + n_written));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail(path_, "written");
      n_written += static_cast<std::size_t>(n);
    }
  }
  void cut_to(std::uint64_t n_bytes) const {
    if (::ftruncate(descriptor_, static_cast<off_t>(n_bytes)) != 0) fail(path_, "cut");
  }
  void flush() const {
    if (::fdatasync(descriptor_) != 0) fail(path_, "flushed to the disk");
  }
  /// False where another process has it.
  [[nodiscard]] bool try_lock() const { return ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0; }

 private:
  fs::path path_;
  int descriptor_ = -1;
};

fs::path states_path(fs::path const& folder, std::uint64_t number) {
  return folder / fmt::format("{:06}.states", number);
}
fs::path index_path(fs::path const& folder, std::uint64_t number) {
  return folder / fmt::format("{:06}.index", number);
}

/// The number in a name that the store has given.
std::optional<std::uint64_t> number_of(fs::path const& path) {
  auto const name = path.stem().string();
  std::uint64_t number = 0;
  auto const [end, failed] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (failed != std::errc() || fmt::format("{:06}", number) != name) return std::nullopt;
  return number;
}

/// Numbers of the folder's files of one kind.
std::vector<std::uint64_t> numbers_in(fs::path const& folder, std::string const& extension) {
  std::vector<std::uint64_t> numbers;
  std::error_code failed;
  for (auto const& entry : fs::directory_iterator(folder, failed))
    if (entry.path().extension() == extension)
      if (auto const number = number_of(entry.path())) numbers.push_back(*number);
  if (failed)
    throw Error(ErrorCode::Unavailable, fmt::format("{}: the folder cannot be read ({}); check its permissions",
                                                    folder.string(), failed.message()));
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

/// One file of states, open for reading, and the bytes of its index.
struct Segment {
  File states;
  std::uint64_t n_state_bytes = 0;
  std::uint64_t n_index_bytes = 0;
};

struct Place {
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;
  std::uint64_t n_values = 0;
  std::uint32_t checksum = 0;
};

}  // namespace

struct StateStore::State {
  fs::path folder;
  StateLimits limits;
  std::map<std::uint64_t, Segment> segments;
  std::unordered_map<StateKey, Place, StateKeyHash> places;
  std::unordered_map<StateKey, std::vector<std::uint16_t>, StateKeyHash> memory;
  std::uint64_t n_memory_bytes = 0;
  std::vector<std::string> problems;

  /// From the disk, as it is now. What a reader finds damaged is left out; `mend` puts the files right as well, which
  /// only the process that adds may do.
  void load(bool mend) {
    segments.clear();
    places.clear();
    for (auto const number : numbers_in(folder, ".index")) {
      try {
        load_segment(number, mend);
      } catch (Error const& error) {
        if (fs::exists(index_path(folder, number)))  // otherwise another process has just removed it
          problems.push_back(fmt::format("{}; its states are computed anew", error.what()));
      }
    }
  }

  void load_segment(std::uint64_t number, bool mend) {
    auto const path = index_path(folder, number);
    File states(states_path(folder, number), O_RDONLY);
    auto const n_state_bytes = states.size();
    auto const bytes = read_file(path, kLargestIndex);
    auto const index = parse_state_index(bytes, n_state_bytes);
    if (!index.is_index) throw Error(ErrorCode::Corrupt, fmt::format("{}: is not an index of states", path.string()));
    if (!index.damaged.empty())
      problems.push_back(fmt::format("{}: {} of {} entries are damaged, entry {} first; their states are computed anew",
                                     path.string(), index.damaged.size(), index.damaged.size() + index.entries.size(),
                                     index.damaged.front()));
    auto n_index_bytes = bytes.size();
    if (mend && (!index.damaged.empty() || index.n_torn_bytes > 0)) {
      std::string whole(kStateIndexBegin);
      for (auto const& entry : index.entries) whole += bytes_of(entry);
      write_file_atomically(path, whole);
      n_index_bytes = whole.size();
    }
    for (auto const& entry : index.entries)
      places[entry.key] = {number, entry.offset, entry.n_values(),
                           entry.checksum};  // a later one was made for a reason
    segments.emplace(number, Segment{std::move(states), n_state_bytes, n_index_bytes});
  }

  [[nodiscard]] std::uint64_t disk_bytes() const {
    std::uint64_t n = 0;
    for (auto const& [number, segment] : segments) n += segment.n_state_bytes + segment.n_index_bytes;
    return n;
  }

  void remember(StateKey const& key, std::span<std::uint16_t const> states) {
    if (n_memory_bytes + states.size_bytes() > limits.memory_bytes) return;
    if (memory.try_emplace(key, states.begin(), states.end()).second) n_memory_bytes += states.size_bytes();
  }
};

StateStore::StateStore(fs::path folder, StateLimits limits) : state_(std::make_unique<State>()) {
  state_->folder = std::move(folder);
  state_->limits = limits;
  make_folders(state_->folder);
  state_->load(false);
}
StateStore::StateStore(StateStore&&) noexcept = default;
StateStore& StateStore::operator=(StateStore&&) noexcept = default;
StateStore::~StateStore() = default;

bool StateStore::contains(StateKey const& key) const { return state_->places.contains(key); }
StateLimits const& StateStore::limits() const noexcept { return state_->limits; }
std::uint64_t StateStore::disk_bytes() const noexcept { return state_->disk_bytes(); }
std::uint64_t StateStore::memory_bytes() const noexcept { return state_->n_memory_bytes; }
std::vector<std::string> StateStore::take_problems() { return std::exchange(state_->problems, {}); }

bool StateStore::read(StateKey const& key, std::span<std::uint16_t> states) {
  if (auto const found = state_->memory.find(key); found != state_->memory.end()) {
    if (found->second.size() != states.size()) return false;
    std::copy(found->second.begin(), found->second.end(), states.begin());
    return true;
  }
  auto const found = state_->places.find(key);
  if (found == state_->places.end() || found->second.n_values != states.size()) return false;
  auto const place = found->second;
  auto const n_bytes = states.size_bytes();
  if (state_->segments.at(place.segment).states.read_at(place.offset, states.data(), n_bytes) != n_bytes ||
      checksum_of(states.data(), n_bytes) != place.checksum) {
    state_->problems.push_back(
        fmt::format("{}: the states at byte {} are damaged (their checksum is wrong); they are computed anew",
                    states_path(state_->folder, place.segment).string(), place.offset));
    state_->places.erase(found);
    return false;
  }
  state_->remember(key, states);
  return true;
}

void StateStore::remember(StateKey const& key, std::span<std::uint16_t const> states) { state_->remember(key, states); }

/// What a writer has open: the lock, and the last files, which it adds to.
struct StateWriter::Files {
  File lock;
  std::uint64_t number = 0;
  std::optional<File> states, index;
};

StateWriter::StateWriter(StateStore& store, std::unique_ptr<Files> files) : store_(store), files_(std::move(files)) {}
StateWriter::~StateWriter() = default;

std::unique_ptr<StateWriter> StateWriter::try_begin(StateStore& store) {
  auto files = std::make_unique<Files>(Files{.lock = File(store.state_->folder / "lock", O_RDWR | O_CREAT)});
  if (!files->lock.try_lock()) return nullptr;
  std::unique_ptr<StateWriter> writer(new StateWriter(store, std::move(files)));
  writer->recover();
  return writer;
}

void StateWriter::recover() {
  auto& state = *store_.state_;
  state.load(true);
  // What is not loaded now is half of a pair of files, or no index: nobody will ever read it.
  for (auto const* extension : {".index", ".states"})
    for (auto const number : numbers_in(state.folder, extension))
      if (!state.segments.contains(number)) remove_segment(number);
  if (state.segments.empty()) return;
  auto& [number, segment] = *state.segments.rbegin();
  std::uint64_t end = 0;
  for (auto const& [key, place] : state.places)
    if (place.segment == number) end = std::max(end, place.offset + 2 * place.n_values);
  open_segment(number);
  files_->states->cut_to(end);  // the torn states of a killed process, and those that no entry knows
  segment.n_state_bytes = end;
}

void StateWriter::open_segment(std::uint64_t number) {
  auto& state = *store_.state_;
  files_->states.reset();
  files_->index.reset();
  files_->number = number;
  bool const is_new = !state.segments.contains(number);
  files_->states.emplace(states_path(state.folder, number), O_RDWR | O_CREAT);
  files_->index.emplace(index_path(state.folder, number), O_RDWR | O_CREAT);
  if (!is_new) return;
  files_->index->write_at(0, kStateIndexBegin.data(), kStateIndexBegin.size());
  state.segments.emplace(number,
                         Segment{File(states_path(state.folder, number), O_RDONLY), 0, kStateIndexBegin.size()});
}

void StateWriter::remove_segment(std::uint64_t number) {
  auto& state = *store_.state_;
  if (files_->number == number) {
    files_->states.reset();
    files_->index.reset();
  }
  // The index first: states without one are nobody's, an index without states would be damage.
  for (auto const& path : {index_path(state.folder, number), states_path(state.folder, number)}) {
    std::error_code failed;
    fs::remove(path, failed);
    if (failed)
      throw Error(ErrorCode::Unavailable,
                  fmt::format("{}: cannot be removed ({}); check the permissions", path.string(), failed.message()));
  }
  std::erase_if(state.places, [&](auto const& entry) { return entry.second.segment == number; });
  state.segments.erase(number);
}

void StateWriter::make_room(std::span<Wanted const> wanted) {
  auto& state = *store_.state_;
  while (!state.segments.empty()) {
    std::uint64_t n_missing = kStateIndexBegin.size();
    std::map<std::uint64_t, bool> holds_wanted;
    for (auto const& text : wanted) {
      auto const found = state.places.find(text.key);
      if (found == state.places.end())
        n_missing += n_bytes(text.n_values);
      else
        holds_wanted[found->second.segment] = true;
    }
    auto const& limits = state.limits;
    n_missing += n_missing / std::max<std::uint64_t>(limits.segment_bytes, 1) * kStateIndexBegin.size();
    if (state.disk_bytes() + n_missing <= limits.disk_bytes) return;
    auto victim = std::find_if(state.segments.begin(), state.segments.end(),
                               [&](auto const& segment) { return !holds_wanted.contains(segment.first); });
    if (victim == state.segments.end()) victim = state.segments.begin();
    remove_segment(victim->first);
  }
}

bool StateWriter::add(StateKey const& key, std::uint32_t n_tokens, std::span<std::uint16_t const> states) {
  auto& state = *store_.state_;
  expects(n_tokens >= 1 && n_tokens <= StateEntry::kMostTokens && states.size() % n_tokens == 0 &&
              states.size() / n_tokens <= StateEntry::kWidest && !states.empty(),
          "states are rows of one width, one for each token");
  bool const is_full = !files_->states || state.segments.at(files_->number).n_state_bytes >= state.limits.segment_bytes;
  auto const n_more = n_bytes(states.size()) + (is_full ? kStateIndexBegin.size() : 0);
  if (state.disk_bytes() + n_more > state.limits.disk_bytes) return false;
  if (is_full) {
    flush();
    open_segment(state.segments.empty() ? 1 : state.segments.rbegin()->first + 1);
  }
  auto& segment = state.segments.at(files_->number);
  StateEntry const entry{.key = key,
                         .offset = segment.n_state_bytes,
                         .n_tokens = n_tokens,
                         .hidden_size = static_cast<std::uint32_t>(states.size() / n_tokens),
                         .checksum = checksum_of(states.data(), states.size_bytes())};
  files_->states->write_at(entry.offset, states.data(), states.size_bytes());
  auto const bytes = bytes_of(entry);
  files_->index->write_at(segment.n_index_bytes, bytes.data(), bytes.size());
  segment.n_state_bytes = entry.end();
  segment.n_index_bytes += bytes.size();
  state.places[key] = {files_->number, entry.offset, entry.n_values(), entry.checksum};
  state.remember(key, states);
  return true;
}

void StateWriter::flush() {
  if (!files_->states) return;
  files_->states->flush();
  files_->index->flush();
  sync_folder(store_.state_->folder);
}

}  // namespace polytask::data
