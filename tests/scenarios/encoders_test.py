"""Encoders of every family through their life: validated, trained on, packaged, evaluated, answered with.

The encoders are the random ones of tests/golden/model, with a vocabulary of our words; what they compute is compared there.
"""
import json
import os
import shutil
import subprocess
import unittest

from support import FOUR_TASKS, PRODUCTS, ROOT, WORDS, Scenario, read_json

GOLDEN = os.path.join(ROOT, 'tests', 'golden', 'model')
FAMILIES = {'roberta': 'roberta', 'xlm_roberta': 'xlm-roberta', 'distilbert': 'distilbert', 'electra': 'electra',
            'modernbert': 'modernbert', 'deberta_v3': 'deberta-v2', 'deberta_v2_own_projections': 'deberta-v2',
            'deberta_v2_convolution': 'deberta-v2'}
VOCABULARY = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'please', 'the', 'number', 'of', *sorted({word for words in WORDS.values() for word in words}), *PRODUCTS]
PYTHON = os.environ.get('POLYTASK_REFERENCE_PYTHON')
OPEN = '''
import sys
from transformers import AutoModel
model, found = AutoModel.from_pretrained(sys.argv[1], output_loading_info=True)
left = [name for kind in ('missing_keys', 'unexpected_keys', 'mismatched_keys') for name in found[kind] if not str(name).startswith('pooler.')]
print(type(model).__name__, left)
'''


class Families(Scenario):
    def with_encoder(self, name, **train):
        project = self.project(name).fill(60, 12, 12)
        shutil.copytree(os.path.join(GOLDEN, name), project.path('encoder'))
        os.remove(project.path('encoder', 'expected.safetensors'))
        project.write('encoder/vocab.txt', '\n'.join(VOCABULARY) + '\n')
        return project.describe(encoder='encoder', train={'epochs': 1, 'max_length': 16, **train})

    def trained(self, name, **train):
        project = self.with_encoder(name, **train)
        self.expect(project.run('validate'), 0)
        self.expect(project.run('train', '--run', 'r'), 0)
        self.expect(project.run('package', '--run', 'r', '--to', 'package', threads=False), 0)
        return project

    def test_of_every_family_are_trained_on_packaged_and_answered_with(self):
        for name, model_type in FAMILIES.items():
            with self.subTest(name):
                project = self.trained(name)
                self.assertEqual(read_json(project.path('package', 'encoder', 'config.json'))['model_type'], model_type)
                self.expect(project.run('evaluate', '--package', 'package', '--output', 'json'), 0)
                answers = {}
                for precision in 'f32', 'bf16', 'int8':
                    answer = self.expect(project.run('predict', '--package', 'package', '--text', 'please refund the lamp', '--precision', precision), 0)
                    answers[precision] = answer.rows[0]['tasks']
                self.assertEqual(set(answers['f32']), set(FOUR_TASKS))
                for less in 'bf16', 'int8':
                    self.assertAlmostEqual(answers[less]['urgency']['value'], answers['f32']['urgency']['value'], delta=0.02)

    def test_with_frozen_layers_start_from_stored_states(self):
        for name in 'modernbert', 'deberta_v3', 'deberta_v2_convolution':
            with self.subTest(name):
                self.trained(name, frozen_layers=1)

    def test_of_other_families_than_bert_do_not_leave_for_other_libraries(self):
        project = self.trained('electra')
        hugging_face = project.run('export', '--package', 'package', '--task', 'intent', '--format', 'huggingface', '--to', 'out', threads=False)
        self.expect_one_sentence(hugging_face, 2, 'cannot be written for Hugging Face', '"electra"', 'expected "bert"')
        onnx = project.run('export', '--package', 'package', '--format', 'onnx', '--to', 'out', threads=False)
        self.expect_one_sentence(onnx, 3, 'of an encoder of the type "electra", of which no graph is written')
        self.assertFalse(os.path.exists(project.path('out')))

    def test_whose_weights_do_not_fit_are_spoken_of_in_the_names_of_the_file(self):
        project = self.with_encoder('modernbert')
        config = read_json(project.path('encoder', 'config.json'))
        project.write('encoder/config.json', json.dumps({**config, 'intermediate_size': 10}))
        answer = project.run('train', '--run', 'r')
        self.expect_one_sentence(answer, 3, 'tensor "model.layers.0.mlp.W', 'config.json asks for')

    @unittest.skipUnless(PYTHON, 'POLYTASK_REFERENCE_PYTHON names no Python with transformers')
    def test_of_packages_are_opened_by_the_library_that_they_came_from(self):
        for name in FAMILIES:
            with self.subTest(name):
                project = self.trained(name)
                done = subprocess.run([PYTHON, '-c', OPEN, project.path('package', 'encoder')], capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertTrue(done.stdout.strip().endswith('[]'), done.stdout)


if __name__ == '__main__':
    unittest.main()
