#include "model/safetensors.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace polytask::model {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little endian, and so are we");

constexpr std::size_t kHeaderLengthBytes = 8;
constexpr std::uint64_t kLargestHeader = 100'000'000;  // as the reference implementation

struct DTypeName {
  DType dtype;
  std::string_view name;
  std::size_t size_bytes;
};
constexpr DTypeName kDTypes[] = {{DType::F32, "F32", 4}, {DType::F16, "F16", 2}, {DType::BF16, "BF16", 2},
                                 {DType::F64, "F64", 8}, {DType::I64, "I64", 8}, {DType::I32, "I32", 4},
                                 {DType::U8, "U8", 1},   {DType::I8, "I8", 1},   {DType::Bool, "BOOL", 1}};

DTypeName const& entry_of(DType dtype) {
  auto const found =
      std::find_if(std::begin(kDTypes), std::end(kDTypes), [&](auto const& entry) { return entry.dtype == dtype; });
  expects(found != std::end(kDTypes), "every dtype has a name");
  return *found;
}

float float_of_half(std::uint16_t half) {
  std::uint32_t const sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
  std::uint32_t exponent = (half >> 10) & 0x1FU;
  std::uint32_t fraction = half & 0x3FFU;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000U | (fraction << 13));
  if (exponent == 0) {
    float const value = static_cast<float>(fraction) * 0x1.0p-24F;
    return sign == 0 ? value : -value;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
}

template <typename T>
T read_as(std::byte const* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// Reads one entry of the header; `where` starts every message.
class HeaderReader {
 public:
  HeaderReader(std::string_view where, std::span<std::byte const> data) : where_(where), data_(data) {}

  std::map<std::string, TensorView> read(Json const& header) {
    if (!header.is_object()) fail("its header is not a JSON object");
    std::map<std::string, TensorView> tensors;
    for (auto const& [name, value] : header.items())
      if (name != "__metadata__") tensors.emplace(name, read_tensor(name, value));
    check_layout(tensors);
    return tensors;
  }

 private:
  [[noreturn]] void fail(std::string const& reason) const {
    throw Error(ErrorCode::InvalidInput,
                fmt::format("{}: {}; the file is damaged or not a safetensors file, get it again", where_, reason));
  }

  TensorView read_tensor(std::string const& name, Json const& value) const {
    if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") || !value.contains("data_offsets") ||
        !value["dtype"].is_string() || !value["shape"].is_array() || !value["data_offsets"].is_array())
      fail(fmt::format("tensor {} lacks \"dtype\", \"shape\" or \"data_offsets\"", quote(name)));
    auto const dtype = value["dtype"].get<std::string>();
    auto const known =
        std::find_if(std::begin(kDTypes), std::end(kDTypes), [&](auto const& entry) { return entry.name == dtype; });
    if (known == std::end(kDTypes))
      throw Error(
          ErrorCode::InvalidInput,
          fmt::format("{}: tensor {} has dtype {}, which is not supported (F32, F16, BF16, F64 and integers are)",
                      where_, quote(name), quote(dtype)));
    TensorView view{.dtype = known->dtype};
    std::uint64_t n_bytes = known->size_bytes;
    for (auto const& dimension : value["shape"]) {
      if (!dimension.is_number_unsigned())
        fail(fmt::format("tensor {} has a dimension that is not a whole number of at least 0", quote(name)));
      auto const size = dimension.get<std::uint64_t>();
      constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
      if (size > kLargest || (size != 0 && n_bytes > kLargest / size))
        fail(fmt::format("tensor {} has more elements than any file can hold", quote(name)));
      n_bytes *= size;
      view.shape.push_back(static_cast<std::int64_t>(size));
    }
    auto const& offsets = value["data_offsets"];
    if (offsets.size() != 2 || !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned())
      fail(fmt::format("tensor {} has \"data_offsets\" that are not two whole numbers", quote(name)));
    auto const begin = offsets[0].get<std::uint64_t>();
    auto const end = offsets[1].get<std::uint64_t>();
    if (begin > end || end > data_.size())
      fail(fmt::format("tensor {} lies at bytes {} to {}, the file holds {} bytes of data", quote(name), begin, end,
                       data_.size()));
    if (end - begin != n_bytes)
      fail(fmt::format("tensor {} of shape [{}] and dtype {} needs {} bytes, its offsets give {}", quote(name),
                       fmt::join(view.shape, ", "), dtype, n_bytes, end - begin));
    view.bytes = data_.subspan(begin, n_bytes);
    return view;
  }

  void check_layout(std::map<std::string, TensorView> const& tensors) const {
    std::vector<std::pair<std::byte const*, std::string const*>> order;
    for (auto const& [name, view] : tensors)
      if (!view.bytes.empty()) order.emplace_back(view.bytes.data(), &name);
    std::sort(order.begin(), order.end());
    std::byte const* expected = data_.data();
    for (auto const& [begin, name] : order) {
      if (begin < expected) fail(fmt::format("tensor {} overlaps another one", quote(*name)));
      if (begin > expected)
        fail(fmt::format("{} bytes before tensor {} belong to no tensor", begin - expected, quote(*name)));
      expected = begin + tensors.at(*name).bytes.size();
    }
    if (expected != data_.data() + data_.size())
      fail(fmt::format("{} bytes at its end belong to no tensor", data_.data() + data_.size() - expected));
  }

  std::string_view where_;
  std::span<std::byte const> data_;
};

}  // namespace

