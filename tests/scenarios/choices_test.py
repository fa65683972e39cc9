"""One of several choices, from rows to answers from a package. The questions are made up here, so that a small encoder learns them from
nothing: which of some words is a product, or a city. Which words are right depends on the question: no word is right by itself."""
import json
import random
import tempfile
import unittest

from support import Project, Scenario, read_json, read_lines, tickets

PRODUCTS = ('lamp', 'chair', 'table', 'phone', 'book', 'clock')
CITIES = ('osaka', 'paris', 'lima', '大阪', 'nara', 'Zürich')
FILLING = 'we have sent it by train with two men on a cold day and they will see to all of it soon'.split()
ASKED = {'product': ('which product is it ?', PRODUCTS, CITIES), 'city': ('in which city ?', CITIES, PRODUCTS)}
TRAIN = {'epochs': 15, 'batch_size': 16, 'learning_rate': 0.002, 'head_learning_rate_factor': 3, 'max_length': 24,
         'scratch': {'layers': 2, 'hidden_size': 48, 'heads': 2, 'vocab_size': 300}}
N_MISTAKEN = 6
WHERE = 'we sent it in which city ?'
COLUMNS = ['choice0', 'choice1', 'choice2', 'choice3', 'choice4']
PICK = {'type': 'multiple_choice', 'dataset': 'questions', 'text': 'question', 'choices': 'choices', 'label': 'label'}
QUESTIONS = {'train': 'train.jsonl', 'dev': 'dev.jsonl', 'test': 'test.jsonl'}


def row(rng, number):
    """Two to five choices: one is asked for, one would be right for the other question, the others never are."""
    question, right, tempting = ASKED[rng.choice(list(ASKED))]
    right, tempting = rng.choice(right), rng.choice(tempting)
    choices = [right, tempting, *rng.sample(sorted(set(FILLING)), rng.randrange(4))]
    rng.shuffle(choices)
    return {'id': number, 'question': f'{" ".join(rng.choices(FILLING, k=3))} {question}', 'choices': choices, 'label': choices.index(right)}


def rows(n, seed):
    rng = random.Random(seed)
    return [row(rng, seed * 1000 + i) for i in range(n)]


def mistaken(some):
    for one in some[:N_MISTAKEN]:
        one['label'] = (one['label'] + 1) % len(one['choices'])
    return some


def in_columns(some):
    return [{**{key: one[key] for key in ('id', 'question')}, **dict(zip(COLUMNS, one['choices'])), 'label': one['choices'][one['label']]} for one in some]


