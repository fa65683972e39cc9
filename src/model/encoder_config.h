// An encoder's architecture: what the config.json of any family that is built says, in one set of words.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace polytask::model {

/// Shares of values that training drops, where it does.
struct DropoutRates {
  double embeddings = 0.1;
  double attention = 0.1;  ///< of the shares that attention gives to tokens
  double attended = 0.1;   ///< of what attention adds to a state
  double inner = 0;        ///< inside the feed-forward half
  double output = 0.1;     ///< of what the feed-forward half adds
  bool operator==(DropoutRates const&) const = default;
};

/// How the tokens of one layer see one another.
struct LayerAttention {
  std::int64_t reach = 0;   ///< a token sees the tokens at most so many places away; 0 = all of its text
  double rotary_theta = 0;  ///< base of rotary positions (Su et al. 2021, arXiv:2104.09864); 0 = none
  bool operator==(LayerAttention const&) const = default;
};

/// Scores that depend on how far two tokens are apart (DeBERTa, He et al. 2021, arXiv:2006.03654, section 3.1).
struct RelativePositions {
  std::int64_t span = 512;          ///< distances -span .. span - 1 have a row each, in buckets or not
  std::int64_t buckets = 0;         ///< far distances share rows, as kernels::relative_row says; 0 = none do
  std::int64_t farthest = 512;      ///< the distance from which on all are one, where there are buckets
  bool content_to_position = true;  ///< a query looks at distances
  bool position_to_content = true;  ///< distances look at a key
  bool own_projections = false;     ///< distances have projections of their own, not those of query and key
  bool normalized = false;          ///< their table passes a LayerNorm
  bool operator==(RelativePositions const&) const = default;
};

/// What the first layer makes of each state is added to what a convolution makes of the states below it, a token and
/// its neighbours, and normalised (the larger DeBERTa v2; He et al. 2021, arXiv:2006.03654).
struct Convolution {
  std::int64_t width = 3;           ///< tokens that it sees at once, odd; zeros outside of a text
  std::string activation = "tanh";  ///< "tanh", or one of EncoderConfig::hidden_act
  bool operator==(Convolution const&) const = default;
};

enum class NormPlacement {
  After,  ///< after each half of a layer and its residual (Devlin et al. 2019, arXiv:1810.04805)
  Before  ///< before each half, and once after the last layer; the first layer's attention has none
};

/// Where embeddings of another width than the layers' are brought to it.
enum class Projection { AfterNorm, BeforeNorm };

struct EncoderConfig {
  std::string model_type = "bert";  ///< one of supported_model_types(): whose names and keys the files carry
  std::int64_t vocab_size = 30522;
  std::int64_t hidden_size = 384;
  std::int64_t num_hidden_layers = 6;
  std::int64_t num_attention_heads = 12;
  std::int64_t intermediate_size = 1536;
  std::int64_t max_position_embeddings = 512;  ///< as published; texts may have longest_text() tokens
  std::int64_t type_vocab_size = 2;            ///< 0 = no types; 1 = every token is of the one type
  double layer_norm_eps = 1e-12;
  double initializer_range = 0.02;
  std::string hidden_act = "gelu";  ///< "gelu" (erf), "gelu_new" (tanh), "relu"
  DropoutRates dropout;

  std::int64_t embedding_size = 0;  ///< width of the tables of words, positions and types; 0 = hidden_size
  Projection projection = Projection::AfterNorm;
  bool has_position_table = true;
  std::int64_t pad_token_id = 0;    ///< as published; nothing is padded here
  std::int64_t first_position = 0;  ///< row of that table for a text's first token
  NormPlacement norm_placement = NormPlacement::After;
  bool is_gated = false;  ///< the inner activation is multiplied by a second product (Shazeer 2020, arXiv:2002.05202)
  bool has_attention_bias = true;
  bool has_inner_bias = true;
  bool has_norm_bias = true;
  std::vector<LayerAttention> layer_attention = {};  ///< by layer; empty = LayerAttention{} in all
  std::optional<RelativePositions> relative = {};
  std::optional<Convolution> convolution = {};

  [[nodiscard]] std::int64_t table_width() const { return embedding_size > 0 ? embedding_size : hidden_size; }
  [[nodiscard]] bool is_projected() const { return table_width() != hidden_size; }
  [[nodiscard]] std::int64_t longest_text() const { return max_position_embeddings - first_position; }
  [[nodiscard]] LayerAttention attention_of(std::int64_t layer) const {
    return layer_attention.empty() ? LayerAttention{} : layer_attention[static_cast<std::size_t>(layer)];
  }
  /// Whether a pair's two texts in one sequence look different to it: a BERT of one token type cannot tell them apart,
  /// other families are trained without.
  [[nodiscard]] bool reads_pairs() const;
  bool operator==(EncoderConfig const&) const = default;
};

/// "bert", "distilbert", ...: all that is built.
[[nodiscard]] std::vector<std::string> supported_model_types();

/// Throws Error{NotFound, InvalidInput}: another model type, an activation or position type that is not built, sizes
/// that do not fit one another.
[[nodiscard]] EncoderConfig read_encoder_config(std::filesystem::path const& folder);
/// The same from text in memory; `where` starts the messages.
[[nodiscard]] EncoderConfig parse_encoder_config(std::string_view text, std::string const& where);
/// The text of a config.json.
[[nodiscard]] std::string encoder_config_text(EncoderConfig const& config);
void write_encoder_config(std::filesystem::path const& folder, EncoderConfig const& config);

/// One rate wherever the family drops anything.
void set_dropout(EncoderConfig& config, double rate);
/// The rate with which set_dropout would change nothing; nothing where there is none.
[[nodiscard]] std::optional<double> single_dropout(EncoderConfig const& config);

}  // namespace polytask::model
