#!/usr/bin/env python3
"""Answers a text, or a pair, with every task of a package. Python's standard library alone.

usage: answer.py PACKAGE TEXT [SECOND-TEXT]

`Model` is all that a program needs: copy it. The library is found as the system finds libraries, or where the environment
variable POLYTASK_LIBRARY says. docs/guides/answers-in-your-program.md says more; engine/polytask.h says all.
"""
import ctypes
import json
import os
import sys


class PolytaskError(Exception):
    """What the library said; `code` is the exit code that the command would have."""

    def __init__(self, code, sentence):
        super().__init__(sentence)
        self.code = code


class Text(ctypes.Structure):
    _fields_ = [('bytes', ctypes.c_char_p), ('n_bytes', ctypes.c_size_t)]


class Options(ctypes.Structure):
    _fields_ = [('size', ctypes.c_size_t), ('precision', ctypes.c_char_p), ('n_threads', ctypes.c_int), ('long_texts', ctypes.c_char_p)]


class Model:
    """A package that was opened. Threads may share it; calls wait for one another.

    `long_texts='windows'` reads all of a text that is longer than the model was trained for; otherwise it is cut, and the
    answers say by how many tokens: answer['intent'].get('tokens_cut', 0).
    """

    def __init__(self, package, precision=None, threads=0, long_texts=None):
        pointer, text, names = ctypes.c_void_p, ctypes.POINTER(Text), ctypes.POINTER(ctypes.c_char_p)
        library = ctypes.CDLL(os.environ.get('POLYTASK_LIBRARY', 'libpolytask.so.0'))
        library.polytask_open_with.argtypes = ctypes.c_char_p, ctypes.POINTER(Options), ctypes.POINTER(pointer)
        library.polytask_answer_batch.argtypes = pointer, text, ctypes.c_size_t, ctypes.c_size_t, names, names
        library.polytask_n_tasks.argtypes, library.polytask_n_tasks.restype = [pointer], ctypes.c_size_t
        library.polytask_task_name.argtypes, library.polytask_task_name.restype = [pointer, ctypes.c_size_t], ctypes.c_char_p
        library.polytask_close.argtypes, library.polytask_close.restype = [pointer], None
        library.polytask_free_answer.argtypes, library.polytask_free_answer.restype = [ctypes.c_char_p], None
        library.polytask_last_error.restype = ctypes.c_char_p
        self.library, self.model = library, pointer()
        options = Options(ctypes.sizeof(Options), precision and precision.encode(), threads, long_texts and long_texts.encode())
        self.check(library.polytask_open_with(os.fsencode(package), ctypes.byref(options), ctypes.byref(self.model)))

    def check(self, code):
        if code:
            raise PolytaskError(code, self.library.polytask_last_error().decode())

    @property
    def tasks(self):
        return [self.library.polytask_task_name(self.model, i).decode() for i in range(self.library.polytask_n_tasks(self.model))]

    def answer_batch(self, rows, tasks=None):
        """{task: answer} for each row; rows are texts, or pairs of texts. `tasks` names some, None means all."""
        rows = [(row,) if isinstance(row, str) else tuple(row) for row in rows]
        n_texts = len(rows[0]) if rows else 1
        if any(len(row) != n_texts for row in rows):
            raise ValueError('rows are all texts, or all pairs')
        encoded = [text.encode(errors='surrogateescape') for row in rows for text in row]
        texts = (Text * len(encoded))(*(Text(text, len(text)) for text in encoded))
        names = None if tasks is None else (ctypes.c_char_p * (len(tasks) + 1))(*(task.encode() for task in tasks))
        answers = ctypes.c_char_p()
        self.check(self.library.polytask_answer_batch(self.model, texts, len(rows), n_texts, names, ctypes.byref(answers)))
        try:
            return [json.loads(line) for line in answers.value.splitlines()]
        finally:
            self.library.polytask_free_answer(answers)

    def answer(self, *texts, tasks=None):
        """{task: answer} of one text, or of two for a pair."""
        return self.answer_batch([texts], tasks)[0]

    def close(self):
        self.library.polytask_close(self.model)
        self.model = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    try:
        with Model(sys.argv[1]) as model:
            for task, answer in model.answer(*sys.argv[2:]).items():
                print(f'{task}: {json.dumps(answer, ensure_ascii=False)}')
    except PolytaskError as error:
        print(f'answer.py: {error}', file=sys.stderr)
        sys.exit(error.code)


if __name__ == '__main__':
    main()
