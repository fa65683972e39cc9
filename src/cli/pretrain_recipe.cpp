#include "cli/pretrain_recipe.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "cli/internal/project_section.h"
#include "cli/internal/yaml_document.h"
#include "cli/shipped_encoders.h"

namespace polytask::cli {
namespace {

namespace fs = std::filesystem;

std::vector<std::pair<std::string, data::TextUnit>> const kUnits{
    {"document", data::TextUnit::Document}, {"line", data::TextUnit::Line}, {"sentence", data::TextUnit::Sentence}};
std::vector<std::pair<std::string, train::Schedule>> const kSchedules{
    {"linear", train::Schedule::Linear}, {"cosine", train::Schedule::Cosine}, {"constant", train::Schedule::Constant}};
std::vector<std::pair<std::string, train::VectorLoss>> const kVectorLosses{
    {"cosine", train::VectorLoss::Cosine}, {"mean_square", train::VectorLoss::MeanSquare}};

template <typename Value>
std::string word_of(std::vector<std::pair<std::string, Value>> const& words, Value value) {
  for (auto const& [word, meaning] : words)
    if (meaning == value) return word;
  return "";
}

void flag(Section& section, std::string const& key, bool& value) {
  section.choice<bool>(key, value, {{"true", true}, {"false", false}});
}

/// The encoder's folder that the recipe names, and its very `word`.
std::optional<fs::path> encoder_in(Section& section, std::string const& key, fs::path const& folder,
                                   std::string& word) {
  section.text(key, word);
  if (word.empty()) return std::nullopt;
  return encoder_folder(word, folder == "." ? fs::path(word) : folder / word);
}

void read_source(std::string const& name, YAML::Node const& node, fs::path const& folder, Findings& findings,
                 PretrainRecipe& recipe) {
  Section section(node, "texts." + name, findings);
  data::TextSource source{.name = name};
  std::vector<std::string> files;
  section.texts("files", files);
  for (auto const& file : files) source.files.push_back(folder == "." ? fs::path(file) : folder / file);
  if (files.empty()) section.missing("files", "name at least one");
  section.text("column", source.column);
  section.text("teacher_column", source.teacher_column);
  section.choice("unit", source.unit, kUnits);
  if (section.number("share", source.share) && source.share <= 0)
    findings.add(section.get("share"),
                 fmt::format("\"texts.{}.share\" is {}; expected a number above 0", name, source.share));
  flag(section, "teach", source.teach);
  section.text("licence", source.licence);
  section.finish();
  recipe.sources.push_back(std::move(source));
}

void read_encoder(YAML::Node const& node, fs::path const& folder, Findings& findings, PretrainRecipe& recipe) {
  auto& config = recipe.config;
  Section section(node, "encoder", findings);
  config.from = encoder_in(section, "from", folder, recipe.from.word);
  std::vector<std::string> kept;
  section.texts("layers_kept", kept);
  for (auto const& word : kept) {
    std::int64_t layer = 0;
    if (YAML::convert<std::int64_t>::decode(YAML::Node(word), layer))
      config.from_layers.push_back(layer);
    else
      section.wrong(YAML::Node(word), "layers_kept", "whole numbers from 0");
  }
  section.whole("layers", config.shape.layers);
  section.whole("hidden_size", config.shape.hidden_size);
  section.whole("heads", config.shape.heads);
  section.whole("intermediate_size", config.shape.intermediate_size);
  section.whole("max_positions", config.shape.max_positions);
  section.finish();
}

void read_vocabulary(YAML::Node const& node, fs::path const& folder, Findings& findings, PretrainRecipe& recipe) {
  Section section(node, "vocabulary", findings);
  auto& vocabulary = recipe.config.vocabulary;
  section.whole("size", vocabulary.size);
  vocabulary.folder = encoder_in(section, "folder", folder, recipe.vocabulary.word);
  flag(section, "replace", vocabulary.replace);
  section.whole("keep", vocabulary.keep);
  section.texts("learn_from", vocabulary.learn_from);
  section.whole("add", vocabulary.add);
  flag(section, "lowercase", vocabulary.lowercase);
  flag(section, "strip_accents", vocabulary.strip_accents);
  section.whole("max_alphabet", vocabulary.max_alphabet);
  section.whole("min_frequency", vocabulary.min_frequency);
  section.finish();
}

void read_teacher(YAML::Node const& node, fs::path const& folder, Findings& findings, PretrainRecipe& recipe) {
  Section section(node, "teacher", findings);
  auto& teacher = recipe.config.distillation;
  teacher.teacher = encoder_in(section, "folder", folder, recipe.teacher.word);
  section.number("vectors", teacher.vectors);
  section.choice("vector_loss", teacher.vector_loss, kVectorLosses);
  section.number("relations", teacher.relations);
  section.whole("relation_heads", teacher.relation_heads);
  section.number("hidden_states", teacher.hidden_states);
  section.number("unmasked", teacher.unmasked);
  section.whole("max_length", teacher.max_length);
  section.number("stored_gb", teacher.stored_gb);
  if (section.is_map() && !teacher.teacher)
    section.missing("folder", "name the teacher's folder in Hugging Face layout");
  section.finish();
}

void read_train(YAML::Node const& node, Findings& findings, train::PretrainConfig& config) {
  Section section(node, "train", findings);
  section.number("language_weight", config.language_weight);
  section.number("epochs", config.epochs);
  section.number("minutes", config.minutes);
  if (double rate = 0; section.number("learning_rate", rate)) config.learning_rate = rate;
  section.whole("batch_tokens", config.batch_tokens);
  section.whole("max_length", config.max_length);
  section.text("precision", config.precision);
  section.number("dropout", config.dropout);
  section.number("weight_decay", config.weight_decay);
  section.number("warmup_ratio", config.warmup_ratio);
  section.choice("schedule", config.schedule, kSchedules);
  section.number("max_grad_norm", config.max_grad_norm);
  section.number("held_out", config.held_out);
  section.whole("held_out_tokens", config.held_out_tokens);
  section.whole("evaluations", config.evaluations);
  section.finish();
}

void read_root(YAML::Node const& root, fs::path const& folder, NamedEncoders const& named, Findings& findings,
               PretrainRecipe& recipe) {
  Section section(root, "", findings);
  Section texts(section.get("texts"), "texts", findings);
  for (auto const& [name, node] : texts.entries()) read_source(name, node, folder, findings, recipe);
  read_encoder(section.get("encoder"), folder, findings, recipe);
  read_vocabulary(section.get("vocabulary"), folder, findings, recipe);
  auto const& learn_from = recipe.config.vocabulary.learn_from;
  for (auto const& name : learn_from)
    if (std::none_of(recipe.sources.begin(), recipe.sources.end(),
                     [&](auto const& source) { return source.name == name; }))
      findings.add(section.get("vocabulary"),
                   fmt::format("vocabulary.learn_from names {}, which is none of the texts", quote(name)));
  Section masking(section.get("masking"), "masking", findings);
  masking.number("rate", recipe.config.masking.rate);
  masking.number("as_mask", recipe.config.masking.as_mask);
  masking.number("as_random", recipe.config.masking.as_random);
  flag(masking, "whole_words", recipe.config.masking.whole_words);
  masking.finish();
  read_teacher(section.get("teacher"), folder, findings, recipe);
  read_train(section.get("train"), findings, recipe.config);
  std::vector<std::string> probes;
  section.texts("probe", probes);
  for (auto const& file : probes) recipe.probes.push_back(folder == "." ? fs::path(file) : folder / file);
  section.text("stored", recipe.config.stored);
  section.whole("seed", recipe.config.seed);
  section.finish();
  if (named.from) recipe.config.from = named.from, recipe.from.word = named.from->string();
  if (named.teacher) recipe.config.distillation.teacher = named.teacher, recipe.teacher.word = named.teacher->string();
  for (auto const& problem : train::problems(recipe.config))
    findings.add(node_at(root, problem.where), fmt::format("{} {}", problem.where, problem.message));
}

}  // namespace

PretrainRecipe parse_recipe(std::string_view yaml, fs::path const& file, fs::path const& data_folder,
                            std::vector<std::string> const& overrides, NamedEncoders const& named) {
  PretrainRecipe recipe;
  read_document({yaml, file, "recipe"}, overrides, [&](YAML::Node const& root, Findings& findings) {
    read_root(root, data_folder, named, findings, recipe);
  });
  return recipe;
}

PretrainRecipe read_recipe(fs::path const& file, fs::path const& data_folder, std::vector<std::string> const& overrides,
                           NamedEncoders const& named) {
  std::string text;
  try {
    text = read_file(file, kLargestDocument + 1);
  } catch (Error const& error) {
    throw Error(
        ErrorCode::InvalidUsage,
        fmt::format("{}; a recipe is a YAML file (docs/reference/pretraining.md), or leave it out and name texts "
                    "with --texts FILE",
                    error.what()));
  }
  return parse_recipe(text, file, data_folder, overrides, named);
}

PretrainRecipe with_encoders(PretrainRecipe recipe, std::function<std::stop_token()> const& on_download) {
  for (auto const& [folder, encoder] :
       {std::pair(&recipe.config.from, &recipe.from), std::pair(&recipe.config.distillation.teacher, &recipe.teacher),
        std::pair(&recipe.config.vocabulary.folder, &recipe.vocabulary)}) {
    if (!*folder) continue;
    auto source = encoder_source(encoder->word, **folder, on_download);
    *folder = std::move(source.folder);
    if (source.hub) encoder->hub = std::move(source.hub);
  }
  return recipe;
}

OrderedJson effective_recipe(PretrainRecipe const& recipe) {
  auto const& config = recipe.config;
  OrderedJson json;
  json["texts"] = OrderedJson::object();
  for (auto const& source : recipe.sources) {
    auto& of_source = json["texts"][source.name] = OrderedJson::object();
    of_source["files"] = OrderedJson::array();
    for (auto const& file : source.files) of_source["files"].push_back(file.filename().string());
    of_source["column"] = source.column;
    of_source["teacher_column"] = source.teacher_column;
    of_source["unit"] = word_of(kUnits, source.unit);
    of_source["share"] = source.share;
    of_source["teach"] = source.teach;
    of_source["licence"] = source.licence;
  }
  json["encoder"] = {{"from", config.from ? name_of_encoder(*config.from, recipe.from.hub) : ""},
                     {"layers_kept", config.from_layers},
                     {"layers", config.shape.layers},
                     {"hidden_size", config.shape.hidden_size},
                     {"heads", config.shape.heads},
                     {"intermediate_size", config.shape.intermediate_size},
                     {"max_positions", config.shape.max_positions}};
  auto const& vocabulary = config.vocabulary;
  json["vocabulary"] = {{"size", vocabulary.size},
                        {"folder", vocabulary.folder ? name_of_encoder(*vocabulary.folder, recipe.vocabulary.hub) : ""},
                        {"replace", vocabulary.replace},
                        {"keep", vocabulary.keep},
                        {"learn_from", vocabulary.learn_from},
                        {"add", vocabulary.add},
                        {"lowercase", vocabulary.lowercase},
                        {"strip_accents", vocabulary.strip_accents},
                        {"max_alphabet", vocabulary.max_alphabet},
                        {"min_frequency", vocabulary.min_frequency}};
  json["masking"] = {{"rate", config.masking.rate},
                     {"as_mask", config.masking.as_mask},
                     {"as_random", config.masking.as_random},
                     {"whole_words", config.masking.whole_words}};
  auto const& teacher = config.distillation;
  if (teacher.teacher)
    json["teacher"] = {{"folder", name_of_encoder(*teacher.teacher, recipe.teacher.hub)},
                       {"vectors", teacher.vectors},
                       {"vector_loss", word_of(kVectorLosses, teacher.vector_loss)},
                       {"relations", teacher.relations},
                       {"relation_heads", teacher.relation_heads},
                       {"hidden_states", teacher.hidden_states},
                       {"unmasked", teacher.unmasked},
                       {"max_length", teacher.max_length}};
  json["train"] = {{"language_weight", config.language_weight},
                   {"epochs", config.epochs},
                   {"minutes", config.minutes},
                   {"learning_rate", config.effective_learning_rate()},
                   {"batch_tokens", config.batch_tokens},
                   {"max_length", config.max_length},
                   {"precision", config.precision},
                   {"dropout", config.dropout},
                   {"weight_decay", config.weight_decay},
                   {"warmup_ratio", config.warmup_ratio},
                   {"schedule", word_of(kSchedules, config.schedule)},
                   {"max_grad_norm", config.max_grad_norm},
                   {"held_out", config.held_out},
                   {"held_out_tokens", config.held_out_tokens},
                   {"evaluations", config.evaluations}};
  json["stored"] = config.stored;
  json["seed"] = config.seed;
  return json;
}

}  // namespace polytask::cli
