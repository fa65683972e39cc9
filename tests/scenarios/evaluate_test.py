"""`polytask evaluate`, and `runs` over real runs: scores, comparisons, baselines."""
import json
import os
import shutil
import unittest

from support import FOUR_TASKS, INTENT, Trained, tickets

JSON = ('--output', 'json')


class Evaluate(Trained):
    def assert_close(self, found, expected):
        """Numbers to the fourth digit: LibTorch scored the run, the engine scores now."""
        if isinstance(expected, dict):
            self.assertEqual(set(found), set(expected))
            for key, value in expected.items():
                self.assert_close(found[key], value)
        elif isinstance(expected, list):
            self.assertEqual(len(found), len(expected))
            for pair in zip(found, expected):
                self.assert_close(*pair)
        elif isinstance(expected, float):
            self.assertAlmostEqual(found, expected, places=4)
        else:
            self.assertEqual(found, expected)

    def test_the_scores_are_those_that_train_printed(self):
        answer = self.expect(self.trained.run('evaluate', '--run', 'shared', *JSON), 0).json
        self.assertEqual(set(answer), {'run', 'split', 'tasks'})
        self.assertEqual((answer['run'], answer['split']), ('shared', 'test'))
        for task, score in self.answer.json['tasks'].items():
            self.assert_close({key: answer['tasks'][task][key] for key in score}, score)
        self.assertEqual(sum(map(sum, answer['tasks']['intent']['confusion'])), 30)

    def test_another_split_has_the_scores_that_the_run_stored(self):
        answer = self.expect(self.trained.run('evaluate', '--split', 'dev', *JSON), 0).json
        stored = self.trained.run_json('shared', 'scores.json')['dev']
        self.assertEqual(answer['split'], 'dev')
        self.assert_close({task: score['all'] for task, score in answer['tasks'].items()}, {task: score['all'] for task, score in stored.items()})
        self.assertEqual(self.expect(self.trained.run('evaluate', '--split', 'train', *JSON), 0).json['tasks']['intent']['n'], 120)

    def test_the_score_is_what_the_answers_give(self):
        rows = tickets(30, 3, 20000)
        answers = self.trained.run('predict', '--input', 'test.jsonl').rows
        right = sum(answer['tasks']['intent']['label'] == row['intent'] for answer, row in zip(answers, rows))
        self.assertAlmostEqual(self.answer.json['tasks']['intent']['value'], right / 30, places=6)

    def test_the_text_output_names_task_metric_rows_and_interval(self):
        answer = self.expect(self.trained.run('evaluate'), 0)
        self.assertRegex(answer.out, r'(?m)^intent \(accuracy, 30 rows of test\)\n  accuracy +\d\.\d{4}   \d\.\d{4} to \d\.\d{4}$')
        self.assertEqual(answer.err, '')

    def test_files_are_scored_as_they_are_now(self):
        before = tickets(30, 3, 20000)
        self.addCleanup(self.trained.write, 'test.jsonl', before)
        self.trained.write('test.jsonl', before[:7])
        self.assertEqual(self.trained.run('evaluate', *JSON).json['tasks']['intent']['n'], 7)
        self.trained.write('test.jsonl', [{**before[0], 'intent': 'unheard'}])
        self.expect(self.trained.run('evaluate'), 3, 'test.jsonl:1: label "unheard" of task "intent"', 'nothing was evaluated')
        self.trained.write('test.jsonl', [{'body': 'unlabelled'}])
        self.expect_one_sentence(self.trained.run('evaluate'), 3, 'the split "test" has no labelled row')

    def test_a_changed_file_moves_its_declared_split_and_that_is_said(self):
        project = self.project().describe(tasks={'intent': INTENT}, datasets={'tickets': {'train': 'train.jsonl', 'split': {'test': 0.2}}})
        rows = tickets(80, 1)
        project.write('train.jsonl', rows)
        self.expect(project.run('train', '--run', 'a'), 0)
        self.assertEqual(self.expect(project.run('evaluate'), 0).err, '')
        project.write('train.jsonl', rows[1:])
        warning = r'^warning: the files, the split or the seed of dataset "tickets" have changed since the run "a" was trained, and its split is cut anew'
        self.assertRegex(self.expect(project.run('evaluate'), 0).err, warning)
        project.write('train.jsonl', rows)
        for change in 'seed=2', 'datasets.tickets.split.test=0.3':
            self.assertRegex(self.expect(project.run('evaluate', '--set', change), 0).err, warning)

    def test_a_task_without_test_rows_beside_others_is_scored_on_dev(self):
        project = self.project().fill(60, 20, 20)
        project.write('more.jsonl', tickets(60, 5))
        project.write('more-dev.jsonl', tickets(20, 6))
        project.describe(tasks={'intent': INTENT, 'other': {**INTENT, 'dataset': 'more'}},
                         datasets={'tickets': {'train': 'train.jsonl', 'test': 'test.jsonl'}, 'more': {'train': 'more.jsonl', 'dev': 'more-dev.jsonl'}})
        trained = self.expect(project.run('train', '--run', 'a', *JSON), 0).json
        self.assertEqual((trained['split'], trained['tasks']['intent'].get('split'), trained['tasks']['other']['split']), ('test', None, 'dev'))
        self.assertEqual(self.expect(project.run('evaluate'), 0).err, 'note: task "other" has no labelled row in test\n')

    def test_a_score_that_is_not_defined_is_null(self):
        before = tickets(30, 3, 20000)
        self.addCleanup(self.trained.write, 'test.jsonl', before)
        self.trained.write('test.jsonl', [{**row, 'urgency': 2} for row in before[:5]])
        score = self.expect(self.trained.run('evaluate', *JSON), 0).json['tasks']['urgency']
        self.assertEqual((score['value'], score['interval']), (None, [None, None]))

    def test_a_task_that_became_another_one_is_a_conflict(self):
        project = self.project()
        shutil.copytree(self.trained.folder, project.folder, dirs_exist_ok=True)
        project.describe(tasks={**FOUR_TASKS, 'intent': {**INTENT, 'type': 'multilabel'}})
        self.expect(project.run('evaluate', '--run', 'shared'), 5, 'task "intent" of run "shared"', '"classification"', '"multilabel"')
        project.describe(tasks={**FOUR_TASKS, 'intent': {**INTENT, 'text': ['body', 'id']}})
        self.expect(project.run('evaluate', '--run', 'shared'), 5, 'task "intent" of run "shared"', '"body"', '"body, id"')
        project.describe(tasks={**FOUR_TASKS, 'intent': {**INTENT, 'labels': ['order', 'refund', 'track', 'thank']}})
        self.expect(project.run('evaluate', '--run', 'shared'), 5, 'task "intent" of run "shared"', 'only in the model: none, only in the project: "thank"')

    def test_the_number_of_threads_changes_no_score(self):
        one = self.expect(self.trained.run('evaluate', *JSON), 0).json
        self.assertEqual(self.expect(self.trained.run('evaluate', '--threads', '2', *JSON, threads=False), 0).json['tasks']['intent'], one['tasks']['intent'])

    def test_wrong_uses_are_one_sentence(self):
        self.expect_one_sentence(self.trained.run('evaluate', '--split', 'tst'), 2, 'expected train, dev or test')
        self.expect_one_sentence(self.trained.run('evaluate', '--run', 'sharde'), 3, 'did you mean "shared"?')


