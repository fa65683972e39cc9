#include "model/safetensors.h"

#include <gmock/gmock.h>

#include <cstring>

#include "base/error.h"
#include "base/file.h"

namespace polytask::model {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

/// The bytes of a file with this header, its true length in front and `data` behind.
std::string file_of(std::string const& header, std::string const& data) {
  std::uint64_t const n_bytes = header.size();
  std::string file(sizeof n_bytes, '\0');
  std::memcpy(file.data(), &n_bytes, sizeof n_bytes);
  return file + header + data;
}

std::map<std::string, TensorView> parse(std::string const& file) {
  return parse_safetensors(std::as_bytes(std::span(file)), "m.safetensors");
}

std::string error_of(std::string const& file) {
  try {
    (void)parse(file);
  } catch (Error const& error) {
    EXPECT_EQ(exit_code(error.code()), 3);
    EXPECT_THAT(error.what(), testing::StartsWith("m.safetensors: "));
    return error.what();
  }
  return "no error";
}

/// One tensor "a" of two float32.
std::string header_with(std::string const& offsets, std::string const& more = "") {
  return R"({"a":{"dtype":"F32","shape":[2],"data_offsets":)" + offsets + "}" + more + "}";
}

TEST(Safetensors, RefuseAHeaderThatTheFileCannotHold) {
  std::string const huge("\0\0\0\0\0\0\0\x10", 8);  // 2^60
  EXPECT_THAT(error_of(huge), HasSubstr("says that its header is 1152921504606846976 bytes long; at most"));
  EXPECT_THAT(error_of(huge + "{}"), HasSubstr("1152921504606846976"));
  EXPECT_THAT(error_of(std::string("\x09\0\0\0\0\0\0\0{}", 10)),
              HasSubstr("says that its header is 9 bytes long, but only 2 follow"));
  EXPECT_THAT(error_of("short"), HasSubstr("is 5 bytes long, too short for a header"));
  EXPECT_THAT(error_of(file_of("[]", "")), HasSubstr("does not start with \"{\""));
  EXPECT_THAT(error_of(file_of("{\"a\":", "")), HasSubstr("not valid JSON"));
}

TEST(Safetensors, RefuseOverlapsHolesAndRests) {
  std::string const eight(8, '\0');
  EXPECT_EQ(error_of(file_of(header_with("[0,8]"), eight)), "no error");
  auto const b_at = [](std::string const& offsets) {
    return R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":)" + offsets + "}";
  };
  EXPECT_THAT(error_of(file_of(header_with("[0,8]", b_at("[4,8]")), eight)),
              HasSubstr("tensor \"b\" overlaps another one"));
  EXPECT_THAT(error_of(file_of(header_with("[0,8]", b_at("[9,13]")), eight + "12345")),
              HasSubstr("1 bytes before tensor \"b\" belong to no tensor"));
  EXPECT_THAT(error_of(file_of(header_with("[1,9]"), eight + "1")), HasSubstr("1 bytes before tensor \"a\""));
  EXPECT_THAT(error_of(file_of(header_with("[0,8]"), eight + "12")),
              HasSubstr("2 bytes at its end belong to no tensor"));
}

TEST(Safetensors, RefuseSizesThatDoNotFit) {
  std::string const eight(8, '\0');
  EXPECT_THAT(error_of(file_of(header_with("[0,8]"), eight.substr(1))),
              HasSubstr("lies at bytes 0 to 8, the file holds 7 bytes"));
  EXPECT_THAT(error_of(file_of(header_with("[0,4]"), eight.substr(4))), HasSubstr("needs 8 bytes, its offsets give 4"));
  EXPECT_THAT(error_of(file_of(header_with("[8,0]"), eight)), HasSubstr("lies at bytes 8 to 0"));
  EXPECT_THAT(error_of(file_of(header_with("[0]"), eight)), HasSubstr("not two whole numbers"));
  EXPECT_THAT(error_of(file_of(header_with("[-8,0]"), eight)), HasSubstr("not two whole numbers"));
  // 2^32 * 2^32 float32 are more than 64 bits count.
  EXPECT_THAT(error_of(file_of(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", "")),
              HasSubstr("more elements than any file can hold"));
  EXPECT_THAT(error_of(file_of(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,0]}})", "")),
              HasSubstr("not a whole number of at least 0"));
  EXPECT_THAT(error_of(file_of(R"({"a":{"dtype":"F32","shape":[0]}})", "")),
              HasSubstr("lacks \"dtype\", \"shape\" or \"data_offsets\""));
  EXPECT_THAT(error_of(file_of(R"({"a":{"dtype":"F8_E4M3","shape":[0],"data_offsets":[0,0]}})", "")),
              HasSubstr("has dtype \"F8_E4M3\", which is not supported"));
}

TEST(Safetensors, ReadEveryFloatingPointTypeAsFloat32) {
  auto const floats = [](std::string const& dtype, std::string const& data) {
    auto const n = std::to_string(data.size());
    std::string const file =
        file_of(R"({"a":{"dtype":")" + dtype + R"(","shape":[2],"data_offsets":[0,)" + n + "]}}", data);
    return parse(file).at("a").to_floats();
  };
  EXPECT_THAT(floats("F16", std::string("\x00\x3c\x01\x80", 4)),
              ElementsAre(1.0F, -0x1p-24F));  // one, and the smallest below zero
  EXPECT_THAT(floats("BF16", std::string("\x80\x3f\x20\xc0", 4)), ElementsAre(1.0F, -2.5F));
  EXPECT_THAT(floats("F32", std::string("\x00\x00\x80\x3f\x00\x00\x20\xc0", 8)), ElementsAre(1.0F, -2.5F));
  EXPECT_THAT(floats("F64", std::string("\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\x04\xc0", 16)), ElementsAre(1.0F, -2.5F));
  EXPECT_THROW(floats("I32", std::string(8, '\0')), Error);
}

TEST(Safetensors, AreReadAsTheyWereWritten) {
  auto const folder = fs::path(testing::TempDir()) / "polytask_safetensors_test";
  fs::create_directories(folder);
  std::vector<float> const weight{1.5F, -2, 3, 4, 5, 6};
  std::vector<std::int32_t> const steps{7};
  auto const write = [&](std::string const& name, std::vector<TensorToWrite> tensors) {
    write_safetensors(folder / name, std::move(tensors), {{"format", "pt"}});
    return read_file(folder / name);
  };
  TensorToWrite const a{"weight", DType::F32, {2, 3}, std::as_bytes(std::span(weight))};
  TensorToWrite const b{"steps", DType::I32, {}, std::as_bytes(std::span(steps))};
  TensorToWrite const c{"nothing", DType::F32, {0, 3}, {}};
  EXPECT_EQ(write("one.safetensors", {a, b, c}), write("two.safetensors", {c, b, a}))
      << "equal tensors give equal bytes";

  auto const file = SafetensorsFile::open(folder / "one.safetensors");
  ASSERT_EQ(file.tensors().size(), 3u);
  EXPECT_THAT(file.tensors().at("weight").shape, ElementsAre(2, 3));
  EXPECT_EQ(file.tensors().at("weight").to_floats(), weight);
  EXPECT_EQ(file.tensors().at("steps").dtype, DType::I32);
  EXPECT_TRUE(file.tensors().at("nothing").bytes.empty());

  write_file_atomically(folder / "empty.safetensors", "");
  EXPECT_THROW(SafetensorsFile::open(folder / "empty.safetensors"), Error);
  EXPECT_THROW(SafetensorsFile::open(folder), Error);
  EXPECT_THROW(SafetensorsFile::open(folder / "absent.safetensors"), Error);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace polytask::model
