"""Answers texts with ONNX Runtime from a folder that `polytask export --format onnx` wrote. Runs in the interpreter that
has onnx, onnxruntime, numpy and tokenizers; prints JSON.

usage: onnx_reference.py FOLDER ANSWERS

ANSWERS are texts with the engine's logits (tests/agreement/onnx_packages.cpp). Printed is, of each task, how many logits
were compared, the largest difference of the two, and the largest logit; and what the model's metadata has.
"""
import json
import os
import sys

import numpy as np
import onnx
import onnxruntime
import tokenizers

FOLDER, ANSWERS = sys.argv[1:]
PATH = os.path.join(FOLDER, 'model.onnx')
PADDING = 3  # columns beyond the longest text: what stands in them must not matter
POSITIONS = 64  # of the encoder


def batch_of(rows):
    length = min(max(len(row['ids']) for row in rows) + PADDING, POSITIONS)
    # The padding's own ids and types are the hardest there are.
    ids, types = np.full((len(rows), length), 7, np.int64), np.ones((len(rows), length), np.int64)
    mask = np.zeros((len(rows), length), np.int64)
    for i, row in enumerate(rows):
        n = len(row['ids'])
        ids[i, :n], types[i, :n], mask[i, :n] = row['ids'], row['types'], 1
    return {'input_ids': ids, 'attention_mask': mask, 'token_type_ids': types}


class Comparison:
    def __init__(self):
        self.n, self.most, self.largest = 0, 0.0, 0.0

    def add(self, found, expected):
        found, expected = np.asarray(found, np.float64).ravel(), np.asarray(expected, np.float64)
        assert found.shape == expected.shape, (found.shape, expected.shape)
        if not found.size:
            return
        self.n += found.size
        self.most = max(self.most, float(np.abs(found - expected).max()))
        self.largest = max(self.largest, float(np.abs(expected).max()))


def outputs_by_task(metadata):
    """Task -> output, from the metadata alone, as a reader of the file would find them."""
    start, end = 'polytask.tasks.', '.task.json'
    return {json.loads(text)['name']: 'logits.' + key[len(start):-len(end)]
            for key, text in metadata.items() if key.startswith(start)}


def compare(session, outputs, examples, batch_sizes, compared):
    """Examples with the same tasks, in batches."""
    apart = len(examples[0]['rows']) == 2
    for size in batch_sizes:
        for first in range(0, len(examples), size):
            part = examples[first:first + size]
            rows = [row for example in part for row in example['rows']]
            if apart:
                rows.append(rows[0])  # an odd last row is left out
            tasks = list(part[0]['logits'])
            found = session.run([outputs[task] for task in tasks], batch_of(rows))
            for task, values in zip(tasks, found):
                assert len(values) == (len(part) if apart else len(rows)), (task, values.shape)
                for example, value in zip(part, values):
                    if value.ndim == 2:  # a tagging answers at every token, and a span
                        value = value[example['units']]
                    compared.setdefault(task, Comparison()).add(value, example['logits'][task])


def check_tokenizer(answers):
    tokenizer = tokenizers.Tokenizer.from_file(os.path.join(FOLDER, 'tokenizer.json'))
    for example in answers:
        encoded = [tokenizer.encode(text) for text in example['texts']] if len(example['rows']) == 2 else [tokenizer.encode(*example['texts'])]
        for row, found in zip(example['rows'], encoded):
            if len(row['ids']) < POSITIONS:  # else it was cut
                assert (found.ids, found.type_ids) == (row['ids'], row['types']), example['texts']


def main():
    onnx.checker.check_model(PATH, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(PATH, options, providers=['CPUExecutionProvider'])
    metadata = session.get_modelmeta().custom_metadata_map
    outputs = outputs_by_task(metadata)
    with open(ANSWERS, encoding='utf-8') as file:
        answers = json.load(file)
    check_tokenizer(answers)
    groups = {}
    for example in answers:
        example['logits'] = {task: logits for task, logits in example['logits'].items() if task in outputs}
        if example['logits']:
            groups.setdefault((tuple(example['logits']), len(example['rows'])), []).append(example)
    compared = {}
    for examples in groups.values():
        compare(session, outputs, examples, (1, 3, len(examples)), compared)
    one_text = batch_of(answers[0]['rows'])
    shapes = {output.name: list(session.run([output.name], one_text)[0].shape) for output in session.get_outputs()}
    print(json.dumps({
        'tasks': {task: {'n': one.n, 'difference': one.most, 'largest': one.largest} for task, one in compared.items()},
        'inputs': {value.name: value.shape for value in session.get_inputs()},
        'outputs': {value.name: value.shape for value in session.get_outputs()},
        'shapes_of_one_text': shapes, 'metadata': sorted(metadata), 'version': metadata['polytask.version'],
        'libraries': {library.__name__: library.__version__ for library in (onnx, onnxruntime)}}))


if __name__ == '__main__':
    main()