class Compare(Trained):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for run, task in ('intent-alone', 'intent'), ('urgency-alone', 'urgency'):
            answer = cls.trained.run('train', '--run', run, '--only', task)
            if answer.code != 0:
                raise AssertionError(str(answer))

    def compare(self, *runs, code=0, **how):
        return self.expect(self.trained.run('runs compare', *runs, threads=False, **how), code)

    def test_runs_are_listed_oldest_first_and_the_latest_is_taken(self):
        listed = self.expect(self.trained.run('runs', *JSON), 0).json
        self.assertEqual([(run['run'], run['status']) for run in listed], [('shared', 'complete'), ('intent-alone', 'complete'), ('urgency-alone', 'complete')])
        self.assertEqual(self.trained.run('evaluate', *JSON).json['run'], 'urgency-alone')
        answer = self.expect(self.trained.run('predict', '--text', 'buy a lamp'), 0)
        self.assertEqual((list(answer.rows[0]['tasks']), answer.err), (['urgency'], 'note: the latest complete run answers, "urgency-alone"; --run chooses another\n'))
        self.assertRegex(self.expect(self.trained.run('runs'), 0).out, r'(?m)^shared +complete +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z +\d+ s  intent 0\.\d{3}, ')

    def test_the_first_run_is_compared_with_the_others_task_by_task(self):
        answer = self.compare('shared', 'intent-alone', 'urgency-alone', *JSON).json
        self.assertEqual((answer['together'], set(answer['tasks'])), ('shared', set(FOUR_TASKS)))
        intent = answer['tasks']['intent']
        self.assertEqual((intent['metric'], intent['alone_run'], answer['tasks']['urgency']['alone_run'], answer['tasks']['topics']['alone_run']),
                         ('accuracy', 'intent-alone', 'urgency-alone', None))
        self.assertAlmostEqual(intent['difference'], intent['together'] - intent['alone'], places=5)
        self.assertLessEqual(intent['interval'][0], intent['difference'])
        self.assertLessEqual(intent['difference'], intent['interval'][1])
        self.assertAlmostEqual(intent['together'], self.answer.json['tasks']['intent']['value'], places=5)
        self.assertEqual(answer['encoder_passes'], {'alone': 2, 'together': 1.5}, 'the upper of two layers is there twice: for whole texts and for words')
        self.assertGreater(answer['model_bytes']['alone'], answer['model_bytes']['together'])
        table = self.compare('shared', 'intent-alone', 'urgency-alone').out
        self.assertIn('; 2 tasks not compared: no run has them alone', table)
        self.assertNotIn('all alone', table, 'the cost of two tasks is not that of all')

    def test_a_run_equals_itself(self):
        answer = self.compare('shared', 'shared', *JSON).json
        for task in answer['tasks'].values():
            self.assertEqual((task['difference'], task['interval']), (0, [0, 0]))

    def test_baselines_need_no_encoder(self):
        answer = self.compare('shared', '--baselines', *JSON).json['tasks']
        labels = [row['intent'] for row in tickets(30, 3, 20000)]
        train = [row['intent'] for row in tickets(120, 1)]
        majority = max(sorted(set(train)), key=train.count)
        self.assertAlmostEqual(answer['intent']['majority'], labels.count(majority) / 30, places=5)
        self.assertGreater(answer['intent']['bag_of_words'], 0.9)
        table = self.compare('shared', 'intent-alone', '--baselines').out
        self.assertRegex(table, r'(?m)^task +metric +majority +bag-of-words +alone +together +difference')

    def test_where_the_command_is_called_from_changes_nothing(self):
        elsewhere = self.project('elsewhere')
        project = ('--project', os.path.relpath(self.trained.path('polytask.yaml'), elsewhere.folder))
        self.expect(elsewhere.run('train', '--run', 'from-elsewhere', *project), 0)
        self.addCleanup(lambda: shutil.rmtree(self.trained.run_folder('from-elsewhere')))
        self.assertEqual(self.trained.hashes('from-elsewhere'), self.trained.hashes('shared'))
        self.assertEqual(self.compare('shared', 'from-elsewhere', *JSON).json['tasks']['intent']['difference'], 0)
        answer = self.expect(elsewhere.run('runs compare', 'shared', '--baselines', *project, *JSON, threads=False), 0).json
        self.assertEqual(answer['tasks']['intent']['majority'], self.compare('shared', '--baselines', *JSON).json['tasks']['intent']['majority'])

    def test_runs_over_other_rows_cannot_be_compared(self):
        before = tickets(30, 3, 20000)
        self.addCleanup(self.trained.write, 'test.jsonl', before)
        self.trained.write('test.jsonl', before[1:])
        self.expect(self.trained.run('train', '--run', 'other-rows', '--only', 'intent'), 0)
        answer = self.compare('shared', 'other-rows', code=5)
        self.assertIn('were scored on other rows of task "intent"', answer.err)
        self.assertEqual(answer.out, '')

    def test_an_unknown_run_is_named_with_the_nearest(self):
        self.assertIn('did you mean "intent-alone"?', self.compare('shared', 'intent-lone', code=3).err)


if __name__ == '__main__':
    unittest.main()
