#include "exchange/internal/onnx_sizes.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstdint>

#include "base/error.h"

namespace polytask::exchange {
namespace {

using google::protobuf::internal::WireFormatLite;

/// The messages that are looked into, with the numbers of their fields in onnx.proto.
enum class Message { Model, Graph, Tensor, MetadataEntry };
constexpr int kModelGraph = 7, kModelMetadata = 14, kGraphInitializer = 5, kTensorRawData = 9, kEntryKey = 1,
              kEntryValue = 2;

class Scan {
 public:
  explicit Scan(std::string_view bytes)
      : stream_(reinterpret_cast<std::uint8_t const*>(bytes.data()), static_cast<int>(bytes.size())) {}

  std::size_t n_plain_bytes = 0;  ///< of weights, and of metadata's keys and values: no objects are made of them
  std::size_t n_entries = 0;

  /// False where the bytes are damaged.
  bool read(Message message) {
    while (auto const tag = stream_.ReadTag()) {
      int const number = WireFormatLite::GetTagFieldNumber(tag);
      if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
        if (!WireFormatLite::SkipField(&stream_, tag)) return false;
        continue;
      }
      int length = 0;
      if (!stream_.ReadVarintSizeAsInt(&length) || !read_field(message, number, length)) return false;
    }
    return stream_.ConsumedEntireMessage();
  }

 private:
  bool read_field(Message message, int number, int length) {
    if (message == Message::Model && number == kModelGraph) return read_inside(Message::Graph, length);
    if (message == Message::Model && number == kModelMetadata) {
      ++n_entries;
      return read_inside(Message::MetadataEntry, length);
    }
    if (message == Message::Graph && number == kGraphInitializer) return read_inside(Message::Tensor, length);
    if ((message == Message::Tensor && number == kTensorRawData) ||
        (message == Message::MetadataEntry && (number == kEntryKey || number == kEntryValue)))
      n_plain_bytes += static_cast<std::size_t>(length);
    return stream_.Skip(length);
  }

  bool read_inside(Message message, int length) {
    if (length > stream_.BytesUntilLimit() && stream_.BytesUntilLimit() >= 0) return false;
    auto const limit = stream_.PushLimit(length);
    bool const whole = read(message);
    stream_.PopLimit(limit);
    return whole;
  }

  google::protobuf::io::CodedInputStream stream_;
};

}  // namespace

void check_onnx_sizes(std::string_view bytes, std::string const& where) {
  if (bytes.size() > kMostOnnxBytes)
    throw Error(ErrorCode::InvalidInput,
                fmt::format("{}: has {} bytes, an ONNX file has at most {}", where, bytes.size(), kMostOnnxBytes));
  Scan scan(bytes);
  if (!scan.read(Message::Model))
    throw Error(ErrorCode::InvalidInput,
                fmt::format("{}: is no ONNX file, or a damaged one; get the file again", where));
  auto const n_structure = bytes.size() - scan.n_plain_bytes;
  if (n_structure > kMostStructureBytes || scan.n_entries > kMostMetadataEntries)
    throw Error(ErrorCode::InvalidInput,
                fmt::format("{}: has {} bytes beside its weights and {} entries of metadata, at most {} and {} are "
                            "read",
                            where, n_structure, scan.n_entries, kMostStructureBytes, kMostMetadataEntries));
}

}  // namespace polytask::exchange
