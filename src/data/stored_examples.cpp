#include "data/stored_examples.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "data/internal/open_file.h"
#include "data/internal/records.h"

namespace polytask::data {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

OpenFile nameless_file(fs::path const& folder) {
  make_folders(folder);
  try {
    return {folder, O_TMPFILE | O_RDWR};
  } catch (Error const&) {  // not every file system has these
    auto const path = folder / fmt::format(".rows-{}", ::getpid());
    OpenFile file(path, O_RDWR | O_CREAT | O_EXCL);
    remove_file(path);
    return file;
  }
}

/// Records one after another, each behind its length.
class RecordFile {
 public:
  explicit RecordFile(fs::path const& folder) : file_(nameless_file(folder)), folder_(folder) {}

  void add(std::string_view record) {
    auto const n = static_cast<std::uint32_t>(record.size());
    pending_.append(reinterpret_cast<char const*>(&n), sizeof n).append(record);
    if (pending_.size() < kBufferBytes) return;
    file_.write_at(n_written_, pending_.data(), pending_.size());
    n_written_ += pending_.size();
    pending_.clear();
  }

  /// From the first record on.
  class Cursor {
   public:
    explicit Cursor(RecordFile const& file) : file_(file) {}
    /// Valid until the next call.
    std::string_view next() {
      std::uint32_t n = 0;
      std::memcpy(&n, bytes(sizeof n).data(), sizeof n);
      return bytes(n);
    }

   private:
    std::string_view bytes(std::size_t n) {
      if (buffer_.size() - at_ < n) fill(n);
      auto const taken = std::string_view(buffer_).substr(at_, n);
      at_ += n;
      return taken;
    }
    void fill(std::size_t n) {
      buffer_.erase(0, at_);
      at_ = 0;
      auto const on_disk = std::min<std::uint64_t>(file_.n_written_ - n_read_, std::max(n, kBufferBytes));
      auto const before = buffer_.size();
      buffer_.resize(before + on_disk);
      if (file_.file_.read_at(n_read_, buffer_.data() + before, on_disk) != on_disk)
        fail_with_errno(file_.folder_, "read");
      n_read_ += on_disk;
      if (n_read_ == file_.n_written_ && !has_pending_) {
        buffer_ += file_.pending_;
        has_pending_ = true;
      }
      if (buffer_.size() < n) throw Error(ErrorCode::Corrupt, "a stored row ends too early");
    }
    RecordFile const& file_;
    std::string buffer_;
    std::size_t at_ = 0;
    std::uint64_t n_read_ = 0;
    bool has_pending_ = false;
  };

