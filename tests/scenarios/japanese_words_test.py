"""A Japanese encoder whose words are MeCab's, through its life: validated, trained on, packaged and answered with.

The encoder is a random one of tests/golden/model with the vocabulary of tests/golden/text. Left out where Debian's IPADIC
is not installed; the comparison with transformers also where POLYTASK_REFERENCE_PYTHON names none.
"""
import json
import os
import shutil
import subprocess
import unittest
from unittest import mock

from support import ROOT, Scenario, read_json

GOLDEN = os.path.join(ROOT, 'tests', 'golden')
IPADIC = '/var/lib/mecab/dic/ipadic-utf8'
PYTHON = os.environ.get('POLYTASK_REFERENCE_PYTHON')
TEXTS = {'refund': ('{}の返金をお願いします', '{}を返品したいのですが', '{}の代金を戻してください'),
         'track': ('{}はいつ届きますか', '{}がまだ届いていません', '{}の配送状況を教えてください')}
# As many tokens as the golden encoder has at most.
VOCABULARY = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'の', 'を', 'は', 'が', 'お', '返金', '返品', '代金', '届', '##き', '##い', 'いつ', 'まだ', '配送', '状況', '教え', '戻し', '願い', 'て', 'ませ', 'ん']
THINGS = ('電話', 'ピアノ', 'カード', '本', 'コンピューター', '椅子', '机', '時計')
REFERENCE = '''
import sys
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
print(type(tokenizer).__name__)
'''


@unittest.skipUnless(os.path.exists(os.path.join(IPADIC, 'sys.dic')), 'no IPADIC of MeCab: apt-get install mecab-ipadic-utf8')
class JapaneseWords(Scenario):
    def setUp(self):
        super().setUp()
        os.environ.pop('POLYTASK_MECAB_IPADIC', None)

    def japanese_project(self):
        project = self.project('japanese')
        rows = [{'body': text.format(f'{thing}{number}号'), 'intent': intent}
                for number in range(3) for thing in THINGS for intent, texts in TEXTS.items() for text in texts]
        for part, chosen in (('train', rows[:96]), ('dev', rows[96:120]), ('test', rows[120:])):
            project.write(f'{part}.jsonl', chosen)
        shutil.copytree(os.path.join(GOLDEN, 'model', 'gelu'), project.path('encoder'))
        os.remove(project.path('encoder', 'expected.safetensors'))
        project.write('encoder/vocab.txt', '\n'.join(VOCABULARY) + '\n')
        config = read_json(os.path.join(GOLDEN, 'text', 'japanese_words.json'))['tokenizer_config']
        project.write('encoder/tokenizer_config.json', json.dumps(config))
        task = {'type': 'classification', 'dataset': 'tickets', 'text': 'body', 'label': 'intent'}
        return project.describe(encoder='encoder', tasks={'intent': task}, train={'epochs': 2, 'max_length': 16})

    def packaged(self):
        project = self.japanese_project()
        self.expect(project.run('validate'), 0)
        self.expect(project.run('train', '--run', 'r'), 0)
        self.expect(project.run('package', '--run', 'r', '--to', 'package', threads=False), 0)
        return project

    def test_live_through_training_and_answering(self):
        project = self.packaged()
        self.expect(project.run('evaluate', '--package', 'package', '--output', 'json'), 0)
        answer = self.expect(project.run('predict', '--package', 'package', '--text', '電話がまだ届いていません'), 0)
        self.assertIn('intent', answer.rows[0]['tasks'])

    def test_of_a_package_are_refused_with_another_dictionary(self):
        project = self.packaged()
        other = project.path('other')
        os.mkdir(other)
        for name in 'char.bin', 'matrix.bin', 'sys.dic', 'unk.dic', 'dicrc':
            shutil.copy(os.path.join(IPADIC, name), other)
        with open(os.path.join(other, 'unk.dic'), 'r+b') as file:
            file.seek(-1, os.SEEK_END)
            file.write(b'x')
        for command in ('predict', '--package', 'package', '--text', '本'), ('evaluate', '--package', 'package'):
            with mock.patch.dict(os.environ, POLYTASK_MECAB_IPADIC=other):
                answer = project.run(*command)
            self.expect_one_sentence(answer, 3, 'another version than the encoder learned with', 'POLYTASK_MECAB_IPADIC')
        with mock.patch.dict(os.environ, POLYTASK_MECAB_IPADIC=other):
            self.expect(project.run('train', '--run', 'r'), 5, 'dictionary of MeCab')

    @unittest.skipUnless(PYTHON, 'POLYTASK_REFERENCE_PYTHON names no Python with transformers')
    def test_of_a_package_are_read_by_transformers(self):
        project = self.packaged()
        done = subprocess.run([PYTHON, '-c', REFERENCE, project.path('package', 'encoder')], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout.strip()), (0, 'BertJapaneseTokenizer'), done.stderr)


if __name__ == '__main__':
    unittest.main()
