#include "data/state_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "data/internal/open_file.h"

namespace polytask::data {
namespace {

namespace fs = std::filesystem;

/// No file of ours has more: nothing larger is taken into memory.
constexpr std::uint64_t kLargestIndex = std::uint64_t{1} << 30;

/// Files of states that are held open, at most.
constexpr std::uint64_t kMostOpen = 128;

/// May be written before the free space is looked at again.
constexpr std::uint64_t kBetweenLooks = std::uint64_t{64} << 20;

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

/// Other parts of the program need descriptors too.
std::uint64_t most_open_files() {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return std::min<std::uint64_t>(kMostOpen, limit.rlim_cur / 4);
}

/// One file of states, and its index.
struct Segment {
  std::optional<OpenFile> states;  ///< for reading: none where too many are open
  std::uint64_t n_state_bytes = 0;
  std::uint64_t n_index_bytes = 0;
};

struct Place {
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;
  std::uint64_t n_values = 0;
  std::uint32_t checksum = 0;
};

/// What is on the disk.
struct Contents {
  std::map<std::uint64_t, Segment> segments;
  std::unordered_map<StateKey, Place, StateKeyHash> places;

  void drop(std::uint64_t number) {
    std::erase_if(places, [&](auto const& entry) { return entry.second.segment == number; });
    segments.erase(number);
  }
};

}  // namespace

struct StateStore::State {
  fs::path folder;
  StateLimits limits;
  Contents contents;
  /// The highest that was seen. No number is given twice: a reader that opens its file late would take another one for
  /// it.
  std::uint64_t last_number = 0;
  std::unordered_map<StateKey, std::vector<std::uint16_t>, StateKeyHash> memory;
  std::uint64_t n_memory_bytes = 0;
  std::vector<std::string> problems;

  /// From the disk, as it is now. What a reader finds damaged is left out; `mend` puts the files right as well, which
  /// only the process that adds may do. What cannot be looked at is no damage: an error, and everything stays as it
  /// was.
  void load(bool mend) {
    Contents loaded;
    for (auto const number : numbers_in(folder, ".index")) {
      last_number = std::max(last_number, number);
      try {
        load_segment(loaded, number, mend);
      } catch (Error const& error) {
        if (error.code() != ErrorCode::Corrupt && error.code() != ErrorCode::NotFound) throw;
        std::error_code failed;
        if (fs::exists(index_path(folder, number), failed))  // otherwise another process has just removed it
          problems.push_back(fmt::format("{}; its states are computed anew", error.what()));
      }
    }
    contents = std::move(loaded);
  }

  void load_segment(Contents& loaded, std::uint64_t number, bool mend) {
    auto const path = index_path(folder, number);
    // The index first: whatever it names by now is in the file of states, however much is added meanwhile.
    auto const bytes = OpenFile(path, O_RDONLY).read_all(kLargestIndex);
    OpenFile states(states_path(folder, number), O_RDONLY);
    Segment segment{.n_state_bytes = states.size(), .n_index_bytes = bytes.size()};
    auto const index = parse_state_index(bytes, segment.n_state_bytes);
    if (!index.is_index) throw Error(ErrorCode::Corrupt, fmt::format("{}: is not an index of states", path.string()));
    if (!index.damaged.empty())
      problems.push_back(fmt::format("{}: {} of {} entries are damaged, entry {} first; their states are computed anew",
                                     path.string(), index.damaged.size(), index.damaged.size() + index.entries.size(),
                                     index.damaged.front()));
    if (mend && (!index.damaged.empty() || index.n_torn_bytes > 0)) {
      std::string whole(kStateIndexBegin);
      for (auto const& entry : index.entries) whole += bytes_of(entry);
      write_file_atomically(path, whole);
      segment.n_index_bytes = whole.size();
    }
    for (auto const& entry : index.entries)
      loaded.places[entry.key] = {number, entry.offset, entry.n_values(),
                                  entry.checksum};  // a later one was made for a reason
    if (loaded.segments.size() < most_open_files()) segment.states.emplace(std::move(states));
    loaded.segments.emplace(number, std::move(segment));
  }

