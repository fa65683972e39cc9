"""`polytask train`: the contract of its JSON, the run's folder, and what makes two runs the same."""
import json
import os
import pty
import random
import re
import resource
import statistics
import subprocess
import threading
import unittest

from support import FOUR_TASKS, INTENT, SCRATCH, TICKETS, Project, Scenario, Trained, arguments, environment, limited, mistaken, read_lines, tickets

PAIR = {'type': 'classification', 'dataset': 'pairs', 'text': ['left', 'right'], 'label': 'same'}


def pairs(n):
    return [{'left': f'left number {i}', 'right': f'right number {i % 2}', 'same': i % 2} for i in range(n)]


class Contract(Trained):
    """What one training leaves behind, looked at from all sides."""

    def test_the_json_has_the_keys_of_the_contract(self):
        answer = self.answer.json
        self.assertLessEqual({'run', 'split', 'tasks', 'seconds', 'tokens_per_second', 'examples_drawn', 'resumed_from_step'}, set(answer))
        self.assertEqual((answer['run'], answer['split'], answer['resumed_from_step']), ('shared', 'test', 0))
        self.assertGreater(answer['seconds'], 0)
        self.assertGreater(answer['tokens_per_second'], 0)
        metrics = {'intent': 'accuracy', 'urgency': 'pearson', 'topics': 'micro_f1', 'products': 'span_f1'}
        self.assertEqual({name: score['metric'] for name, score in answer['tasks'].items()}, metrics)
        for score in answer['tasks'].values():
            low, high = score['interval']
            self.assertLessEqual(low, score['value'])
            self.assertLessEqual(score['value'], high)
            self.assertEqual((score['n'], score['all'][score['metric']]['value']), (30, score['value']))
        self.assertLessEqual({'accuracy', 'macro_f1', 'micro_f1', 'mcc', 'average_precision', 'ece'}, set(answer['tasks']['intent']['all']))

    def test_as_many_rows_are_drawn_as_the_epochs_say(self):
        self.assertEqual(self.answer.json['examples_drawn'], dict.fromkeys(FOUR_TASKS, 2 * 120))

    def test_it_says_before_the_first_step_how_much_there_is_to_do(self):
        first = self.answer.err.splitlines()[0]
        self.assertRegex(first, r'^15 steps of about \d+ tokens over 240 rows, .* parameters; about \d+ s$')

    def test_without_a_terminal_progress_is_plain_lines(self):
        self.assertRegex(self.answer.err, r'(?m)^step 15/15  \d+ tokens/s  0 s left  intent [\d.]+ products [\d.]+ topics [\d.]+ urgency [\d.]+$')
        self.assertRegex(self.answer.err, r'(?m)^dev after step 15:  intent [\d.]+ ')
        self.assertNotRegex(self.answer.err, r'[\r\x1b]')

    def test_the_run_folder_holds_what_the_reference_says(self):
        folder = self.trained.run_folder('shared')
        documented = {'config.json', 'environment.json', 'state.json', 'metrics.jsonl', 'checkpoints', 'model', 'predictions', 'scores.json', 'misses.jsonl', 'result.json', 'report.html', 'lock'}
        self.assertEqual(set(os.listdir(folder)), documented)
        self.assertEqual(set(self.trained.hashes('shared')),
                         {'model.json', 'private/words.safetensors'} | {f'tasks/{task}/{name}' for task in FOUR_TASKS for name in ('task.json', 'head.safetensors')}
                         | {f'encoder/{name}' for name in ('config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json', 'vocab.txt')})
        self.assertEqual(set(os.listdir(self.trained.run_folder('shared', 'predictions'))), {f'{split}.{task}.jsonl' for split in ('dev', 'test') for task in FOUR_TASKS})
        self.assertEqual(self.trained.leftovers(), [])

    def test_the_configuration_is_written_out_with_every_default_and_the_hashes(self):
        config = self.trained.run_json('shared', 'config.json')
        self.assertEqual((config['seed'], config['threads'], config['train']['weight_decay'], config['train']['sampling']['type']), (1, 1, 0.01, 'temperature'))
        self.assertIn(config['train']['precision'], ('f32', 'bf16'), 'what auto was here')
        self.assertEqual(len(config['data_sha256']['tickets']), 64)

    def test_metrics_have_a_line_a_step_and_a_line_an_evaluation(self):
        lines = [json.loads(line) for line in read_lines(self.trained.run_folder('shared', 'metrics.jsonl'))]
        self.assertEqual([line['step'] for line in lines if 'loss' in line], list(range(1, 16)))
        self.assertEqual([line['step'] for line in lines if 'dev' in line], [8, 15])
        self.assertEqual(set(lines[0]['task_loss']), set(FOUR_TASKS))

    def test_the_misses_and_predictions_name_their_rows(self):
        misses = [json.loads(line) for line in read_lines(self.trained.run_folder('shared', 'misses.jsonl'))]
        self.assertTrue(misses)
        for miss in misses:
            self.assertRegex(miss['where'], r'^dev\.jsonl:\d+$')
        predicted = read_lines(self.trained.run_folder('shared', 'predictions', 'test.intent.jsonl'))
        self.assertEqual([json.loads(line)['row'] for line in predicted], [f'test.jsonl:{i}' for i in range(1, 31)])

    def test_the_page_is_one_file_that_loads_nothing(self):
        with open(self.trained.run_folder('shared', 'report.html'), encoding='utf-8') as file:
            page = file.read()
        for task in FOUR_TASKS:
            self.assertIn(task, page)
        self.assertNotRegex(page, r'(src|href)="(https?:)?//')

    def test_two_tasks_on_one_dataset_pass_through_the_encoder_once(self):
        self.assertEqual(self.trained.run('train', '--run', 'intent-alone', '--only', 'intent').code, 0)
        last = [json.loads(read_lines(self.trained.run_folder(run, 'metrics.jsonl'))[-2]) for run in ('shared', 'intent-alone')]
        self.assertEqual(last[0]['tokens'], last[1]['tokens'])
        self.assertGreater(last[0]['tokens'], 240 * 8)
        compared = self.trained.run('runs compare', 'shared', 'intent-alone', '--output', 'json', threads=False).json
        self.assertEqual(compared['encoder_passes']['together'], 1.5, 'and once more through the upper of two layers, for the words')

    def test_a_similarity_begins_as_the_line_through_the_cosines_of_its_training_rows(self):
        words = ['lamp', 'chair', 'table', 'phone', 'book', 'sofa', 'desk', 'shelf']
        rng = random.Random(1)
        rows = [(rng.sample(words, 4), rng.sample(words, 4)) for _ in range(80)]
        project = self.project()
        project.write('pairs.jsonl', [{'left': ' '.join(left), 'right': ' '.join(right), 'near': 40 + 20 * len(set(left) & set(right))} for left, right in rows])
        project.describe(tasks={'near': {'type': 'regression', 'dataset': 'pairs', 'text': ['left', 'right'], 'label': 'near'}}, datasets={'pairs': {'train': 'pairs.jsonl'}},
                         train={'learning_rate': 1e-12, 'epochs': 0.1})
        self.expect(project.run('train', '--run', 'a'), 0)
        answers = self.expect(project.run('predict', '--input', 'pairs.jsonl'), 0).rows
        found = [answer['tasks']['near']['value'] for answer in answers]
        wanted = [40 + 20 * len(set(left) & set(right)) for left, right in rows]
        self.assertAlmostEqual(statistics.mean(found), statistics.mean(wanted), delta=0.5)
        self.assertGreater(statistics.correlation(found, wanted), 0.6, 'an encoder that has learned nothing sees which words are the same')

    def test_a_complete_run_is_left_alone(self):
        before = {name: os.stat(os.path.join(folder, name)).st_mtime_ns for folder, _, names in os.walk(self.trained.run_folder('shared')) for name in names}
        for resume in [], ['--resume']:
            answer = self.expect(self.trained.run('train', '--run', 'shared', '--output', 'json', *resume), 0)
            self.assertEqual(answer.json, self.answer.json)
        self.assertIn('is complete and unchanged', self.expect(self.trained.run('train', '--run', 'shared'), 0).out)
        self.assertEqual({name: os.stat(os.path.join(folder, name)).st_mtime_ns for folder, _, names in os.walk(self.trained.run_folder('shared')) for name in names}, before)

    def test_a_default_that_is_written_out_changes_nothing(self):
        defaults = {'train.private_layers': 1, 'train.dropout': 0.1, 'train.pooling': 'mean', 'train.warmup_ratio': 0.1}
        self.assertIn('is complete and unchanged', self.expect(self.trained.run(
            'train', '--run', 'shared', *(part for key, value in defaults.items() for part in ('--set', f'{key}={value}'))), 0).out)
        self.expect_one_sentence(self.trained.run('train', '--run', 'shared', '--set', 'train.private_layers=0'), 5, ' train.private_layers;')

    def test_a_changed_configuration_is_refused_naming_the_keys(self):
        answer = self.expect_one_sentence(self.trained.run('train', '--run', 'shared', '--set', 'train.epochs=3', '--set', 'seed=7', '--resume'), 5, ' train.epochs', ' seed')
        self.assertNotIn('learning_rate', answer.err)
        self.expect_one_sentence(self.trained.run('train', '--run', 'shared', '--threads', '2', threads=False), 5, ' threads')
        self.expect_one_sentence(self.trained.run('train', '--run', 'shared', '--only', 'intent'), 5, ' only')

    def test_changed_data_are_refused(self):
        row = read_lines(self.trained.path('train.jsonl'))
        self.addCleanup(self.trained.write, 'train.jsonl', '\n'.join(row) + '\n')
        self.trained.write('train.jsonl', '\n'.join(row[:-1]) + '\n')
        self.expect_one_sentence(self.trained.run('train', '--run', 'shared'), 5, ' data_sha256.tickets')

    def test_the_encoder_of_a_run_is_an_encoder_for_another_project(self):
        project = self.project().fill(60, 12, 12).describe(encoder=self.trained.run_folder('shared', 'model', 'encoder'), train={'max_length': 10})
        found = self.expect(project.run('validate', '--output', 'json'), 0).json
        cut = [problem for problem in found['problems'] if problem['kind'] == 'text-cut']
        self.assertTrue(cut)
        self.assertRegex(cut[0]['message'], r'^the text has \d+ tokens, \d+ more than train.max_length \(10\) keeps')
        answer = self.expect(project.run('train', '--run', 'a', '--output', 'json'), 0, 'training texts are cut at train.max_length')
        self.assertIsNotNone(answer.json['tasks']['intent']['value'])
        self.assertEqual(len(project.run_json('a', 'config.json')['encoder_sha256']['model.safetensors']), 64)


