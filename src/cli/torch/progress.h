// What a training run says while it works: one live line on a terminal, plain lines now and then elsewhere.
#pragma once

#include <chrono>
#include <string>

#include "cli/live_line.h"
#include "train/pretrainer.h"
#include "train/trainer.h"

namespace polytask::cli {

class Progress {
 public:
  void show(train::Plan const& plan);
  /// Training rows that have been made tokens.
  void show_preparing(std::size_t n_done, std::size_t n_rows);
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
  void finish() { line_.finish(); }

 private:
  LiveLine line_;
  std::int64_t n_steps_ = 0;
  std::map<std::string, double> losses_;  ///< smoothed
  std::chrono::steady_clock::time_point preparing_since_{};
  std::chrono::steady_clock::time_point teaching_since_{};
  std::size_t n_taught_before_ = 0;
};

}  // namespace polytask::cli
