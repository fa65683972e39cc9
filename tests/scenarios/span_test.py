"""Answers in a context, from SQuAD's documents to answers from a package. The questions are made up here, of sentences that
a small encoder learns from nothing: which product, or which city, stands in a text; some texts name none."""
import json
import os
import random
import tempfile
import unittest

from support import Project, Scenario, read_json, read_lines, tickets

PRODUCTS = ('lamp', 'chair', 'table', 'phone', 'book', 'clock')
CITIES = ('osaka', 'paris', 'lima', '大阪', 'nara', 'Zürich')
FILLING = 'we have sent it by train with two men on a cold day and they will see to all of it soon'.split()
ASKED = {'product': ('which product is it ?', PRODUCTS), 'city': ('in which city ?', CITIES)}
TRAIN = {'epochs': 12, 'batch_size': 16, 'learning_rate': 0.002, 'head_learning_rate_factor': 3, 'max_length': 40,
         'scratch': {'layers': 2, 'hidden_size': 48, 'heads': 2, 'vocab_size': 400}}
N_MISTAKEN = 8
ASK = {'type': 'span', 'dataset': 'texts', 'text': ['question', 'context'], 'label': 'answers'}
TEXTS = {'train': 'squad.train.json', 'dev': 'squad.dev.json', 'test': 'squad.test.json', 'format': 'squad'}


def paragraph(rng, number, n_words=12):
    """A context with a product, a city, both or none of them, and a question about each."""
    words = [rng.choice(FILLING) for _ in range(n_words)]
    places = rng.sample(range(n_words), 2)
    named = {}
    for place, (kind, (_, things)) in zip(places, ASKED.items()):
        if rng.random() < 0.75:
            words[place] = named[kind] = rng.choice(things)
    words.append(f'number {number}')
    context = ' '.join(words)
    qas = []
    for kind, (question, _) in ASKED.items():
        answers = [{'text': named[kind], 'answer_start': context.index(named[kind])}] if kind in named else []
        qas.append({'id': f'{number}-{kind}', 'question': question, 'answers': answers, 'is_impossible': not answers})
    return {'context': context, 'qas': qas}


def squad(n, seed, first=0, **how):
    rng = random.Random(seed)
    return {'version': 'v2.0', 'data': [{'title': 'made up', 'paragraphs': [paragraph(rng, first + i, **how) for i in range(n)]}]}


def mistaken(document):
    """The first questions with an answer have another word for it."""
    rng = random.Random(0)
    asked = [(p['context'], qa) for p in document['data'][0]['paragraphs'] for qa in p['qas'] if qa['answers']]
    for context, qa in asked[:N_MISTAKEN]:
        word = rng.choice([word for word in context.split() if word in FILLING])
        qa['answers'] = [{'text': word, 'answer_start': f' {context} '.index(f' {word} ')}]
    return document


def questions(document):
    return [{'id': qa['id'], 'question': qa['question'], 'context': p['context'], 'answers': qa['answers']}
            for article in document['data'] for p in article['paragraphs'] for qa in p['qas']]


def is_right(answer, row):
    return answer['answer'] is None if not row['answers'] else answer['answer'] == row['answers'][0]['text']