class Reproducible(Scenario):
    def test_equal_runs_have_equal_bits_wherever_and_whenever_they_are_made(self):
        hashes = []
        for name, run in ('first', 'quixotic-run'), ('somewhere-else', 'another-name'):
            project = self.project(name).fill().describe()
            self.expect(project.run('train', '--run', run), 0)
            hashes.append(project.hashes(run))
        self.assertEqual(hashes[0], hashes[1])
        self.expect(project.run('train', '--run', 'other-seed', '--set', 'seed=2'), 0)
        self.assertNotEqual(project.hashes('other-seed')['encoder/model.safetensors'], hashes[0]['encoder/model.safetensors'])

    def test_no_weight_file_holds_the_run_its_time_or_a_path(self):
        project = self.project('quixotic-folder').fill().describe()
        self.expect(project.run('train', '--run', 'zebra-crossing'), 0)
        started = project.run_json('zebra-crossing', 'state.json')['started']
        n_files = 0
        for folder, _, names in os.walk(project.run_folder('zebra-crossing')):
            for name in names:
                if not (name.endswith('.safetensors') or os.sep + 'model' in folder):
                    continue
                n_files += 1
                with open(os.path.join(folder, name), 'rb') as file:
                    content = file.read()
                for secret in 'zebra', 'quixotic', self.scratch_folder.name, started[:10], started[:10].replace('-', ''):
                    self.assertNotIn(secret.encode(), content, f'{secret} in {name}')
        self.assertGreater(n_files, 9)

    def test_threads_are_part_of_what_a_run_is(self):
        project = self.project().fill().describe()
        self.expect(project.run('train', '--run', 'two', '--threads', '2', threads=False), 0)
        self.expect(project.run('train', '--run', 'again', '--threads', '2', threads=False), 0)
        self.assertEqual(project.run_json('two', 'config.json')['threads'], 2)
        self.assertEqual(project.hashes('two'), project.hashes('again'))


