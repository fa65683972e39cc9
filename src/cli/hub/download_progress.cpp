#include "cli/hub/download_progress.h"

#include <fmt/format.h>

namespace polytask::cli {
namespace {

constexpr std::chrono::seconds kRecent{15};

double seconds_between(std::chrono::steady_clock::time_point a, std::chrono::steady_clock::time_point b) {
  return std::chrono::duration<double>(b - a).count();
}

}  // namespace

void DownloadProgress::show(hub::FetchPlan const& plan) {
  line_.print(fmt::format("encoder {} (commit {} of {}): {} to download into {}", to_string(plan.name),
                          plan.commit.substr(0, 12), plan.endpoint, size_text(plan.n_bytes), cache_.string()));
  for (auto const& file : plan.files)
    line_.print(fmt::format("  {}: {}{}", file.name, size_text(file.size),
                            file.n_present > 0 ? fmt::format(", {} of it are here", size_text(file.n_present)) : ""));
}

void DownloadProgress::show(hub::FetchProgress const& progress) {
  auto const now = Clock::now();
  if (recent_.empty()) start_ = now, n_at_start_ = progress.n_done;
  if (progress.n_done < n_done_) recent_.clear();  // a file begins again
  n_done_ = progress.n_done;
  if (recent_.empty() || now - recent_.back().time > std::chrono::milliseconds(200))
    recent_.push_back({now, progress.n_done});
  while (now - recent_.front().time > kRecent && recent_.size() > 2) recent_.pop_front();
  if (now - start_ < std::chrono::seconds(1) || !line_.is_due()) return;  // it may be done at once
  auto text = fmt::format("{}: {} of {}", progress.file, size_text(progress.n_done), size_text(progress.n_total));
  auto const seconds = seconds_between(recent_.front().time, now);
  auto const n_bytes = static_cast<double>(progress.n_done - recent_.front().n_done);
  if (seconds > 1 && n_bytes > 0)
    text += fmt::format("  {}/s  {} left", size_text(static_cast<std::uint64_t>(n_bytes / seconds)),
                        duration_text(static_cast<double>(progress.n_total - progress.n_done) * seconds / n_bytes));
  line_.show(text);
}

void DownloadProgress::finish() {
  line_.finish();
  if (n_done_ <= n_at_start_) return;
  line_.print(fmt::format("downloaded {} in {}", size_text(n_done_ - n_at_start_),
                          duration_text(seconds_between(start_, Clock::now()))));
}

}  // namespace polytask::cli
