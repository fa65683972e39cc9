// An encoder before its pretraining, from a folder or from nothing, and after it.
#pragma once

#include <filesystem>
#include <string>

#include "nn/masked_language_model.h"
#include "train/internal/pretraining_texts.h"

namespace polytask::train {

/// Of the encoder that is gone on with, with the layers that are kept. Throws Error{InvalidUsage, InvalidInput} for
/// settings that it does not allow.
[[nodiscard]] model::EncoderConfig continued_config(PretrainConfig const& config);

/// Sizes of the encoder that is to be trained. Throws Error{InvalidUsage} for settings that the continued one does not
/// allow.
[[nodiscard]] model::EncoderConfig pretrained_config(PretrainConfig const& config, PretrainingTexts const& texts);

/// New weights, or those of the continued encoder and its head, for the tokens of a changed vocabulary made of their
/// old pieces.
void start_weights(nn::Encoder& encoder, nn::MaskedLanguageHead& head, PretrainConfig const& config,
                   PretrainingTexts const& texts, Rng& rng);

/// The head as an encoder's folder has it; where it has none, nothing changes.
void load_language_head(nn::MaskedLanguageHead& head, std::filesystem::path const& folder,
                        model::EncoderConfig const& config);

/// The encoder's folder with its head and tokenizer, and `record` as pretraining.json, put in place whole. Throws
/// Error{Unavailable}.
void write_pretrained(std::filesystem::path const& folder, nn::Encoder const& encoder,
                      nn::MaskedLanguageHead const& head, PretrainConfig const& config,
                      text::Tokenizer const& tokenizer, std::string const& record);

}  // namespace polytask::train