class Calibrated(Scenario):
    def temperatures(self, project):
        found = {}
        for task in FOUR_TASKS:
            with open(project.run_folder('a', 'model', 'tasks', task, 'task.json'), encoding='utf-8') as file:
                found[task] = json.load(file).get('temperature')
        return found

    def test_probabilities_are_fitted_to_dev(self):
        project = self.project().fill(300).describe(train={'epochs': 8, 'learning_rate': 0.005})
        project.write('dev.jsonl', mistaken(tickets(200, 2, 10000)))
        answer = self.expect(project.run('train', '--run', 'a', '--output', 'json'), 0).json
        found, dev = self.temperatures(project), project.run_json('a', 'scores.json')['dev']
        self.assertEqual((found['urgency'], found['products']), (None, None))
        self.assertNotEqual(found['intent'], 1)
        self.assertNotEqual(found['topics'], 1)
        calibration = dev['intent']['calibration']
        self.assertEqual((calibration['temperature'], calibration['ece_after']), (found['intent'], dev['intent']['all']['ece']['value']))
        self.assertLess(calibration['ece_after'], calibration['ece_before'])
        self.assertEqual(dev['topics']['calibration'], {'temperature': found['topics']})
        self.assertNotIn('calibration', answer['tasks']['intent'])
        evaluated = self.expect(project.run('evaluate', '--split', 'dev', '--output', 'json'), 0).json
        self.assertEqual(evaluated['tasks']['intent']['all']['ece'], dev['intent']['all']['ece'])

    def test_few_dev_rows_leave_them_as_they_are(self):
        project = self.project().fill(120, 49, 20).describe()
        self.expect(project.run('train', '--run', 'a'), 0)
        self.assertEqual(self.temperatures(project), {'intent': 1, 'urgency': None, 'topics': 1, 'products': None})
        self.assertNotIn('calibration', project.run_json('a', 'scores.json')['dev']['intent'])