class Choices(Scenario):
    """One training for all of them: choices beside the intents of tickets, in one encoder."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory(prefix='polytask-scenario-')
        cls.addClassCleanup(folder.cleanup)
        cls.here = Project(folder.name)
        for split, n, seed in (('train', 400, 1), ('dev', 100, 2), ('test', 100, 3)):
            some = rows(n, seed)
            cls.here.write(f'{split}.jsonl', mistaken(some) if split == 'dev' else some)
        cls.here.write('tickets.jsonl', tickets(60, 1)), cls.here.write('tickets.dev.jsonl', tickets(20, 2, 10000))
        cls.here.describe(tasks={'pick': PICK, 'intent': {'type': 'classification', 'dataset': 'tickets', 'text': 'body', 'label': 'intent'}},
                          datasets={'questions': QUESTIONS, 'tickets': {'train': 'tickets.jsonl', 'dev': 'tickets.dev.jsonl'}}, train=TRAIN)
        cls.trained = cls.here.run('train', '--run', 'first', '--output', 'json', timeout=300)
        if cls.trained.code != 0:
            raise AssertionError(str(cls.trained))

    def predict(self, *more, of):
        answer = self.expect(self.here.run('predict', *more, '--task', 'pick', '--input', '-', stdin=''.join(json.dumps(one) + '\n' for one in of)), 0)
        return [one['tasks']['pick'] for one in answer.rows]

    def test_it_learns_which_choice_is_right(self):
        score = self.trained.json['tasks']['pick']
        self.assertEqual((score['metric'], score['n'], sorted(score['all'])), ('accuracy', 100, ['accuracy', 'ece']))
        self.assertGreater(score['value'], 0.9, score)
        self.assertLessEqual(score['interval'][0], score['value'])
        self.assertIn('intent', self.trained.json['tasks'])
        temperature = self.here.run_json('first', 'scores.json')['dev']['pick']['calibration']['temperature']
        self.assertEqual(read_json(self.here.run_folder('first', 'model', 'tasks', 'pick', 'task.json'))['temperature'], temperature)
        compared = self.expect(self.here.run('runs compare', 'first', '--baselines', '--output', 'json', threads=False), 0).json['tasks']['pick']
        self.assertGreater(score['value'], max(compared['majority'], compared['bag_of_words']) + 0.2, compared)

    def test_the_engine_answers_what_the_training_core_did(self):
        stored = [json.loads(line) for line in read_lines(self.here.run_folder('first', 'predictions', 'test.pick.jsonl'))]
        some = rows(100, 3)
        self.assertEqual(len(stored), len(some))
        for line, one, answer in zip(stored, some, self.predict(of=some)):
            self.assertEqual(line['gold'], one['label'])
            self.assertEqual((line['predicted']['choice'], line['predicted']['text']), (answer['choice'], one['choices'][answer['choice']]))
            self.assertEqual(len(answer['scores']), len(one['choices']))
            self.assertAlmostEqual(sum(answer['scores']), 1, delta=1e-4)
            self.assertEqual(answer['score'], max(answer['scores']))
            for mine, other in zip(line['predicted']['scores'], answer['scores']):
                self.assertAlmostEqual(mine, other, delta=1e-3)
        scores = self.expect(self.here.run('evaluate', '--run', 'first', '--output', 'json'), 0).json['tasks']['pick']
        self.assertEqual(scores['all'], self.trained.json['tasks']['pick']['all'])

    def test_answers_are_the_same_in_any_company_and_order(self):
        some = rows(20, 4)
        for precision in ('f32', 'bf16', 'int8'):
            together = self.predict('--precision', precision, of=some)
            self.assertEqual(self.predict('--precision', precision, of=some[::-1])[::-1], together)
            turned = self.predict('--precision', precision, of=[{**one, 'choices': one['choices'][::-1]} for one in some])
            self.assertEqual([answer['text'] for answer in turned], [answer['text'] for answer in together])
            self.assertGreater(sum(answer['choice'] == one['label'] for one, answer in zip(some, together)), 0.8 * len(some), precision)
        alone = [self.predict(of=[one])[0] for one in some[:3]]
        self.assertEqual(alone, self.predict(of=some)[:3])

    def test_rows_without_good_choices_say_why_and_the_others_are_answered(self):
        lines = [{'question': WHERE, 'choices': ['lamp', 'nara']}, {'question': WHERE, 'choices': ['nara']},
                 {'question': WHERE, 'choices': ['nara', 'nara']}, {'question': WHERE}]
        answer = self.expect(self.here.run('predict', '--task', 'pick', '--input', '-', stdin=''.join(json.dumps(one) + '\n' for one in lines)), 3)
        self.assertEqual(answer.rows[0]['tasks']['pick']['text'], 'nara')
        for one, phrase in zip(answer.rows[1:], ('the row has 1 choice; expected 2 to 64', 'are both "nara"', 'carries the columns of no task; expected "question" and "choices"')):
            self.assertIn(phrase, one['error'])

    def test_texts_on_the_command_line_are_a_text_and_its_choices(self):
        given = [word for text in (WHERE, 'lamp', 'Zürich', 'soon') for word in ('--text', text)]
        answer = self.expect(self.here.run('predict', *given), 0).rows[0]['tasks']
        self.assertEqual(list(answer), ['pick'])
        self.assertEqual((answer['pick']['choice'], answer['pick']['text'], len(answer['pick']['scores'])), (1, 'Zürich', 3))
        self.expect(self.here.run('predict', *given[:4]), 3, '')
        self.expect(self.here.run('predict', *(['--text', 'x'] * 66)), 2, 'a text and its choices 3 to 65 times')

    def test_wrong_answers_are_listed_and_shown(self):
        misses = [json.loads(line) for line in read_lines(self.here.run_folder('first', 'misses.jsonl'))]
        wrong = [miss for miss in misses if miss['task'] == 'pick']
        self.assertGreaterEqual(len(wrong), N_MISTAKEN - 2)
        for miss in wrong:
            self.assertNotEqual(miss['gold'], miss['predicted']['choice'])
            self.assertEqual(miss['text'][1 + miss['predicted']['choice']], miss['predicted']['text'])
        page = '\n'.join(read_lines(self.here.run_folder('first', 'report.html')))
        self.assertIn('multiple choice', page)

    def test_a_package_holds_the_task_and_its_card_says_what_it_answers(self):
        self.expect(self.here.run('package', '--run', 'first', '--to', 'picks', threads=False), 0)
        card = '\n'.join(read_lines(self.here.path('picks', 'tasks', 'pick', 'card.md')))
        self.assertIn('One of the choices (choices) that stand beside a text (question), whatever their number.', card)
        some = rows(10, 12)
        by_package = self.expect(self.here.run('predict', '--package', 'picks', '--task', 'pick', '--input', '-', stdin=''.join(json.dumps(one) + '\n' for one in some)), 0)
        self.assertEqual([one['tasks']['pick'] for one in by_package.rows], self.predict(of=some))
        quantized = self.expect(self.here.run('quantize', '--package', 'picks', '--to', 'small', '--max-drop', '50', '--output', 'json'), 0)
        self.assertIn('pick', quantized.json['losses'])
        measured = self.expect(self.here.run('bench', '--package', 'picks', '--seconds', '0.1', '--precision', 'f32', '--output', 'json'), 0).json
        self.assertGreater(measured['rows'][0]['texts_per_second'], 0)

    def test_choices_in_columns_and_stored_states_of_frozen_layers_learn_too(self):
        other = self.project('columns')
        for split, n, seed in (('train', 150, 5), ('dev', 60, 6)):
            other.write(f'{split}.jsonl', in_columns(rows(n, seed)))
        other.describe(tasks={'pick': {**PICK, 'choices': COLUMNS}}, datasets={'questions': {'train': 'train.jsonl', 'dev': 'dev.jsonl'}},
                       encoder=self.here.run_folder('first', 'model', 'encoder'), train={**TRAIN, 'epochs': 6, 'frozen_layers': 1})
        self.expect(other.run('validate', threads=False), 0)
        trained = self.expect(other.run('train', '--run', 'x', '--output', 'json', timeout=300), 0)
        self.assertGreater(trained.json['tasks']['pick']['value'], 0.6)
        answer = self.expect(other.run('predict', '--text', WHERE, '--text', 'lamp', '--text', 'nara'), 0)
        self.assertEqual(len(answer.rows[0]['tasks']['pick']['scores']), 2)

    def test_what_does_not_fit_is_found_with_its_place(self):
        bad = self.project('bad')
        good = rows(20, 20)
        lines = [{**good[0], 'label': 9}, {**good[1], 'choices': ['lamp']}, {**good[2], 'choices': ['lamp', '']}, {**good[3], 'choices': ['lamp', 'lamp']},
                 {**good[4], 'choices': ['lamp', None], 'label': 0}, {**good[5], 'choices': ['lamp', 'chair'], 'label': 'table'},
                 {**good[6], 'choices': ['1', '2'], 'label': '1'}, {**good[7], 'choices': [str(i) for i in range(65)]},
                 {key: value for key, value in good[8].items() if key != 'choices'}, *good[9:]]
        bad.write('bad.jsonl', lines)
        bad.describe(tasks={'pick': {**PICK, 'dataset': 'bad'}}, datasets={'bad': {'train': 'bad.jsonl'}}, train=TRAIN)
        answer = self.expect(bad.run('validate', '--output', 'json', threads=False), 3)
        found = {int(problem['where'].split(':')[-1]): (problem['kind'], problem['message']) for problem in answer.json['problems'] if ':' in problem['where']}
        for line, kind, phrase in ((1, 'unreadable-label', 'column "label" is 9; expected the number of the right one of'),
                                   (2, 'unreadable-row', 'the row has 1 choice; expected 2 to 64'), (3, 'unreadable-row', 'choice 1 of column "choices" is empty'),
                                   (4, 'unreadable-row', 'the choices 0 and 1 are both "lamp"'), (5, 'unreadable-row', 'expected a list of texts'),
                                   (6, 'unreadable-label', '"table", the text of none of the row\'s choices'), (7, 'unreadable-label', 'which is the text of choice 0 and the number of choice 1'),
                                   (8, 'unreadable-row', 'the row has 65 choices'), (9, 'unreadable-row', 'the row has no column "choices"')):
            self.assertEqual(found[line][0], kind, line)
            self.assertIn(phrase, found[line][1])
        self.expect(bad.run('train', '--run', 'x'), 3, 'the data has errors')

    def test_init_knows_choices_in_a_list_and_in_columns(self):
        new = self.project('new')
        new.write('numbered/train.jsonl', in_columns([one for one in rows(200, 30) if len(one['choices']) == 5]))
        new.write('listed/train.jsonl', rows(60, 31))
        found = self.expect(new.run('init', '--output', 'json', threads=False), 0).json
        self.assertEqual({(task['type'], tuple(task['text']), task['label']) for task in found['tasks']}, {('multiple_choice', ('question',), 'label')})
        self.assertEqual(len(found['tasks']), 2)
        project = '\n'.join(read_lines(new.path('polytask.yaml')))
        self.assertIn(f'choices: [{", ".join(COLUMNS)}]', project)
        self.assertIn('choices: choices', project)
        self.expect(new.run('validate', threads=False), 0)

    def test_the_settings_are_checked(self):
        wrong = self.project('wrong')
        for change, phrase in (({'text': ['question', 'label']}, 'expected one column, beside the choices'), ({'choices': []}, 'name the column that holds the list of its choices'),
                               ({'labels': ['a']}, 'every row has choices of its own'), ({'choices': [f'c{i}' for i in range(65)]}, 'at most 64 columns'),
                               ({'metric': 'macro_f1'}, 'expected accuracy for multiple_choice'), ({'stride': 3}, 'belongs to tasks of the type span')):
            wrong.describe(tasks={'pick': {**PICK, **change}}, datasets={'questions': QUESTIONS})
            self.expect(wrong.run('validate', threads=False), 2, phrase)
        wrong.describe(tasks={'intent': {'type': 'classification', 'dataset': 'questions', 'text': 'question', 'label': 'x', 'choices': 'y'}}, datasets={'questions': QUESTIONS})
        self.expect(wrong.run('validate', threads=False), 2, 'belongs to tasks of the type multiple_choice')


if __name__ == '__main__':
    unittest.main()
