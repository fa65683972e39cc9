// Answers a text, or a pair, with every task of a package, from C. Links libpolytask: polytask::c in CMake, or
//   cc answer.c -o answer_c $(pkg-config --cflags --libs polytask)
#include <polytask/polytask.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    fprintf(stderr, "usage: answer_c PACKAGE TEXT [SECOND-TEXT]\n");
    return 2;
  }
  polytask_model* model = NULL;
  int code = polytask_open(argv[1], NULL, 0, &model);  // precision and threads: the defaults
  if (code != POLYTASK_OK) {
    fprintf(stderr, "answer_c: %s\n", polytask_last_error());
    return code;
  }

  polytask_text texts[2];
  size_t n_texts = 0;
  for (int i = 2; i < argc; ++i) {
    texts[n_texts].bytes = argv[i];
    texts[n_texts].n_bytes = strlen(argv[i]);
    ++n_texts;
  }
  char* answer = NULL;
  code = polytask_answer(model, texts, n_texts, NULL, &answer);  // all tasks that read so many texts
  if (code == POLYTASK_OK)
    printf("%s\n", answer);
  else
    fprintf(stderr, "answer_c: %s\n", polytask_last_error());

  polytask_free_answer(answer);
  polytask_close(model);
  return code;
}
