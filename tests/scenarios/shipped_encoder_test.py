"""The encoder that comes with polytask: named without a folder, small, with its papers, better than nothing learnt."""
import json
import os
import subprocess
import unittest

from support import ROOT, TICKETS, Scenario, read_json, tickets

NAME = 'small-en-ja'
FOLDER = os.path.join(ROOT, 'encoders', NAME)
PYTHON = os.environ.get('POLYTASK_REFERENCE_PYTHON', 'python3')
HAS_TRANSFORMERS = subprocess.run([PYTHON, '-c', 'import transformers, torch'], capture_output=True, check=False).returncode == 0
# Which of two things is meant can be read off meanings alone: what the texts that are tested speak of stands in no training text.
MEANINGS = {
    'animal': (['a dog barks', 'the cow gives milk', 'some cats hunt mice', 'horses eat grass', 'my goat has horns', 'a lion sleeps under the tree',
                '犬が走る', '猫が鳴く', '馬に乗る', '牛の乳を飲む'],
               ['sheep with wool', 'wild bird flying', 'fox and wolf in forest', 'the rabbit jumped', 'an elephant and a monkey', 'young pigs', 'bees and butterflies',
                'fish swim in the river', '鳥と魚', '羊の群', '虎が吠える', '狐と狸']),
    'machine': (['software for files', 'the computer program', 'a server on the network', 'compile the source code', 'a database library', 'the user runs a command',
                 '計算機のプログラム', 'ファイルを開く', 'サーバーの設定', 'データベースの管理'],
                ['linux kernel module', 'python package manager', 'graphical desktop interface', 'web browser plugin', 'encryption of disk partitions', 'debugging tools',
                 'terminal emulator', 'video codec headers', 'ソフトウェアの開発', 'ウェブブラウザのプラグイン', 'カーネルモジュール', 'パッケージのインストール']),
}


def rows(which):
    return [{'text': text, 'kind': kind} for kind, texts in MEANINGS.items() for text in texts[which]]


class ShippedEncoder(Scenario):
    def test_it_is_small_and_has_its_papers(self):
        size = sum(os.path.getsize(os.path.join(FOLDER, name)) for name in os.listdir(FOLDER))
        self.assertLessEqual(size, 16e6)
        record, recipe = read_json(FOLDER, 'pretraining.json'), read_json(FOLDER, 'recipe.json')
        self.assertTrue(all(source['licence'] for source in record['sources']))
        self.assertEqual(sorted(recipe['texts']), sorted(source['name'] for source in record['sources']))
        with open(os.path.join(FOLDER, 'README.md'), encoding='utf-8') as file:
            card = file.read()
        for word in 'Licence', 'Where it is weak', 'Measured', 'all-MiniLM-L6-v2', f'{record["vocabulary"]:,} tokens':
            self.assertIn(word, card)

    def test_init_proposes_it_and_a_folder_of_its_name_wins(self):
        project = self.project()
        project.write('rows.jsonl', tickets(60, 1))
        self.expect(project.run('init'), 0)
        with open(project.path('polytask.yaml'), encoding='utf-8') as file:
            self.assertIn(f'\nencoder: {NAME}', file.read())
        self.expect(project.run('validate'), 0)
        os.makedirs(project.path(NAME))
        self.assertIn(f'{NAME}/config.json: cannot be opened', self.expect(project.run('validate'), 3).out)

    @unittest.skipIf(os.environ.get('POLYTASK_TORCH') == 'OFF', 'this build cannot train')
    def test_it_knows_words_that_no_training_text_has(self):
        project = self.project()
        project.write('train.jsonl', rows(0))
        project.write('dev.jsonl', rows(0))  # nothing is chosen by what is tested
        project.write('test.jsonl', rows(1))
        task = {'type': 'classification', 'dataset': 'rows', 'text': 'text', 'label': 'kind', 'metric': 'accuracy'}
        project.write('polytask.yaml', json.dumps({'project': 'meanings', 'encoder': NAME, 'datasets': {'rows': TICKETS}, 'tasks': {'kind': task},
                                                   'train': {'epochs': 30, 'batch_size': 16}}))
        answer = self.expect(project.run('train', '--run', 'a', '--output', 'json'), 0).json
        self.assertGreaterEqual(answer['tasks']['kind']['value'], 0.9)  # of 24; an encoder from nothing has 0.54 to 0.58
        self.assertEqual(read_json(project.path('.polytask', 'runs', 'a', 'config.json'))['encoder'], NAME)

    def test_it_leaves_as_floats_under_its_own_names(self):
        project = self.project()
        answer = self.expect(project.run('export', '--encoder', NAME, '--format', 'huggingface', '--to', 'floats', '--output', 'json', threads=False), 0).json
        self.assertGreater(answer['tensors'], 50)
        self.assertEqual(sorted(os.listdir(project.path('floats'))), sorted(name.replace('.int8', '') for name in os.listdir(FOLDER)))
        self.expect(project.run('export', '--encoder', NAME, '--format', 'huggingface', '--to', 'floats', threads=False), 5)
        self.expect(project.run('export', '--encoder', NAME, '--format', 'onnx', '--to', 'more', threads=False), 2)
        self.expect(project.run('export', '--encoder', 'nowhere', '--format', 'huggingface', '--to', 'more', threads=False), 3, 'nowhere: there is no such folder')

    @unittest.skipUnless(HAS_TRANSFORMERS, 'no transformers')
    def test_transformers_reads_what_leaves_and_its_hidden_words(self):
        code = '''
import json, sys, torch, transformers
tokenizer = transformers.AutoTokenizer.from_pretrained(sys.argv[1])
model, found = transformers.BertForMaskedLM.from_pretrained(sys.argv[1], output_loading_info=True)
print(sorted(found['missing_keys']), sorted(found['unexpected_keys']))
text = tokenizer('the package contains the [MASK] of the program .', return_tensors='pt')
place = (text['input_ids'][0] == tokenizer.mask_token_id).nonzero().item()
print(json.dumps(tokenizer.convert_ids_to_tokens(model.float()(**text).logits[0, place].topk(50).indices.tolist())))
'''
        project = self.project()
        self.expect(project.run('export', '--encoder', NAME, '--format', 'huggingface', '--to', 'floats', threads=False), 0)
        done = subprocess.run([PYTHON, '-c', code, project.path('floats')], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        keys, likely = done.stdout.splitlines()
        self.assertEqual(keys, '[] []')
        self.assertTrue({'documentation', 'files', 'library', 'source', 'version'} & set(json.loads(likely)), likely)


if __name__ == '__main__':
    unittest.main()