 private:
  OpenFile file_;
  fs::path folder_;
  std::string pending_;
  std::uint64_t n_written_ = 0;
};

struct WriteLabel {
  RecordWriter& out;
  void operator()(std::monostate) const {}
  void operator()(std::string const& name) const { out.text(name); }
  void operator()(std::vector<std::string> const& names) const {
    out.number(static_cast<std::uint32_t>(names.size()));
    for (auto const& name : names) out.text(name);
  }
  void operator()(double value) const { out.number(value); }
  void operator()(std::vector<task::Span> const& spans) const {
    out.number(static_cast<std::uint32_t>(spans.size()));
    for (auto const& span : spans) {
      out.number<std::uint64_t>(span.begin);
      out.number<std::uint64_t>(span.end);
      out.text(span.label);
    }
  }
  void operator()(task::Answers const& answers) const {
    out.number(static_cast<std::uint32_t>(answers.pieces.size()));
    for (auto const& piece : answers.pieces) {
      out.number<std::uint64_t>(piece.begin);
      out.number<std::uint64_t>(piece.end);
      out.text(piece.text);
    }
  }
  void operator()(task::Choice const& choice) const { out.number<std::uint64_t>(choice.index); }
};

template <typename Piece>
Piece piece_of(RecordReader& in) {
  auto const begin = in.number<std::uint64_t>();
  auto const end = in.number<std::uint64_t>();
  return {begin, end, std::string(in.text())};
}

task::Label label_of(RecordReader& in) {
  switch (in.number<std::uint8_t>()) {
    case 1: return std::string(in.text());
    case 2: {
      std::vector<std::string> names(in.count());
      for (auto& name : names) name = in.text();
      return names;
    }
    case 3: return in.number<double>();
    case 4: {
      std::vector<task::Span> spans(in.count());
      for (auto& span : spans) span = piece_of<task::Span>(in);
      return spans;
    }
    case 5: {
      task::Answers answers{.pieces = std::vector<task::TextPiece>(in.count())};
      for (auto& piece : answers.pieces) piece = piece_of<task::TextPiece>(in);
      return answers;
    }
    case 6: return task::Choice{in.number<std::uint64_t>()};
    default: return {};
  }
}

void write_labels(task::Example const& example, RecordWriter& out) {
  out.number<std::uint64_t>(example.line);
  out.number<std::uint64_t>(example.file);
  out.number(static_cast<std::uint32_t>(example.labels.size()));
  for (auto const& label : example.labels) {
    out.number(static_cast<std::uint8_t>(label.index()));
    std::visit(WriteLabel{out}, label);
  }
}

void read_labels(std::string_view record, task::Example& example) {
  RecordReader in(record);
  example.line = in.number<std::uint64_t>();
  example.file = in.number<std::uint64_t>();
  example.labels.resize(in.count());
  for (auto& label : example.labels) label = label_of(in);
}

void write_texts(task::Example const& example, RecordWriter& out) {
  out.text(example.id);
  out.number<std::uint8_t>(example.apart);
  out.number(static_cast<std::uint32_t>(example.texts.size()));
  for (auto const& text : example.texts) out.text(text);
  out.number(static_cast<std::uint32_t>(example.words.size()));
  for (auto const& word : example.words) {
    out.number<std::uint64_t>(word.begin);
    out.number<std::uint64_t>(word.end);
  }
}

void read_texts(std::string_view record, task::Example& example) {
  RecordReader in(record);
  example.id = in.text();
  example.apart = in.number<std::uint8_t>() != 0;
  example.texts.resize(in.count());
  for (auto& text : example.texts) text = in.text();
  example.words.resize(in.count());
  for (auto& word : example.words) {
    word.begin = in.number<std::uint64_t>();
    word.end = in.number<std::uint64_t>();
  }
}

}  // namespace

struct StoredExamples::Files {
  explicit Files(fs::path const& folder) : texts(folder), labels(folder) {}
  RecordFile texts, labels;
  std::size_t n = 0;
};

StoredExamples::StoredExamples(fs::path const& folder) : files_(std::make_unique<Files>(folder)) {}
StoredExamples::~StoredExamples() = default;

void StoredExamples::add(task::Example const& example) {
  RecordWriter out;
  write_labels(example, out);
  files_->labels.add(out.bytes());
  out.clear();
  write_texts(example, out);
  files_->texts.add(out.bytes());
  ++files_->n;
}

std::size_t StoredExamples::size() const noexcept { return files_->n; }

void StoredExamples::for_each(VisitExample const& visit) const {
  RecordFile::Cursor texts(files_->texts), labels(files_->labels);
  task::Example example;
  for (std::size_t i = 0; i < files_->n; ++i) {
    read_labels(labels.next(), example);
    read_texts(texts.next(), example);
    visit(example);
  }
}

void StoredExamples::for_each_labels(VisitExample const& visit) const {
  RecordFile::Cursor labels(files_->labels);
  task::Example example;
  for (std::size_t i = 0; i < files_->n; ++i) {
    read_labels(labels.next(), example);
    visit(example);
  }
}

std::string StoredExamples::sha256() const {
  Sha256 hash;
  for (auto const* file : {&files_->labels, &files_->texts}) {
    RecordFile::Cursor records(*file);
    for (std::size_t i = 0; i < files_->n; ++i) {
      auto const record = records.next();
      auto const n = record.size();
      hash.update({reinterpret_cast<char const*>(&n), sizeof n}).update(record);
    }
  }
  return hash.hex_digest();
}

}  // namespace polytask::data
