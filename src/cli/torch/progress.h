// What a training run says while it works: one live line on a terminal, plain lines now and then elsewhere.
#pragma once

#include <chrono>
#include <string>

#include "train/pretrainer.h"
#include "train/trainer.h"

namespace polytask::cli {

class Progress {
 public:
  Progress();
  void show(train::Plan const& plan);
  /// Texts that have passed the frozen layers, of those that must.
  void show_filling(std::size_t n_done, std::size_t n_missing);
  void show(data::FrozenStates::Filled const& filled);
  void show(train::StepRecord const& record);
  void show(train::EvaluationRecord const& record);
  void show(train::PretrainPlan const& plan);
  /// Texts that the teacher has read, of those that it must.
  void show_teaching(std::size_t n_done, std::size_t n_missing);
  void show(train::PretrainStep const& record);
  void show(train::PretrainEvaluation const& record);
  void note(std::string const& sentence);
  /// Ends the live line.
  void finish();

 private:
  void print_line(std::string const& text);
  /// A line that the next one replaces, where there is a terminal.
  void print_live(std::string const& text);
  /// Whether it is time for another one.
  [[nodiscard]] bool is_due();
  bool is_terminal_;
  bool line_is_open_ = false;
  std::int64_t n_steps_ = 0;
  std::map<std::string, double> losses_;  ///< smoothed
  std::chrono::steady_clock::time_point last_;
  std::chrono::steady_clock::time_point teaching_since_{};
  std::size_t n_taught_before_ = 0;
};

/// "2 h 05 min", "3 min 10 s", "12 s".
[[nodiscard]] std::string duration_text(double seconds);

}  // namespace polytask::cli