class Answers(Scenario):
    """One training for all of them: questions beside the intents of tickets, in one encoder."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory(prefix='polytask-scenario-')
        cls.addClassCleanup(folder.cleanup)
        cls.here = Project(folder.name)
        for split, n, seed in (('train', 260, 1), ('dev', 60, 2), ('test', 60, 3)):
            document = squad(n, seed, seed * 1000)
            cls.here.write(f'squad.{split}.json', json.dumps(mistaken(document) if split == 'dev' else document, ensure_ascii=False))
        cls.here.write('train.jsonl', tickets(60, 1)), cls.here.write('dev.jsonl', tickets(20, 2, 10000))
        cls.here.describe(tasks={'ask': ASK, 'intent': {'type': 'classification', 'dataset': 'tickets', 'text': 'body', 'label': 'intent'}},
                          datasets={'texts': TEXTS, 'tickets': {'train': 'train.jsonl', 'dev': 'dev.jsonl'}}, train=TRAIN)
        cls.trained = cls.here.run('train', '--run', 'first', '--output', 'json', timeout=300)
        if cls.trained.code != 0:
            raise AssertionError(str(cls.trained))

    def predict(self, *more, rows):
        answer = self.expect(self.here.run('predict', *more, '--task', 'ask', '--input', '-', stdin=''.join(json.dumps(row) + '\n' for row in rows)), 0)
        return [row['tasks']['ask'] for row in answer.rows]

    def test_it_learns_where_the_answer_stands_and_where_there_is_none(self):
        score = self.trained.json['tasks']['ask']
        self.assertEqual((score['metric'], score['n']), ('token_f1', 120))
        self.assertGreater(score['value'], 0.85, score)
        self.assertLessEqual(score['interval'][0], score['value'])
        self.assertEqual(sorted(score['all']), ['character_f1', 'exact_match', 'token_f1'])
        self.assertIn('intent', self.trained.json['tasks'])
        threshold = self.here.run_json('first', 'scores.json')['dev']['ask']['calibration']['null_threshold']
        self.assertEqual(read_json(self.here.run_folder('first', 'model', 'tasks', 'ask', 'task.json'))['null_threshold'], threshold)
        compared = self.expect(self.here.run('runs compare', 'first', '--baselines', '--output', 'json', threads=False), 0).json['tasks']['ask']
        self.assertGreater(score['value'], max(compared['majority'], compared['bag_of_words']) + 0.2, compared)

    def test_the_engine_answers_what_the_training_core_did(self):
        stored = [json.loads(line) for line in read_lines(self.here.run_folder('first', 'predictions', 'test.ask.jsonl'))]
        rows = questions(squad(60, 3, 3000))
        self.assertEqual(len(stored), len(rows))
        for line, row, answer in zip(stored, rows, self.predict(rows=rows)):
            self.assertEqual(line['gold'], row['answers'])
            self.assertEqual([line['predicted'].get(key) for key in ('answer', 'start', 'end')], [answer.get(key) for key in ('answer', 'start', 'end')])
            self.assertAlmostEqual(line['predicted']['score'], answer['score'], delta=1e-3)
        scores = self.expect(self.here.run('evaluate', '--run', 'first', '--output', 'json'), 0).json['tasks']['ask']
        self.assertEqual(scores['all'], self.trained.json['tasks']['ask']['all'])

    def test_places_are_those_of_the_context_in_every_precision(self):
        rows = questions(squad(30, 9, 9000))
        for precision in ('f32', 'bf16', 'int8'):
            answers = self.predict('--precision', precision, rows=rows)
            for row, answer in zip(rows, answers):
                if answer['answer'] is not None:
                    self.assertEqual(row['context'][answer['start']:answer['end']], answer['answer'])
                self.assertTrue(0 <= answer['score'] <= 1)
            n_right = sum(is_right(answer, row) for row, answer in zip(rows, answers))
            self.assertGreater(n_right, 0.75 * len(rows), precision)

    def test_wrong_answers_are_listed_and_shown_in_their_context(self):
        misses = [json.loads(line) for line in read_lines(self.here.run_folder('first', 'misses.jsonl'))]
        wrong = [miss for miss in misses if miss['task'] == 'ask']
        self.assertGreaterEqual(len(wrong), N_MISTAKEN - 2)
        for miss in wrong:
            self.assertNotEqual([answer['text'] for answer in miss['gold']], [miss['predicted']['answer']])
            for answer in miss['gold']:
                self.assertTrue(miss['text'][1][answer['answer_start']:].startswith(answer['text']))
        page = '\n'.join(read_lines(self.here.run_folder('first', 'report.html')))
        self.assertIn('answers in a text', page)
        self.assertIn('<mark class="invented">', page)

    def test_two_texts_are_a_question_and_its_context(self):
        answer = self.expect(self.here.run('predict', '--task', 'ask', '--text', 'in which city ?', '--text', 'we have sent it to Zürich soon'), 0)
        self.assertEqual(answer.rows[0]['tasks']['ask']['answer'], 'Zürich')
        self.assertEqual((answer.rows[0]['tasks']['ask']['start'], answer.rows[0]['tasks']['ask']['end']), (19, 25))

    def test_an_answer_far_behind_the_limit_is_found_and_is_the_same_in_any_company(self):
        rng = random.Random(4)
        rows = []
        for n in (10, 100, 300, 1000):
            words = [rng.choice(FILLING) for _ in range(n)]
            words[-3] = 'paris'
            context = ' '.join(words)
            rows.append({'question': 'in which city ?', 'context': context, 'answers': [{'text': 'paris', 'answer_start': context.rindex('paris')}]})
        together = self.predict(rows=rows)
        for row, answer in zip(rows, together):
            self.assertEqual((answer['answer'], answer['start']), ('paris', row['answers'][0]['answer_start']))
        self.assertEqual(self.predict(rows=rows[::-1])[::-1], together)
        for row, answer in zip(rows, together):
            self.assertEqual(self.predict(rows=[row]), [answer])

    def test_a_package_holds_the_task_and_its_card_says_what_it_answers(self):
        self.expect(self.here.run('package', '--run', 'first', '--to', 'answers', threads=False), 0)
        card = '\n'.join(read_lines(self.here.path('answers', 'tasks', 'ask', 'card.md')))
        self.assertIn('The piece of a context that answers a question (question, context), of at most 30 tokens, or that there is none.', card)
        self.assertIn('fitted on dev', card)
        rows = questions(squad(10, 12, 12000))
        line = ''.join(json.dumps(row) + '\n' for row in rows)
        by_package = self.expect(self.here.run('predict', '--package', 'answers', '--task', 'ask', '--input', '-', stdin=line), 0)
        self.assertEqual([row['tasks']['ask'] for row in by_package.rows], self.predict(rows=rows))
        quantized = self.expect(self.here.run('quantize', '--package', 'answers', '--to', 'small', '--max-drop', '50', '--output', 'json'), 0)
        self.assertIn('ask', quantized.json['losses'])

    def test_what_does_not_fit_is_found_with_its_place(self):
        document = squad(3, 20)
        paragraphs = document['data'][0]['paragraphs']
        context = paragraphs[0]['context'] = 'the lamp is in osaka'
        paragraphs[0]['qas'] = [{'id': 'a', 'question': 'q?', 'answers': [{'text': 'lamp', 'answer_start': 5}], 'is_impossible': False},
                                {'id': 'b', 'question': 'r?', 'answers': [{'text': 'lamp', 'answer_start': 4}], 'is_impossible': True},
                                {'id': 'c', 'question': 's?', 'answers': [{'text': '', 'answer_start': 4}], 'is_impossible': False},
                                {'id': 'd', 'question': 't?', 'answers': [{'text': 'osaka', 'answer_start': 400}], 'is_impossible': False},
                                {'id': 'e', 'question': 'u?', 'answers': [{'text': context, 'answer_start': 0}], 'is_impossible': False}]
        bad = self.project('bad')
        bad.write('bad.json', json.dumps(document, indent=1))
        bad.describe(tasks={'ask': {**ASK, 'dataset': 'bad', 'longest_answer': 2}}, datasets={'bad': {'train': 'bad.json', 'format': 'squad'}}, train=TRAIN,
                     encoder=self.here.run_folder('first', 'model', 'encoder'))
        answer = self.expect(bad.run('validate', '--output', 'json', threads=False), 3)
        found = {(problem['kind'], problem['where'].split(':')[-1] if ':' in problem['where'] else ''): problem['message'] for problem in answer.json['problems']}
        lines = json.dumps(document, indent=1).splitlines()
        line_of = {qa['id']: str(next(i for i, line in enumerate(lines, 1) if f'"id": "{qa["id"]}"' in line) - 1) for qa in paragraphs[0]['qas']}
        self.assertIn('said to start at character 5 of column "context", where "amp " stands; it stands at 4', found['unreadable-label', line_of['a']])
        self.assertIn('is impossible and has answers', found['unreadable-row', line_of['b']])
        self.assertIn('an empty text', found['unreadable-label', line_of['c']])
        self.assertIn('starts at character 400', found['unreadable-label', line_of['d']])
        self.assertIn('have more than 2 tokens', found['answer-cut', ''])
        self.expect(bad.run('train', '--run', 'x'), 3, 'the data has errors')

    def test_init_knows_the_documents_and_keeps_contexts_on_one_side(self):
        new = self.project('new')
        new.write('train.json', json.dumps(squad(40, 30), ensure_ascii=False))
        new.write('rows/train.jsonl', [{**row, 'answers': {'text': [a['text'] for a in row['answers']], 'answer_start': [a['answer_start'] for a in row['answers']]}}
                                       for row in questions(squad(40, 31))])
        found = self.expect(new.run('init', '--output', 'json', threads=False), 0).json
        self.assertEqual({(task['type'], tuple(task['text']), task['label']) for task in found['tasks']}, {('span', ('question', 'context'), 'answers')})
        self.assertEqual(len(found['tasks']), 2)
        project = '\n'.join(read_lines(new.path('polytask.yaml')))
        self.assertIn('format: squad', project)
        self.assertEqual(project.count('split: {dev: 0.1, test: 0.1, group_by: context}'), 2, project)
        self.expect(new.run('validate', threads=False), 0)

    def test_the_settings_are_checked(self):
        wrong = self.project('wrong')
        for change, phrase in (({'text': 'context'}, 'expected two columns: the question and its context'), ({'stride': 0}, 'expected 1 to 65536 tokens'),
                               ({'labels': ['a']}, 'its answers are pieces of the text'), ({'pair_encoding': 'bi'}, 'do not tag words or give spans'),
                               ({'metric': 'accuracy'}, 'expected token_f1, exact_match, character_f1 for span')):
            wrong.describe(tasks={'ask': {**ASK, **change}}, datasets={'texts': TEXTS})
            self.expect(wrong.run('validate', threads=False), 2, phrase)
        wrong.describe(tasks={'intent': {'type': 'classification', 'dataset': 'texts', 'text': 'context', 'label': 'x', 'longest_answer': 3}}, datasets={'texts': TEXTS})
        self.expect(wrong.run('validate', threads=False), 2, 'belongs to tasks of the type span')


if __name__ == '__main__':
    unittest.main()