std::size_t size_bytes(DType dtype) { return entry_of(dtype).size_bytes; }
std::string_view to_string(DType dtype) { return entry_of(dtype).name; }

std::vector<float> TensorView::to_floats() const {
  auto const size = size_bytes(dtype);
  std::vector<float> values(bytes.size() / size);
  if (values.empty()) return values;
  auto const convert = [&](auto const& float_at) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = float_at(bytes.data() + i * size);
  };
  switch (dtype) {
    case DType::F32: std::memcpy(values.data(), bytes.data(), bytes.size()); break;
    case DType::F16: convert([](std::byte const* at) { return float_of_half(read_as<std::uint16_t>(at)); }); break;
    case DType::BF16:
      convert([](std::byte const* at) {
        return std::bit_cast<float>(static_cast<std::uint32_t>(read_as<std::uint16_t>(at)) << 16);
      });
      break;
    case DType::F64: convert([](std::byte const* at) { return static_cast<float>(read_as<double>(at)); }); break;
    case DType::I64:
    case DType::I32:
    case DType::U8:
    case DType::I8:
    case DType::Bool:
      throw Error(
          ErrorCode::InvalidInput,
          fmt::format("a tensor of dtype {} was found where floating-point weights were expected", to_string(dtype)));
  }
  return values;
}

std::map<std::string, TensorView> parse_safetensors(std::span<std::byte const> file, std::string_view where) {
  auto const fail = [&](std::string const& reason) {
    throw Error(ErrorCode::InvalidInput,
                fmt::format("{}: {}; the file is damaged or not a safetensors file, get it again", where, reason));
  };
  if (file.size() < kHeaderLengthBytes) fail(fmt::format("is {} bytes long, too short for a header", file.size()));
  auto const header_bytes = read_as<std::uint64_t>(file.data());
  if (header_bytes > kLargestHeader)
    fail(fmt::format("says that its header is {} bytes long; at most {} are read", header_bytes, kLargestHeader));
  if (header_bytes > file.size() - kHeaderLengthBytes)
    fail(fmt::format("says that its header is {} bytes long, but only {} follow", header_bytes,
                     file.size() - kHeaderLengthBytes));
  std::string_view const text(reinterpret_cast<char const*>(file.data()) + kHeaderLengthBytes, header_bytes);
  if (!text.starts_with('{')) fail("its header does not start with \"{\"");
  auto const header = parse_json(text, fmt::format("{}: header", where), {.max_depth = 8, .max_bytes = kLargestHeader});
  return HeaderReader(where, file.subspan(kHeaderLengthBytes + header_bytes)).read(header.value());
}

