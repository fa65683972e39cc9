"""A model as an ONNX file and back: what ONNX Runtime computes from it is what the engine computes."""
import json
import math
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

from support import ROOT, KilledAtEveryCall, Scenario

PACKAGES = os.environ['POLYTASK_ONNX_PACKAGES']  # writes packages of every kind with the engine's logits
REFERENCE = os.environ.get('POLYTASK_REFERENCE_PYTHON')  # an interpreter that has onnx and onnxruntime
MODELS = ['shared', 'shared-first', 'split', 'split-first', 'nothing-shared', 'tasks-apart']
TASKS = ['intent', 'topics', 'urgency', 'tone', 'Things & more', 'follows', 'distance', 'entails', 'duplicate', 'alike', 'where', 'pick']
TOLERANCE = 1e-4


def files_of(folder):
    found = {}
    for place, _, files in os.walk(folder):
        for name in files:
            with open(os.path.join(place, name), 'rb') as file:
                found[os.path.relpath(os.path.join(place, name), folder)] = file.read()
    return found


def write_large_classifier(project):
    """A classifier of some 60 MB as transformers would save it; its weights say nothing."""
    vocabulary, hidden, inner, positions, layers = 40000, 256, 1024, 128, 6
    shapes = {'classifier.weight': [2, hidden], 'classifier.bias': [2], 'bert.pooler.dense.weight': [hidden, hidden], 'bert.pooler.dense.bias': [hidden],
              'bert.embeddings.word_embeddings.weight': [vocabulary, hidden], 'bert.embeddings.position_embeddings.weight': [positions, hidden],
              'bert.embeddings.token_type_embeddings.weight': [2, hidden]}
    norms = ['bert.embeddings.LayerNorm']
    for layer in (f'bert.encoder.layer.{i}.' for i in range(layers)):
        linear = {'attention.self.query': [hidden, hidden], 'attention.self.key': [hidden, hidden], 'attention.self.value': [hidden, hidden],
                  'attention.output.dense': [hidden, hidden], 'intermediate.dense': [inner, hidden], 'output.dense': [hidden, inner]}
        for name, shape in linear.items():
            shapes.update({layer + name + '.weight': shape, layer + name + '.bias': shape[:1]})
        norms += [layer + 'attention.output.LayerNorm', layer + 'output.LayerNorm']
    for norm in norms:
        shapes.update({norm + '.weight': [hidden], norm + '.bias': [hidden]})
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 4 * math.prod(shape)
        header[name] = {'dtype': 'F32', 'shape': shape, 'data_offsets': [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    project.write('large/model.safetensors', struct.pack('<Q', len(text)) + text + struct.pack('<f', 0.01) * (at // 4))
    project.write('large/config.json', json.dumps({
        'architectures': ['BertForSequenceClassification'], 'model_type': 'bert', 'vocab_size': vocabulary, 'hidden_size': hidden, 'num_hidden_layers': layers,
        'num_attention_heads': 4, 'intermediate_size': inner, 'max_position_embeddings': positions, 'type_vocab_size': 2, 'hidden_act': 'gelu'}))
    project.write('large/vocab.txt', '\n'.join(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', 'b']) + '\n')
    project.write('large/tokenizer_config.json', '{"tokenizer_class": "BertTokenizer"}')


class Onnx(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.TemporaryDirectory(prefix='polytask-onnx-')
        subprocess.run([PACKAGES, cls.made.name], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.made.cleanup()

    def setUp(self):
        self.here = self.project()

    def package(self, model):
        return os.path.join(self.made.name, model, 'package')

    def export(self, model, to, *more):
        return self.expect(self.here.run('export', '--package', self.package(model), '--format', 'onnx', '--to', to, *more), 0)

    def compute(self, folder, model):
        done = subprocess.run([REFERENCE, os.path.join(ROOT, 'tests', 'scenarios', 'onnx_reference.py'), self.here.path(folder),
                               os.path.join(self.made.name, model, 'answers.json')], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        return json.loads(done.stdout)

    @unittest.skipUnless(REFERENCE, 'POLYTASK_REFERENCE_PYTHON names no interpreter with onnx and onnxruntime')
    def test_onnx_runtime_answers_every_task_of_every_kind_of_model_as_the_engine_does(self):
        for model in MODELS:
            self.export(model, model)
            found = self.compute(model, model)
            self.assertEqual(sorted(found['tasks']), sorted(TASKS))
            for task, one in found['tasks'].items():
                self.assertGreater(one['n'], 10)
                self.assertGreater(one['largest'], 0.1, 'answers that say something')
                self.assertLess(one['difference'], TOLERANCE, f'{model}, {task}: {one}')
            worst = max(found['tasks'].values(), key=lambda one: one['difference'])
            print(f'{model}: largest difference {worst["difference"]:.1e} of logits up to {worst["largest"]:.1f} ({found["libraries"]})', file=sys.stderr)

    @unittest.skipUnless(REFERENCE, 'POLYTASK_REFERENCE_PYTHON names no interpreter with onnx and onnxruntime')
    def test_a_reader_finds_in_the_file_what_the_outputs_mean(self):
        self.export('split', 'out', '--task', 'intent', '--task', 'Things & more', '--task', 'alike')
        found = self.compute('out', 'split')
        self.assertEqual(sorted(found['tasks']), ['Things & more', 'alike', 'intent'])
        tokens = ['batch_size', 'sequence_length']
        self.assertEqual(found['inputs'], {name: tokens for name in ('input_ids', 'attention_mask', 'token_type_ids')})
        shapes = list(found['outputs'].values())
        self.assertEqual(shapes, [['batch_size', 3], tokens + [5], ['pairs', 1]])
        self.assertEqual(list(found['shapes_of_one_text'].values())[2], [0, 1])  # one text is no pair
        self.assertEqual(found['metadata'][:3], ['polytask.config.json', 'polytask.model.json', 'polytask.tasks.alike.task.json'])

    def test_what_was_exported_is_imported_as_it_was(self):
        for model in MODELS:
            self.export(model, model)
            self.expect(self.here.run('import', '--from', model, '--to', model + '-back'), 0)
            self.expect(self.here.run('package verify', self.here.path(model + '-back')), 0)
            before, after = files_of(self.package(model)), files_of(self.here.path(model + '-back'))
            for name in before.keys() | after.keys():
                if name != 'manifest.json' and not name.endswith('card.md'):  # they say where it comes from
                    self.assertEqual(before.get(name), after.get(name), name)

    def test_equal_models_are_equal_files(self):
        self.export('split', 'one')
        self.export('split', 'two')
        self.assertEqual(files_of(self.here.path('one')), files_of(self.here.path('two')))
        self.assertIn('tokenizer.json', files_of(self.here.path('one')))

    def test_a_folder_that_is_there_is_not_touched(self):
        self.here.write('out/mine.txt', 'mine')
        self.expect_one_sentence(self.here.run('export', '--package', self.package('split'), '--format', 'onnx', '--to', 'out'), 5, 'out', 'is there already')
        self.assertEqual(files_of(self.here.path('out')), {'mine.txt': b'mine'})
        self.assertEqual(os.listdir(self.here.folder), ['out'])

    def test_a_changed_file_and_one_of_another_program_are_refused_and_leave_nothing(self):
        self.export('split', 'out')
        path = self.here.path('out', 'model.onnx')
        with open(path, 'rb') as file:
            whole = file.read()
        for changed, phrase in (
                (whole[:len(whole) // 2], 'is no ONNX file, or a damaged one'),
                (b'', 'was written by an unnamed program'),
                (whole.replace(b'polytask', b'polyTASK', 1), 'was written by "polyTASK"'),
                (whole.replace(b'\x07Softmax', b'\x07Hardmax', 1), 'the graph was changed'),
                (whole.replace(b'tasks.intent.bias', b'tasks.intent.bIas'), 'has no initializer "tasks.intent.bias"')):
            self.assertNotEqual(changed, whole)
            with open(path, 'wb') as file:
                file.write(changed)
            self.expect_one_sentence(self.here.run('import', '--from', 'out', '--to', 'back'), 3, 'model.onnx', phrase)
        self.assertEqual(os.listdir(self.here.folder), ['out'])
        shutil.rmtree(self.here.path('out'))

    def test_options_that_the_format_has_no_use_for_are_refused(self):
        package = self.package('split')
        self.expect_one_sentence(self.here.run('export', '--package', package, '--format', 'huggingface', '--task', 'intent', '--task', 'topics', '--to', 'out'), 2,
                                 'a Hugging Face folder holds one task')
        self.export('split', 'out')
        self.expect_one_sentence(self.here.run('import', '--from', 'out', '--to', 'back', '--task', 'intent'), 2, 'leave them out')
        self.assertEqual(os.listdir(self.here.folder), ['out'])

    def test_unknown_tasks_are_named(self):
        self.expect_one_sentence(self.here.run('export', '--package', self.package('split'), '--format', 'onnx', '--to', 'out', '--task', 'intend'), 3,
                                 'has no task "intend"', 'did you mean "intent"')

    def test_a_folder_inside_what_is_read_is_refused(self):
        self.export('split', 'out')
        self.expect_one_sentence(self.here.run('import', '--from', 'out', '--to', 'out/x'), 2, 'lies inside', 'from which it would be made')
        self.assertFalse(os.path.exists(self.here.path('out', 'x')))

    def peak(self, verb, *more):
        answer, most = self.here.run_measured(verb, *more)
        self.expect(answer, 0)
        return most

    def test_no_model_is_in_memory_more_than_twice(self):
        self.export('shared', 'small')
        write_large_classifier(self.here)
        self.expect(self.here.run('import', '--from', 'large', '--to', 'large-package', '--type', 'classification'), 0)
        size = os.path.getsize(self.here.path('large-package', 'encoder', 'model.safetensors'))
        self.assertGreater(size, 55 << 20)
        bare = {'export': self.peak('export', '--package', self.package('shared'), '--format', 'onnx', '--to', 'small-again'),
                'import': self.peak('import', '--from', 'small', '--to', 'small-back')}
        whole = {'export': self.peak('export', '--package', 'large-package', '--format', 'onnx', '--to', 'large-onnx'),
                 'import': self.peak('import', '--from', 'large-onnx', '--to', 'large-back')}
        for verb, peak in whole.items():
            times = (peak - bare[verb]) / size
            print(f'{verb} of {size >> 20} MiB: {times:.2f} times as much memory, above {bare[verb] >> 20} MiB', file=sys.stderr)
            self.assertLess(times, 2.5, verb)


class Killed(KilledAtEveryCall):
    def test_out_and_in(self):
        here = self.project()
        subprocess.run([PACKAGES, here.path('made')], check=True)
        package = here.path('made', 'split', 'package')
        command = 'export', '--package', package, '--format', 'onnx', '--task', 'intent', '--task', 'alike'
        self.expect(here.run(*command, '--to', 'whole', threads=False), 0)
        whole = files_of(here.path('whole'))
        self.at_every_call(*command, where=here, verify=lambda folder: self.assertEqual(files_of(folder), whole))
        self.verify(package)
        shutil.rmtree(self.parent)
        self.at_every_call('import', '--from', 'whole', where=here)
        self.assertEqual(files_of(here.path('whole')), whole)


if __name__ == '__main__':
    unittest.main()
