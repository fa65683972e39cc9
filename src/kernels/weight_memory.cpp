#include "kernels/weight_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <new>

namespace polytask::kernels {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kChunk = 16 * kHugePage;  // only what is touched is taken from the system

constexpr std::size_t round_up(std::size_t n, std::size_t unit) { return (n + unit - 1) / unit * unit; }

}  // namespace

WeightMemory::~WeightMemory() {
  for (auto const& chunk : chunks_) ::munmap(chunk.begin, chunk.n_bytes);
}

void WeightMemory::give_back_rest() {
  constexpr std::size_t kPage = 4'096;
  if (chunks_.empty()) return;
  std::size_t const used = round_up(n_taken_, kPage);
  std::size_t const touched = std::min(round_up(n_taken_, kHugePage), chunks_.back().n_bytes);
  if (touched > used) ::madvise(chunks_.back().begin + used, touched - used, MADV_DONTNEED);
}

std::byte* WeightMemory::take(std::size_t n_bytes) {
  if (n_bytes > std::numeric_limits<std::size_t>::max() / 4) throw std::bad_alloc();
  n_bytes = round_up(n_bytes, kLine);
  if (chunks_.empty() || n_bytes > chunks_.back().n_bytes - n_taken_) {
    give_back_rest();
    chunks_.reserve(chunks_.size() + 1);
    std::size_t const size = std::max(round_up(n_bytes, kHugePage), kChunk);
    // The system gives any page of 4 KiB: what stands before and after the first whole huge page is given back.
    void* const mapped =
        ::mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    auto* const first = static_cast<std::byte*>(mapped);
    auto const address = reinterpret_cast<std::uintptr_t>(mapped);
    std::size_t const before = round_up(address, kHugePage) - address;
    if (before > 0) ::munmap(first, before);
    ::munmap(first + before + size, kHugePage - before);
    ::madvise(first + before, size, MADV_HUGEPAGE);  // where that fails pages are small, and all else is the same
    chunks_.push_back({first + before, size});
    n_taken_ = 0;
  }
  auto* const piece = chunks_.back().begin + n_taken_;
  n_taken_ += n_bytes;
  return piece;
}

}  // namespace polytask::kernels
