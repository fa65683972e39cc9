"""`polytask init`: a project file from a look at the data, which `validate` accepts."""
import json
import os
import unittest

from support import Scenario, tickets

SHARED = os.path.join(os.environ.get('POLYTASK_SHARED', os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../../shared')), 'data')

# What a person who knows the published sets would write: {set: {task column or dataset: type}}.
KNOWN = {
    'banking77': {'category': 'classification'}, 'broad_twitter_corpus': {'btc': 'tagging'},
    'crossner': {name: 'tagging' for name in ('ai', 'literature', 'music', 'politics', 'science')},
    'dbpedia14_small': {'dbpedia14_small': 'classification'}, 'hwu64': {'hwu64': 'classification'}, 'jaquad': {'jaquad': 'span'}, 'jcola': {'in-domain': 'classification'},
    'jsick': {'entailment': 'classification', 'relatedness': 'regression'},
    'mtl_bio_ner': {f'{name}-IOB': 'tagging' for name in ('BC2GM', 'BC5CDR-chem', 'BC5CDR-disease', 'NCBI-disease', 'linnaeus')},
    'jglue': {'jsts': 'regression', 'jcommonsenseqa': 'multiple_choice'}, 'ner_wikipedia_ja': {'entities': 'tagging'}, 'ud_english_ewt': {'en-ewt-ud-rebuilt': 'tagging'},
    'snips': {'intent': 'classification'}, 'stackoverflow20': {'stackoverflow20': 'classification'}, 'stsb_ccbysa': {'stsb_ccbysa': 'regression'}, 'wnut17': {'wnut17': 'tagging'},
    'xquad_en': {'xquad-en': 'span'},
}
# The texts that its tasks read, where they are columns; the files of each split come in this order: train, dev, test.
TEXTS = {'jsick': ['sentence1', 'sentence2'], 'jsts': ['sentence1', 'sentence2'], 'stsb_ccbysa': ['sentence1', 'sentence2'], 'jcola': ['sentence'], 'jcommonsenseqa': ['question'],
         'jaquad': ['question', 'context'], 'xquad_en': ['question', 'context'], **dict.fromkeys(('banking77', 'dbpedia14_small', 'hwu64', 'ner_wikipedia_ja', 'snips', 'stackoverflow20'), ['text'])}
SPLITS = {'banking77': 'train test', 'dbpedia14_small': 'train test', 'jaquad': 'train dev', 'jcola': 'train dev', 'snips': 'train dev',
          'ner_wikipedia_ja': 'train', 'stackoverflow20': 'train', 'xquad_en': 'train'}
BROKEN = {'broad_twitter_corpus'}  # rows without a word, which `validate` has to refuse


class Init(Scenario):
    def tasks(self, project):
        return {task['name']: task['type'] for task in self.expect(project.run('init', '--output', 'json'), 0).json['tasks'] if not task['doubtful']}

    def test_a_folder_of_data_becomes_a_project_that_is_valid(self):
        project = self.project().fill()
        answer = self.expect(project.run('init'), 0)
        self.assertIn('wrote polytask.yaml', answer.out)
        self.assertIn('Read it, then: polytask validate', answer.out)
        checked = self.expect(project.run('validate', '--output', 'json'), 0).json
        self.assertEqual({task['name']: task['type'] for task in checked['tasks']},
                         {'intent': 'classification', 'urgency': 'regression', 'topics': 'multilabel', 'products': 'tagging'})
        self.assertEqual([(dataset['train'], dataset['dev'], dataset['test']) for dataset in checked['datasets']], [(120, 30, 30)])

    def test_data_and_project_may_lie_in_different_folders(self):
        project = self.project()
        project.write('data/train.jsonl', tickets(60, 1))
        self.expect(project.run('init', 'data', '--encoder', 'models/small'), 0)
        with open(project.path('polytask.yaml'), encoding='utf-8') as file:
            written = file.read()
        self.assertIn('train: data/train.jsonl', written)
        self.assertIn('\nencoder: models/small\n', written)
        self.expect(project.run('validate', '--set', 'encoder=null'), 0)

    def test_a_project_file_that_is_there_stays(self):
        project = self.project().fill()
        project.write('polytask.yaml', 'mine')
        self.expect_one_sentence(project.run('init'), 5, 'polytask.yaml is there already and is left as it is')
        with open(project.path('polytask.yaml'), encoding='utf-8') as file:
            self.assertEqual(file.read(), 'mine')

    def test_where_no_data_is_found_it_says_what_was_seen(self):
        project = self.project()
        project.write('notes.txt', 'nothing but words\n')
        answer = self.expect(project.run('init'), 3, 'notes.txt: has no rows that are known', 'no file of training rows was understood')
        self.assertFalse(os.path.exists(project.path('polytask.yaml')))
        self.expect_one_sentence(project.run('init', 'absent'), 3, 'absent: the folder cannot be read')
        self.assertEqual(answer.out, '')

    def test_parquet_and_arrow_are_told_what_to_become(self):
        project = self.project()
        project.write('train.jsonl', tickets(60, 1))
        project.write('more.parquet', b'PAR1\0\0PAR1')
        answer = self.expect(project.run('init', '--output', 'json'), 0)
        self.assertIn('to_json("train.jsonl")', json.dumps(answer.json['left_out']).replace('\\', ''))

    def test_paths_through_links_are_right(self):
        project = self.project()
        project.write('real/deep/data/train.jsonl', tickets(60, 1))
        os.symlink('real/deep', project.path('link'))
        self.expect(project.run('init', 'link/data', '--project', 'link/polytask.yaml'), 0)
        self.expect(project.run('validate', '--project', 'link/polytask.yaml'), 0)

    def test_what_cannot_be_is_one_sentence(self):
        project = self.project().fill()
        self.expect_one_sentence(project.run('init', '--set', 'seed=2'), 2, 'init takes no --set')
        self.expect_one_sentence(project.run('init', '--project', 'new/'), 2, 'expected the name of a file')
        self.expect_one_sentence(project.run('init', '--encoder', b'enc\xff'), 2, 'is not UTF-8')
        self.assertEqual(sorted(os.listdir(project.folder)), ['dev.jsonl', 'test.jsonl', 'train.jsonl'])

    def test_columns_that_no_key_can_be_are_left_alone(self):
        project = self.project()
        project.write('train.jsonl', [{'text': f'please see to number {i} of my things', '': ['a', 'b'][i % 2], 'x' * 2000: ['a', 'b'][i % 2], 'in\ntwo': ['a', 'b'][i % 2],
                                       'intent': ['a', 'b'][i % 2]} for i in range(40)])
        self.assertEqual(self.tasks(project), {'intent': 'classification'})

    def test_names_that_mean_something_in_yaml_are_kept(self):
        project = self.project()
        rows = [{'no': f'please see to number {i} of my things', 'label: [x]': ['yes', 'no'][i % 2], 'kind # of': ['a', 'b'][i % 2]} for i in range(40)]
        project.write("it's {odd}: #1, train.jsonl", rows)
        self.expect(project.run('init'), 0)
        checked = self.expect(project.run('validate', '--output', 'json'), 0).json
        self.assertEqual([task['train'] for task in checked['tasks'] if task['name'] == 'label: [x]'], [32])

    def test_published_sets_are_described_as_a_person_would(self):
        if not os.path.isdir(SHARED):
            self.skipTest(f'{SHARED}: the published sets are not here')
        for name, wanted in KNOWN.items():
            with self.subTest(name):
                project = self.project(name)
                answer = self.expect(project.run('init', os.path.join(SHARED, name), '--output', 'json'), 0).json
                sure = [task for task in answer['tasks'] if not task['doubtful']]
                self.assertEqual({task['name']: task['type'] for task in sure}, wanted)
                for task in sure:
                    self.assertEqual(task['text'], TEXTS.get(name, TEXTS.get(task['name'], [])))
                for dataset in answer['datasets']:
                    self.assertEqual(list(dataset['files']), SPLITS.get(name, 'train dev test').split())
                checked = self.expect(project.run('validate', '--output', 'json'), 3 if name in BROKEN else 0).json
                for dataset in checked['datasets']:
                    self.assertGreater(min(dataset[split] for split in dataset if split in SPLITS.get(name, 'train dev test').split()), 0)


if __name__ == '__main__':
    unittest.main()