  /// False where they are not there to be read.
  [[nodiscard]] bool read(Place const& place, std::span<std::uint16_t> states) const {
    auto const& segment = contents.segments.at(place.segment);
    auto const n_bytes = states.size_bytes();
    if (segment.states) return segment.states->read_at(place.offset, states.data(), n_bytes) == n_bytes;
    OpenFile const file(states_path(folder, place.segment), O_RDONLY);
    return file.read_at(place.offset, states.data(), n_bytes) == n_bytes;
  }

  [[nodiscard]] std::uint64_t disk_bytes() const {
    std::uint64_t n = 0;
    for (auto const& [number, segment] : contents.segments) n += segment.n_state_bytes + segment.n_index_bytes;
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

bool StateStore::contains(StateKey const& key) const { return state_->contents.places.contains(key); }
StateLimits const& StateStore::limits() const noexcept { return state_->limits; }
std::uint64_t StateStore::disk_bytes() const noexcept { return state_->disk_bytes(); }
std::vector<std::string> StateStore::take_problems() { return std::exchange(state_->problems, {}); }

bool StateStore::read(StateKey const& key, std::span<std::uint16_t> states) {
  if (auto const found = state_->memory.find(key); found != state_->memory.end()) {
    if (found->second.size() != states.size()) return false;
    std::copy(found->second.begin(), found->second.end(), states.begin());
    return true;
  }
  auto& places = state_->contents.places;
  auto const found = places.find(key);
  if (found == places.end() || found->second.n_values != states.size()) return false;
  auto const place = found->second;
  try {
    if (!state_->read(place, states) || checksum_of(states.data(), states.size_bytes()) != place.checksum) {
      state_->problems.push_back(
          fmt::format("{}: the states at byte {} are damaged (their checksum is wrong); they are computed anew",
                      states_path(state_->folder, place.segment).string(), place.offset));
      places.erase(found);
      return false;
    }
  } catch (Error const& error) {
    if (error.code() != ErrorCode::NotFound) throw;
    state_->contents.drop(place.segment);  // another process has made room
    return false;
  }
  state_->remember(key, states);
  return true;
}

void StateStore::remember(StateKey const& key, std::span<std::uint16_t const> states) { state_->remember(key, states); }

/// What a writer has open: the lock, and the last files, which it adds to.
struct StateWriter::Files {
  OpenFile lock;
  std::uint64_t number = 0;
  std::optional<OpenFile> states, index;
  std::uint64_t n_granted_bytes = 0;  ///< that may be written before the free space is looked at again
};

StateWriter::StateWriter(StateStore& store, std::unique_ptr<Files> files) : store_(store), files_(std::move(files)) {}
StateWriter::~StateWriter() = default;

std::unique_ptr<StateWriter> StateWriter::try_begin(StateStore& store) {
  auto files = std::make_unique<Files>(Files{.lock = OpenFile(store.state_->folder / "lock", O_RDWR | O_CREAT)});
  if (!files->lock.try_lock()) return nullptr;
  std::unique_ptr<StateWriter> writer(new StateWriter(store, std::move(files)));
  writer->recover();
  return writer;
}

void StateWriter::recover() {
  auto& state = *store_.state_;
  remove_unfinished_indexes();
  state.load(true);
  auto& segments = state.contents.segments;
  // What is not loaded now is half of a pair of files, or no index: nobody will ever read it.
  for (auto const* extension : {".index", ".states"})
    for (auto const number : numbers_in(state.folder, extension))
      if (!segments.contains(number)) remove_segment(number);
  if (segments.empty()) return;
  auto& [number, segment] = *segments.rbegin();
  std::uint64_t end = 0;
  for (auto const& [key, place] : state.contents.places)
    if (place.segment == number) end = std::max(end, place.offset + 2 * place.n_values);
  open_segment(number);
  files_->states->cut_to(end);  // the torn states of a killed process, and those that no entry knows
  segment.n_state_bytes = end;
}

void StateWriter::remove_unfinished_indexes() {
  // Collected first: what a folder lists while its files are removed is not defined.
  std::vector<fs::path> unfinished;
  std::error_code failed;
  for (auto const& entry : fs::directory_iterator(store_.state_->folder, failed))
    if (entry.path().extension() == ".part") unfinished.push_back(entry.path());
  for (auto const& path : unfinished) remove_file(path);
}

void StateWriter::open_segment(std::uint64_t number) {
  auto& state = *store_.state_;
  files_->states.reset();
  files_->index.reset();
  bool const is_new = !state.contents.segments.contains(number);
  OpenFile states(states_path(state.folder, number), O_RDWR | O_CREAT);
  auto const path = index_path(state.folder, number);
  if (is_new) write_file_atomically(path, kStateIndexBegin);  // a reader never sees one without its beginning
  OpenFile index(path, O_RDWR);
  if (is_new) {
    Segment segment{.n_index_bytes = kStateIndexBegin.size()};
    if (state.contents.segments.size() < most_open_files())
      segment.states.emplace(states_path(state.folder, number), O_RDONLY);
    state.contents.segments.emplace(number, std::move(segment));
    state.last_number = std::max(state.last_number, number);
  }
  files_->number = number;
  files_->states.emplace(std::move(states));
  files_->index.emplace(std::move(index));
}

void StateWriter::remove_segment(std::uint64_t number) {
  auto& state = *store_.state_;
  if (files_->number == number) {
    files_->states.reset();
    files_->index.reset();
  }
  // The index first: states without one are nobody's, an index without states would be damage.
  remove_file(index_path(state.folder, number));
  remove_file(states_path(state.folder, number));
  state.contents.drop(number);
}

std::uint64_t StateWriter::make_room(std::span<Wanted const> wanted) {
  auto& state = *store_.state_;
  auto& segments = state.contents.segments;
  auto const n_before = state.disk_bytes();
  while (!segments.empty()) {
    std::uint64_t n_missing = 0, n_texts = 0;
    std::map<std::uint64_t, bool> holds_wanted;
    for (auto const& text : wanted) {
      auto const found = state.contents.places.find(text.key);
      if (found == state.contents.places.end())
        n_missing += n_bytes(text.n_values), ++n_texts;
      else
        holds_wanted[found->second.segment] = true;
    }
    if (n_missing == 0) break;
    auto const& limits = state.limits;
    auto const n_files = 1 + n_missing / std::max<std::uint64_t>(limits.segment_bytes, 1);
    n_missing += std::min(n_texts, n_files) * kStateIndexBegin.size();
    if (state.disk_bytes() + n_missing <= limits.disk_bytes) break;
    auto victim = std::find_if(segments.begin(), segments.end(),
                               [&](auto const& segment) { return !holds_wanted.contains(segment.first); });
    if (victim == segments.end()) victim = segments.begin();
    remove_segment(victim->first);
  }
  return n_before - state.disk_bytes();
}

void StateWriter::take_space(std::uint64_t n_more) {
  if (files_->n_granted_bytes < n_more) {
    auto const& state = *store_.state_;
    struct statvfs disk {};
    if (::statvfs(state.folder.c_str(), &disk) != 0) fail_with_errno(state.folder, "looked at");
    auto const n_free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
    auto const n_kept = state.limits.free_bytes;
    if (n_free < n_more || n_free - n_more < n_kept)
      throw Error(
          ErrorCode::Unavailable,
          fmt::format("{}: the disk has {:.1f} MB of free space, and {:.1f} MB are left to others; free some "
                      "space",
                      state.folder.string(), static_cast<double>(n_free) / 1e6, static_cast<double>(n_kept) / 1e6));
    files_->n_granted_bytes = std::max(n_more, std::min(kBetweenLooks, n_free - n_kept));
  }
  files_->n_granted_bytes -= n_more;
}

bool StateWriter::add(StateKey const& key, std::uint32_t n_tokens, std::span<std::uint16_t const> states) {
  auto& state = *store_.state_;
  auto& segments = state.contents.segments;
  expects(n_tokens >= 1 && n_tokens <= StateEntry::kMostTokens && states.size() % n_tokens == 0 &&
              states.size() / n_tokens <= StateEntry::kWidest && !states.empty(),
          "states are rows of one width, one for each token");
  bool const is_full = !files_->states || segments.at(files_->number).n_state_bytes >= state.limits.segment_bytes;
  auto const n_more = n_bytes(states.size()) + (is_full ? kStateIndexBegin.size() : 0);
  if (state.disk_bytes() + n_more > state.limits.disk_bytes) return false;
  take_space(n_more);
  if (is_full) {
    flush();
    open_segment(state.last_number + 1);
  }
  auto& segment = segments.at(files_->number);
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
  state.contents.places[key] = {files_->number, entry.offset, entry.n_values(), entry.checksum};
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
