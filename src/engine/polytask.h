// The C interface of libpolytask: opens a package and answers texts, from any language that can call C.
//
//   polytask_model* model;
//   if (polytask_open("models/helpdesk-1", NULL, 0, &model) != POLYTASK_OK) fail(polytask_last_error());
//   polytask_text text = {"my card has not arrived", 23};
//   char* answer;
//   if (polytask_answer(model, &text, 1, NULL, &answer) == POLYTASK_OK) puts(answer);
//   polytask_free_answer(answer);
//   polytask_close(model);
//
// Errors. A function that can fail returns a polytask_code, and polytask_last_error() then has the sentence. What it
// would have given through a pointer is NULL. A null pointer where one is not allowed is POLYTASK_INVALID_USAGE. No C++
// exception leaves the library.
//
// Ownership. The caller frees models with polytask_close and answers with polytask_free_answer. Every other pointer
// that a function returns belongs to the library.
//
// Threads. Every function may be called from every thread. Calls that ask one model wait for one another; those that
// ask different models do not. A model must not be closed while another call uses it.
//
// Processes. After fork(), the child may ask a model that was opened with one thread, where no call was under way; it
// shares the weights with its parent. A model with more threads has left them behind: asking it is
// POLYTASK_INVALID_USAGE, and closing it does nothing.
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define POLYTASK_API __attribute__((visibility("default")))

/// What a function returns. The numbers are the exit codes of the command; a later version may return more of them.
enum polytask_code {
  POLYTASK_OK = 0,
  POLYTASK_INVALID_USAGE = 2,  ///< the call is wrong: a null pointer, an unknown precision or task
  POLYTASK_INVALID_INPUT = 3,  ///< the package is not there, damaged or changed; a text is too long
  POLYTASK_UNAVAILABLE = 10,   ///< it may work later: too little memory, no more threads
  POLYTASK_OUR_MISTAKE = 42    ///< a mistake of Polytask itself; please report the sentence
};

/// A package that was opened.
typedef struct polytask_model polytask_model;

/// A text in UTF-8; it need not end with a zero, and zeros in it count as characters. Every byte that is part of no
/// valid sequence is read as the character U+FFFD, as `predict --text` reads it, and counts as one. It may be empty
/// (`bytes` may be NULL then). At most 64 MiB. The model reads the first tokens, as many as it was trained for; the
/// answer says how many it did not read. Opened with "windows", it reads all of a single text, of at most 4 MiB. A
/// question and its context are 4 MiB at most.
typedef struct polytask_text {
  char const* bytes;
  size_t n_bytes;
} polytask_text;

/// Version of the library, "0.1.0".
POLYTASK_API char const* polytask_version(void);

/// Opens a package after reading all of it and checking every byte, as `polytask package verify` does.
/// folder:     of the package, as `polytask package` makes it
/// precision:  "f32" (as trained), "bf16" or "int8": the smaller, the faster, and a little less exact; NULL = as the
///             package was quantized, and f32 where it was not
/// n_threads:  that compute, the caller's among them, 1 to 1024; 0 = all cores that the process may use
/// model:      gets the model, or NULL
POLYTASK_API int polytask_open(char const* folder, char const* precision, int n_threads, polytask_model** model);

/// How a model is opened. Set all to zero (`= {0}`) and `size` to sizeof(polytask_options): what is zero is as
/// polytask_open has it, and a later version may have more at the end.
typedef struct polytask_options {
  size_t size;
  char const* precision;   ///< as of polytask_open
  int n_threads;           ///< as of polytask_open
  char const* long_texts;  ///< what becomes of a single text that is longer than the model was trained for: "cut" (NULL
                           ///< too), or "windows": it is read in overlapping windows whose answers become one
} polytask_options;

/// polytask_open with more options. options: NULL = all zero
POLYTASK_API int polytask_open_with(char const* folder, polytask_options const* options, polytask_model** model);

/// Ends the model and its threads. NULL is allowed.
POLYTASK_API void polytask_close(polytask_model* model);

/// The package's id, the SHA-256 of its manifest.json: which model it is that answers. "" for NULL.
/// Valid until the model is closed.
POLYTASK_API char const* polytask_package_id(polytask_model const* model);

/// Number of tasks that the model answers; 0 for NULL.
POLYTASK_API size_t polytask_n_tasks(polytask_model const* model);

/// Name of a task in UTF-8, in the model's order; NULL beyond the last. Valid until the model is closed.
POLYTASK_API char const* polytask_task_name(polytask_model const* model, size_t index);

/// Answers one text, a pair, or a text with its choices.
/// texts:   [n_texts]; of a pair, the first stands for the first column that a task was trained on (span: the
/// question);
///          of multiple choice, the first is the text, and the others are the choices
/// n_texts: 1, 2 for a pair, or 3 to 65 for a text and its choices
/// tasks:   names of the tasks that answer, a NULL after the last; NULL = all that read so many texts. A name that the
///          model does not have, or a named task that reads another number of texts, is POLYTASK_INVALID_USAGE; so is a
///          pair that two of the tasks would read in two orders, by the names of their columns.
/// answer:  gets one JSON object in UTF-8 that ends with a zero, {"intent": {"label": "refund", "score": 0.93}, ...}:
///          what `polytask predict` prints under "tasks". Spans count characters (code points), end exclusive. Where
///          tokens were cut away, the task's answer says how many: {"label": ..., "score": ..., "tokens_cut": 12}.
POLYTASK_API int polytask_answer(polytask_model const* model, polytask_text const* texts, size_t n_texts,
                                 char const* const* tasks, char** answer);

/// Answers many texts, pairs, or texts with choices, in one call, which is faster than one after another; each answer
/// is the same as alone. texts:   [n_rows][n_texts] n_texts: of each row: 1, 2 for pairs, or 3 to 65 for texts that
/// have as many choices each tasks:   as above answers: gets a line for each row, each what polytask_answer gives and
/// "\n"; empty for no rows. All rows are answered
///          or none: the sentence names the row whose text is wrong.
POLYTASK_API int polytask_answer_batch(polytask_model const* model, polytask_text const* texts, size_t n_rows,
                                       size_t n_texts, char const* const* tasks, char** answers);

/// Frees what polytask_answer or polytask_answer_batch gave. NULL is allowed.
POLYTASK_API void polytask_free_answer(char* answer);

/// Why the last call of this thread that failed did so: one sentence in UTF-8, without its final period; "" where none
/// has. Valid until this thread's next call that fails.
POLYTASK_API char const* polytask_last_error(void);

#ifdef __cplusplus
}
#endif