class Train(Scenario):
    def drawn(self, sampling, n_rows=(120, 30), **train):
        project = self.project().describe(tasks={'intent': INTENT, 'same': PAIR}, datasets={'tickets': {'train': 'train.jsonl'}, 'pairs': {'train': 'pairs.jsonl'}},
                                          train={'epochs': 1, 'sampling': sampling, **train})
        project.write('train.jsonl', tickets(n_rows[0], 1))
        project.write('pairs.jsonl', pairs(n_rows[1]))
        drawn = self.expect(project.run('train', '--run', json.dumps(sampling).translate({ord(c): '-' for c in '{}[]": ,'}).strip('-'), '--output', 'json'), 0).json['examples_drawn']
        self.assertEqual(sum(drawn.values()), sum(n_rows))
        return drawn['intent'], drawn['same']

    def test_the_mixture_is_what_the_sampling_says(self):
        self.assertEqual(self.drawn({'type': 'proportional'}), (120, 30))
        self.assertEqual(self.drawn({'type': 'uniform'}), (75, 75))
        self.assertEqual(self.drawn({'type': 'temperature', 'temperature': 2}), (100, 50))
        self.assertEqual(self.drawn({'type': 'specified', 'weights': {'tickets': 1, 'same': 4}}), (30, 120))
        self.assertEqual(self.drawn({'type': 'proportional', 'examples_cap': 30}), (75, 75))

    def test_rows_teach_only_the_tasks_they_have_labels_of(self):
        rows = tickets(90, 1)
        for row in rows[30:60]:
            del row['intent']
        for row in rows[60:]:
            del row['urgency'], row['topics'], row['products']
        project = self.project().fill().describe(train={'epochs': 1})
        project.write('train.jsonl', rows)
        answer = self.expect(project.run('train', '--run', 'a', '--output', 'json'), 0).json
        self.assertEqual(answer['examples_drawn'], {'intent': 60, 'urgency': 60, 'topics': 60, 'products': 60})

    def test_rows_without_any_label_are_counted_before_the_first_step(self):
        project = self.project().fill().describe(tasks={'intent': INTENT})
        project.write('train.jsonl', tickets(60, 1) + [{'body': f'nothing is known of {i}'} for i in range(7)])
        answer = self.expect(project.run('train'), 0, 'tickets: 7 training rows without a label of any task are never drawn')
        self.assertRegex(answer.out, r'(?m)^labelled rows trained on: intent \d+$')

    def test_rows_without_any_label_are_never_drawn(self):
        project = self.project().fill().describe(tasks={'intent': INTENT}, train={'epochs': 2})
        project.write('train.jsonl', tickets(40, 1) + [{'body': f'unlabelled {i}'} for i in range(20)])
        self.assertEqual(self.expect(project.run('train', '--run', 'a', '--output', 'json'), 0).json['examples_drawn'], {'intent': 80})

    def test_it_learns_what_can_be_read_off_the_words(self):
        project = self.project().fill(300, 40, 60).describe(train={'epochs': 20, 'learning_rate': 0.01})
        tasks = self.expect(project.run('train', '--run', 'a', '--output', 'json'), 0).json['tasks']
        self.assertGreater(tasks['intent']['value'], 0.9)
        self.assertGreater(tasks['products']['value'], 0.9)
        self.assertGreater(tasks['urgency']['value'], 0.8)
        self.assertGreater(tasks['topics']['value'], 0.6)

    def test_only_trains_the_named_tasks_and_reads_their_files_alone(self):
        project = self.project().fill().describe(tasks={**FOUR_TASKS, 'same': PAIR}, datasets={'tickets': TICKETS, 'pairs': {'train': 'absent.jsonl'}})
        answer = self.expect(project.run('train', '--run', 'a', '--only', 'intent', '--only', 'urgency', '--output', 'json'), 0).json
        self.assertEqual(set(answer['tasks']), {'intent', 'urgency'})
        self.assertEqual(set(os.listdir(project.run_folder('a', 'model', 'tasks'))), {'intent', 'urgency'})
        self.expect_one_sentence(project.run('train', '--run', 'b', '--only', 'intend'), 2, 'there is no task "intend"; did you mean "intent"?')

    def test_a_run_without_a_name_is_named_after_project_and_time(self):
        project = self.project().fill().describe()
        run = self.expect(project.run('train', '--output', 'json'), 0).json['run']
        self.assertRegex(run, r'^helpdesk-\d{8}-\d{6}$')
        self.assertEqual(os.listdir(project.run_folder('')), [run])

    def test_the_text_output_is_a_table_and_says_where_the_page_lies(self):
        project = self.project().fill().describe(tasks={'intent': INTENT})
        answer = self.expect(project.run('train', '--run', 'a'), 0)
        self.assertRegex(answer.out, r'(?m)^intent +accuracy +0\.\d{4}   0\.\d{4} to \d\.\d{4}   30$')
        self.assertTrue(os.path.isfile(project.path(re.search(r'its page: (.*)', answer.out)[1])))

    def test_scores_are_of_dev_where_there_is_no_test(self):
        project = self.project().fill().describe(datasets={'tickets': {'train': 'train.jsonl', 'dev': 'dev.jsonl'}})
        answer = self.expect(project.run('train', '--run', 'a', '--output', 'json'), 0).json
        self.assertEqual((answer['split'], answer['tasks']['intent']['n']), ('dev', 30))

    def test_without_dev_the_last_checkpoint_is_kept(self):
        project = self.project().fill().describe(datasets={'tickets': {'train': 'train.jsonl', 'test': 'test.jsonl'}})
        answer = self.expect(project.run('train', '--run', 'a', '--output', 'json'), 0).json
        self.assertEqual((answer['split'], answer['best_step']), ('test', answer['steps']))

    def test_without_dev_and_test_there_is_a_model_and_no_score(self):
        project = self.project().fill().describe(datasets={'tickets': {'train': 'train.jsonl'}})
        answer = self.expect(project.run('train', '--run', 'a', '--output', 'json'), 0).json
        self.assertEqual(answer['tasks'], {})
        self.assertIn('encoder/model.safetensors', project.hashes('a'))

    def test_early_stopping_ends_a_run_that_gets_no_better(self):
        project = self.project().fill().describe(tasks={'intent': INTENT}, train={'epochs': 20, 'learning_rate': 1e-12, 'early_stopping_patience': 2})
        answer = self.expect(project.run('train', '--run', 'a', '--output', 'json'), 0).json
        self.assertTrue(answer['stopped_early'])
        self.assertEqual((answer['best_step'], answer['steps']), (23, 23))  # 150 steps, evaluated every 7.5; the last of equal ones

    def test_settings_that_are_used_everywhere_change_the_training(self):
        project = self.project().fill().describe(tasks={'intent': INTENT})
        seen = {}
        for setting in 'train.pooling=mean', 'train.pooling=first', 'train.batch_size=4', 'train.batch_size=', 'train.max_length=8', 'train.learning_rate=0.01', 'train.schedule=cosine', 'train.label_smoothing=0.2':
            run = setting.replace('=', '-')
            answer = self.expect(project.run('train', '--run', run, '--set', setting, '--output', 'json'), 0).json
            seen[setting] = (answer['steps'], json.dumps(project.hashes(run), sort_keys=True))
        self.assertEqual(len({hashes for _, hashes in seen.values()}), len(seen))
        self.assertEqual((seen['train.pooling=mean'][0], seen['train.batch_size=4'][0]), (15, 60))
        self.assertLess(seen['train.batch_size='][0], 15)  # 640 tokens hold more than 16 of these texts

    def test_the_metric_of_a_task_chooses_and_is_shown(self):
        project = self.project().fill().describe(tasks={'intent': {**INTENT, 'metric': 'macro_f1'}})
        self.assertEqual(self.expect(project.run('train', '--run', 'a', '--output', 'json'), 0).json['tasks']['intent']['metric'], 'macro_f1')

    def test_csv_and_conll_files_train_like_others(self):
        project = self.project().describe(
            tasks={'intent': {**INTENT, 'dataset': 'table'}, 'names': {'type': 'tagging', 'dataset': 'news'}},
            datasets={'table': {'train': 'train.csv', 'columns': ['body', 'intent'], 'split': {'test': 0.2}}, 'news': {'train': 'train.conll', 'test': 'train.conll'}})
        project.write('train.csv', ''.join(f'"{row["body"]}, please",{row["intent"]}\n' for row in tickets(60, 1)))
        project.write('train.conll', 'Ken\tB-PER\nsings\tO\n\nNara\tB-LOC\nis\tO\nold\tO\n\n' * 10)
        answer = self.expect(project.run('train', '--run', 'a', '--output', 'json'), 0).json
        self.assertEqual((set(answer['tasks']), answer['tasks']['names']['n']), ({'intent', 'names'}, 20))

    def test_a_task_may_have_any_name(self):
        project = self.project().fill().describe(tasks={'../Größe: 1/2': INTENT})
        self.expect(project.run('train', '--run', 'a'), 0)
        name, = os.listdir(project.run_folder('a', 'model', 'tasks'))
        self.assertRegex(name, r'^[a-z0-9_-]+\.[0-9a-f]{16}$')
        self.assertEqual(list(self.expect(project.run('predict', '--text', 'buy it'), 0).rows[0]['tasks']), ['../Größe: 1/2'])

    def refused(self, code, *phrases, setting=None, options=()):
        project = self.project().fill().describe()
        self.expect_one_sentence(project.run('train', '--run', 'a', *(['--set', setting] if setting else []), *options), code, *phrases)
        self.assertFalse(os.path.exists(project.run_folder('a')), 'nothing is left of a run that was refused')

    def test_what_is_not_built_is_refused(self):
        self.refused(2, 'train.precision is "int8"; expected "f32", "bf16" or "auto"', setting='train.precision=int8')
        self.refused(2, '"train.architecture" is "adapters"; expected shared, split', setting='train.architecture=adapters')

    def test_bfloat16_is_trained_in_where_the_processor_has_it(self):
        with open('/proc/cpuinfo', encoding='utf8') as file:
            has_it = 'avx512_bf16' in file.read()
        if not has_it:
            self.refused(2, 'train.precision', 'this processor has no instructions', setting='train.precision=bf16')
            return
        project = self.project().fill().describe()
        self.expect(project.run('train', '--run', 'a', '--set', 'train.precision=bf16'), 0)
        self.assertEqual(project.run_json('a', 'config.json')['train']['precision'], 'bf16')

    def test_a_device_that_is_not_there_is_refused(self):
        if os.path.exists('/dev/nvidia0'):
            self.skipTest('this machine has a GPU')
        self.refused(2, 'cuda', options=['--device', 'cuda'])
        self.refused(2, 'expected cpu or cuda', options=['--device', 'gpu'])

    def test_a_run_name_that_would_leave_the_folder_is_refused(self):
        for name in '../../etc', '.hidden', '-x', 'a b', 'ü', 'x' * 101:
            project = self.project().fill().describe()
            self.expect_one_sentence(project.run('train', f'--run={name}'), 2, 'the run name')
            self.assertFalse(os.path.exists(project.path('.polytask')))

    def test_numbers_that_only_a_slip_can_mean_are_refused(self):
        project = self.project().fill().describe()
        for setting in ('epochs=1e9', 'evaluations_per_epoch=1e12', 'max_length=10000000', 'scratch.hidden_size=1000000', 'scratch.vocab_size=100000000'):
            self.expect_one_sentence(project.run('train', '--set', f'train.{setting}'), 2, f'train.{setting.split("=")[0]}', 'at most')

    def test_a_selection_without_any_weight_is_refused(self):
        project = self.project().fill().describe(tasks={'intent': INTENT})
        self.expect_one_sentence(project.run('train', '--set', 'train.selection={rule: weighted, weights: {intent: 0}}'), 2, 'train.selection', 'weight 0')

    def test_a_project_name_that_no_folder_can_have_still_names_a_run(self):
        project = self.project().fill().describe(tasks={'intent': INTENT}, project='My Helpdesk / EU')
        self.assertRegex(self.expect(project.run('train', '--output', 'json'), 0).json['run'], r'^My-Helpdesk---EU-\d{8}-\d{6}$')

    def test_an_encoder_that_no_machine_holds_is_refused_and_one_that_this_one_does_not_is_a_matter_of_memory(self):
        project = self.project().fill().describe(tasks={'intent': INTENT})
        self.expect_one_sentence(project.run('train', '--set', 'train.scratch={layers: 48, hidden_size: 4096, heads: 32}'), 2, 'train.scratch', 'million parameters')
        large = 'train.scratch={layers: 4, hidden_size: 4096, heads: 32, vocab_size: 300}'
        answer = project.run('train', '--run', 'a', '--set', large, preexec_fn=limited(resource.RLIMIT_AS, 2 << 30))
        self.expect_one_sentence(answer, 10, 'the memory is not enough')
        self.assertFalse(os.path.exists(project.run_folder('a')))

    def test_the_page_of_a_complete_run_is_made_again_where_it_is_missing(self):
        project = self.project().fill().describe(tasks={'intent': INTENT})
        self.expect(project.run('train', '--run', 'a'), 0)
        os.remove(project.run_folder('a', 'report.html'))
        self.expect(project.run('train', '--run', 'a'), 0)
        self.assertTrue(os.path.exists(project.run_folder('a', 'report.html')))

    def test_the_environment_says_what_the_bits_depend_on(self):
        project = self.project().fill().describe(tasks={'intent': INTENT})
        self.expect(project.run('train', '--run', 'a'), 0)
        environment = project.run_json('a', 'environment.json')
        self.assertEqual(set(environment), {'polytask', 'compiler', 'libtorch', 'onednn', 'system', 'processor', 'threads', 'device'})
        self.assertRegex(environment['onednn'], r'^\d+\.\d+\.\d+$')

    def test_a_learning_rate_that_explodes_is_one_sentence(self):
        project = self.project().fill().describe(train={'learning_rate': 1e30, 'max_grad_norm': 0, 'warmup_ratio': 0})
        answer = self.expect(project.run('train', '--run', 'a'), 3)
        self.assertRegex(answer.err.splitlines()[-1], 'step \\d+: .*lower train.learning_rate')


