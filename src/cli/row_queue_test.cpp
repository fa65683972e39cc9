#include "cli/row_queue.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <istream>

#include "base/error.h"

namespace polytask::cli {
namespace {

/// Rows without end, or up to a failure.
class CountingReader final : public data::RowReader {
 public:
  explicit CountingReader(std::size_t fails_after = ~std::size_t{0}) : fails_after_(fails_after) {}
  std::optional<Result<data::Row>> next() override {
    if (n_++ == fails_after_) throw Error(ErrorCode::InvalidInput, "the file is damaged");
    return Result<data::Row>(data::Row{.line = n_});
  }

 private:
  std::size_t fails_after_;
  std::size_t n_ = 0;
};

struct Pipe {
  int ends[2];
  Pipe() { EXPECT_EQ(::pipe(ends), 0); }
  ~Pipe() { ::close(ends[0]), ::close(ends[1]); }
  Pipe(Pipe const&) = delete;
  Pipe& operator=(Pipe const&) = delete;
  void write(std::string_view text) const {
    EXPECT_EQ(::write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
};

TEST(RowQueue, GivesWhatHasArrivedWithoutWaitingForMore) {
  Pipe const pipe;
  StoppableInput input(pipe.ends[0]);
  std::istream stream(&input);
  pipe.write("{\"id\": 7}\n");  // a reader looks for a byte-order mark when it is made
  RowQueue queue(data::read_rows(stream, data::Format::Jsonl, "input", {}), [&] { input.stop(); });
  auto const first = queue.take(64);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].number, 1u);
  EXPECT_EQ(first[0].row->id, "7");
  pipe.write("{\"id\": 8}\n");
  EXPECT_EQ(queue.take(64).at(0).number, 2u);
}  // and ends while its thread waits for an input that stays open

TEST(RowQueue, EndsAtOnceWhileItsThreadWaitsForRoom) {
  for (int i = 0; i < 200; ++i) {
    RowQueue queue(std::make_unique<CountingReader>());
    EXPECT_FALSE(queue.take(3).empty());
  }
}

TEST(RowQueue, ThrowsWhatReadingThrewBehindTheRowsBeforeIt) {
  RowQueue queue(std::make_unique<CountingReader>(2));
  std::size_t n_rows = 0;
  EXPECT_THROW(while (true) n_rows += queue.take(64).size(), Error);
  EXPECT_EQ(n_rows, 2u);
}

TEST(StoppableInput, ThatCannotBeReadIsBadAndNotAtItsEnd) {
  Pipe const silent;
  StoppableInput input(silent.ends[0]);
  std::istream stream(&input);
  input.stop();
  EXPECT_EQ(stream.get(), std::char_traits<char>::eof()) << "stopped";
  EXPECT_FALSE(stream.bad());

  StoppableInput folder(::open(".", O_RDONLY | O_CLOEXEC));
  std::istream unreadable(&folder);
  EXPECT_THROW((void)data::read_rows(unreadable, data::Format::Jsonl, "input", {})->next(), Error);
}

}  // namespace
}  // namespace polytask::cli
