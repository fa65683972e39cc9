// Named tensors in a file: the safetensors format (https://github.com/huggingface/safetensors, README "Format").
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace polytask::model {

enum class DType { F32, F16, BF16, F64, I64, I32, U8, I8, Bool };
[[nodiscard]] std::size_t size_bytes(DType dtype);
[[nodiscard]] std::string_view to_string(DType dtype);

struct TensorView {
  DType dtype = DType::F32;
  std::vector<std::int64_t> shape;
  std::span<std::byte const> bytes;  ///< row-major, little endian; lives as long as its file
  /// As float32, converting from F16, BF16 or F64. Throws Error{InvalidInput} for integer types.
  [[nodiscard]] std::vector<float> to_floats() const;
};

/// A safetensors file mapped into memory, checked before use: header size and offsets inside the file, no overlap, no
/// hole, sizes that fit shape and dtype. Immutable; safe to share between threads.
class SafetensorsFile {
 public:
  /// Throws Error{NotFound} or Error{InvalidInput} naming the file, the tensor, what was found and what was expected.
  static SafetensorsFile open(std::filesystem::path const& path);
  SafetensorsFile(SafetensorsFile&&) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) noexcept;
  ~SafetensorsFile();
  [[nodiscard]] std::map<std::string, TensorView> const& tensors() const noexcept;
  /// Says that one of them has been copied: its pages leave memory, and come back from the file if it is read again.
  void copied(TensorView const& tensor) const noexcept;

 private:
  struct Mapping;
  SafetensorsFile(std::unique_ptr<Mapping> mapping);
  std::unique_ptr<Mapping> mapping_;
};

/// The tensors of a whole file in memory, checked as `open` does. `where` starts the messages.
[[nodiscard]] std::map<std::string, TensorView> parse_safetensors(std::span<std::byte const> file,
                                                                  std::string_view where);

/// One tensor to be written; the bytes are borrowed for the call.
struct TensorToWrite {
  std::string name;
  DType dtype = DType::F32;
  std::vector<std::int64_t> shape;
  std::span<std::byte const> bytes;
};

/// Writes atomically, tensors sorted by name, so that equal tensors give equal bytes. `metadata` becomes
/// "__metadata__" when not empty.
void write_safetensors(std::filesystem::path const& path, std::vector<TensorToWrite> tensors,
                       std::map<std::string, std::string> const& metadata = {});

}  // namespace polytask::model