class Terminal(Scenario):
    def test_on_a_terminal_one_line_follows_the_progress(self):
        project = self.project().fill().describe(tasks={'intent': INTENT}, train={'epochs': 40, 'evaluations_per_epoch': 0.05})
        controller, terminal = pty.openpty()
        shown = bytearray()

        def drain():
            try:
                while chunk := os.read(controller, 4096):
                    shown.extend(chunk)
            except OSError:  # the terminal's last user is gone
                pass

        with subprocess.Popen(arguments('train', '--run', 'a'), cwd=project.folder, env=environment(), stdout=subprocess.PIPE, stderr=terminal, stdin=subprocess.DEVNULL) as process:
            os.close(terminal)
            reader = threading.Thread(target=drain)
            reader.start()
            table = process.stdout.read().decode()
        reader.join()
        os.close(controller)
        text = shown.decode()
        self.assertEqual(process.returncode, 0, text)
        self.assertRegex(text, r'\r\x1b\[Kstep 300/300  \d+ tokens/s  0 s left  intent [\d.]+')
        self.assertTrue(text.endswith('\n'), 'the line is closed at the end')
        self.assertIn('intent', table)
        self.assertNotRegex(table, r'[\r\x1b]')
        lines = [part for line in text.split('\r\x1b[K')[1:] for part in line.split('\r\n')[:1]]
        self.assertLessEqual(max(map(len, lines)), 79, 'a line that wraps cannot be overwritten')


if __name__ == '__main__':
    unittest.main()