struct SafetensorsFile::Mapping {
  void* address = nullptr;
  std::size_t n_bytes = 0;
  std::map<std::string, TensorView> tensors;
  Mapping() = default;
  Mapping(Mapping const&) = delete;
  Mapping& operator=(Mapping const&) = delete;
  ~Mapping() {
    if (address != nullptr) ::munmap(address, n_bytes);
  }
};

SafetensorsFile::SafetensorsFile(std::unique_ptr<Mapping> mapping) : mapping_(std::move(mapping)) {}
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&&) noexcept = default;
SafetensorsFile::~SafetensorsFile() = default;
std::map<std::string, TensorView> const& SafetensorsFile::tensors() const noexcept { return mapping_->tensors; }

void SafetensorsFile::copied(TensorView const& tensor) const noexcept {
  auto const page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  auto const address = reinterpret_cast<std::uintptr_t>(tensor.bytes.data());
  auto const first = (address + page - 1) / page * page;
  auto const last = (address + tensor.bytes.size()) / page * page;
  // Whole pages of it alone. That it may fail costs memory and nothing else.
  if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

SafetensorsFile SafetensorsFile::open(std::filesystem::path const& path) {
  int const descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe is no file
  if (descriptor < 0)
    throw Error(errno == ENOENT ? ErrorCode::NotFound : ErrorCode::InvalidInput,
                fmt::format("{}: cannot be opened ({}); check the path and its permissions", path.string(),
                            std::strerror(errno)));
  auto mapping = std::make_unique<Mapping>();
  struct stat status {};
  bool const is_file = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  mapping->n_bytes = is_file ? static_cast<std::size_t>(status.st_size) : 0;
  if (mapping->n_bytes > 0) {
    void* const address = ::mmap(nullptr, mapping->n_bytes, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (address != MAP_FAILED) mapping->address = address;
  }
  ::close(descriptor);
  if (mapping->address == nullptr)
    throw Error(ErrorCode::InvalidInput, fmt::format("{}: is {}; a safetensors file was expected", path.string(),
                                                     is_file ? "empty or cannot be mapped into memory" : "not a file"));
  mapping->tensors =
      parse_safetensors({static_cast<std::byte const*>(mapping->address), mapping->n_bytes}, path.string());
  return SafetensorsFile(std::move(mapping));
}

void write_safetensors(std::filesystem::path const& path, std::vector<TensorToWrite> tensors,
                       std::map<std::string, std::string> const& metadata) {
  std::sort(tensors.begin(), tensors.end(), [](auto const& a, auto const& b) { return a.name < b.name; });
  OrderedJson header = OrderedJson::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t offset = 0;
  for (auto const& tensor : tensors) {
    std::size_t n_bytes = size_bytes(tensor.dtype);
    for (auto const dimension : tensor.shape) n_bytes *= static_cast<std::size_t>(dimension);
    expects(n_bytes == tensor.bytes.size(), "a tensor's bytes fit its shape");
    expects(!header.contains(tensor.name), "every tensor of a file has a name of its own");
    header[tensor.name] = {
        {"dtype", to_string(tensor.dtype)}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + n_bytes}}};
    offset += n_bytes;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the data is aligned, as the reference implementation does
  std::uint64_t const header_bytes = text.size();
  AtomicFile file(path);
  file.write({reinterpret_cast<char const*>(&header_bytes), sizeof header_bytes});
  file.write(text);
  for (auto const& tensor : tensors)
    file.write({reinterpret_cast<char const*>(tensor.bytes.data()), tensor.bytes.size()});
  file.commit();
}

}  // namespace polytask::model
