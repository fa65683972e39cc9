"""`polytask validate`: every finding with its kind, its place and its exit code; the project file's own mistakes."""
import json
import os
import unittest

from support import FOUR_TASKS, INTENT, TICKETS, Scenario, tickets

TAGS = {'type': 'tagging', 'dataset': 'news'}


def rows_with(*changed, n=12):
    """Good rows, then one more for each change, which may replace or (None) remove a column."""
    rows = tickets(n + len(changed), 1)
    for row, change in zip(rows[n:], changed):
        row.update(change)
        for column in [column for column, value in change.items() if value is None]:
            del row[column]
    return rows


def sentences(*tags, repeat=6):
    return ('\n'.join(f'word{i}\t{tag}' for i, tag in enumerate(tags)) + '\n\n') * repeat


class Validate(Scenario):
    def findings(self, project, code, verb='validate'):
        """{(kind, place relative to the project): message}, after the counts and the exit code were checked."""
        answer = self.expect(project.run(verb, '--output', 'json'), code)
        found = answer.json
        self.assertEqual(found['errors'] + found['warnings'], len(found['problems']))
        self.assertEqual(found['errors'], sum(problem['severity'] == 'error' for problem in found['problems']))
        self.assertEqual(answer.code, 3 if found['errors'] else 0)
        return {(problem['kind'], problem['where']): problem['message'] for problem in found['problems']}

    def tickets_of(self, rows, dev=None, test=None, tasks=None, **more):
        project = self.project().describe(tasks=tasks or FOUR_TASKS, **more)
        project.write('train.jsonl', rows)
        project.write('dev.jsonl', dev if dev is not None else tickets(6, 2, 10000))
        project.write('test.jsonl', test if test is not None else tickets(6, 3, 20000))
        return project

    def expect_finding(self, project, code, kind, where, *phrases):
        found = self.findings(project, code)
        self.assertIn((kind, where), found)
        for phrase in phrases:
            self.assertIn(phrase, found[kind, where])

    # What is right.

    def test_good_files_have_no_findings_and_are_counted(self):
        project = self.project().fill(120, 30, 20).describe()
        answer = self.expect(project.run('validate', '--output', 'json'), 0).json
        self.assertEqual(answer['problems'], [])
        dataset, = answer['datasets']
        self.assertEqual((dataset['name'], dataset['train'], dataset['dev'], dataset['test'], len(dataset['sha256'])), ('tickets', 120, 30, 20, 64))
        counted = {task['name']: (task['type'], task['labels'], task['train'], task['dev'], task['test']) for task in answer['tasks']}
        self.assertEqual(counted, {'intent': ('classification', 3, 120, 30, 20), 'urgency': ('regression', 0, 120, 30, 20),
                                   'topics': ('multilabel', 4, 120, 30, 20), 'products': ('tagging', 1, 120, 30, 20)})

    def test_the_text_output_is_one_line_a_finding_and_tables(self):
        project = self.tickets_of(rows_with({'urgency': 'soon'}), dev=tickets(6, 1))
        lines = self.expect(project.run('validate'), 3).out.splitlines()
        self.assertTrue(lines[0].startswith('train.jsonl:13: column "urgency" is "soon"; expected'), lines[0])
        self.assertTrue(any(line.startswith('warning: ') and 'dev.jsonl:1' in line for line in lines), lines)
        self.assertRegex(lines[-1], r'^1 error \(1 [a-z-]+\), \d+ warnings \(')

    def test_a_dataset_hash_follows_the_content(self):
        project = self.tickets_of(tickets(12, 1))
        before = project.run('validate', '--output', 'json').json['datasets'][0]['sha256']
        self.assertEqual(project.run('validate', '--output', 'json').json['datasets'][0]['sha256'], before)
        project.write('dev.jsonl', tickets(6, 5, 10000))
        self.assertNotEqual(project.run('validate', '--output', 'json').json['datasets'][0]['sha256'], before)

    def test_rows_may_carry_labels_of_some_tasks_only(self):
        project = self.tickets_of(rows_with({'intent': None}, {'urgency': None}, {'topics': ''}, {'intent': None, 'urgency': None, 'topics': None, 'products': None}))
        answer = project.run('validate', '--output', 'json').json
        self.assertEqual(answer['errors'], 0)
        self.assertEqual(answer['datasets'][0]['train'], 16)
        self.assertEqual({task['name']: task['train'] for task in answer['tasks']}, {'intent': 14, 'urgency': 14, 'topics': 14, 'products': 15})

    def test_labels_may_be_integers_and_texts_of_digits_alike(self):
        rows = [{'body': f'text number {i}', 'intent': (i % 11 if i % 2 else str(i % 11))} for i in range(66)]
        project = self.tickets_of(rows, dev=[{'body': 'dev text', 'intent': 10}], test=[{'body': 'test text', 'intent': '2'}], tasks={'intent': INTENT})
        answer = self.expect(project.run('validate', '--output', 'json'), 0).json
        self.assertEqual((answer['problems'], answer['tasks'][0]['labels']), ([], 11))

    def test_a_byte_order_mark_is_no_part_of_the_first_column(self):
        project = self.project().describe(tasks={'intent': INTENT}, datasets={'tickets': {'train': 'a.csv', 'dev': 'b.jsonl'}})
        project.write('a.csv', b'\xef\xbb\xbfbody,intent\r\n' + b''.join(f'"text {i}, quoted",{"yes" if i % 2 else "no"}\r\n'.encode() for i in range(12)))
        project.write('b.jsonl', b'\xef\xbb\xbf' + b'{"body": "another", "intent": "yes"}\n')
        self.assertEqual(self.findings(project, 0), {})

    def test_line_ends_may_be_mixed(self):
        lines = [json.dumps(row).encode() for row in tickets(12, 1)]
        project = self.tickets_of([])
        project.write('train.jsonl', b''.join(line + end for line, end in zip(lines, [b'\n', b'\r\n', b'\r'] * 4)))
        self.assertEqual({where for kind, where in self.findings(project, 0) if kind != 'rare-label'}, set())
        self.assertEqual(project.run('validate', '--output', 'json').json['datasets'][0]['train'], 12)

    def test_lines_are_numbered_alike_for_every_line_end(self):
        for end in b'\n', b'\r\n', b'\r':
            project = self.tickets_of([])
            project.write('train.jsonl', end.join(json.dumps(row).encode() for row in tickets(12, 1)) + end + b'{"body": 7' + end)
            self.expect_finding(project, 3, 'unreadable-row', 'train.jsonl:13', 'not JSON')

    def test_packed_files_are_read_as_plain_ones(self):
        project = self.project().describe(tasks={'intent': INTENT}, datasets={'tickets': {'train': ['a.jsonl.gz', 'b.csv.gz'], 'test': 'c.tsv.gz'}})
        project.write('a.jsonl.gz', tickets(20, 1))
        project.write('b.csv.gz', 'body,intent\n' + ''.join(f'text {i},order\n' for i in range(5)))
        project.write('c.tsv.gz', 'body\tintent\nmore\trefund\n')
        answer = self.expect(project.run('validate', '--output', 'json'), 0).json
        self.assertEqual((answer['datasets'][0]['train'], answer['datasets'][0]['test']), (25, 1))

    def test_paths_are_relative_to_the_project_file(self):
        project = self.project().fill(12, 6, 6).describe()
        here = self.project('elsewhere')
        self.expect(here.run('validate', '--project', project.path('polytask.yaml')), 0)

    # Declared splits.

    def split_counts(self, split, rows, **more):
        project = self.project().describe(tasks={'intent': INTENT}, datasets={'tickets': {'train': 'train.jsonl', 'split': split, **more}})
        project.write('train.jsonl', rows)
        project.write('test.jsonl', tickets(7, 9, 5000))
        dataset = self.expect(project.run('validate', '--output', 'json'), 0).json['datasets'][0]
        return dataset['train'], dataset['dev'], dataset['test']

    def test_a_declared_split_cuts_dev_and_test_from_train(self):
        train, dev, test = self.split_counts({'dev': 0.1, 'test': 0.2}, tickets(200, 1))
        self.assertEqual(train + dev + test, 200)
        self.assertLessEqual(abs(dev - 20), 2)
        self.assertLessEqual(abs(test - 40), 2)

    def test_a_declared_split_may_stand_beside_given_files(self):
        train, dev, test = self.split_counts({'dev': 0.25}, tickets(40, 1), test='test.jsonl')
        self.assertEqual((train + dev, test), (40, 7))
        self.assertLessEqual(abs(dev - 10), 1)

    def test_rows_of_one_group_stay_on_one_side(self):
        # Every text stands twice, in one group: were a group torn, its text would leak.
        rows = [{**row, 'customer': i % 50} for i, row in enumerate(tickets(50, 1) + tickets(50, 1))]
        project = self.project().describe(tasks={'intent': INTENT}, datasets={'tickets': {'train': 'train.jsonl', 'split': {'dev': 0.3, 'group_by': 'customer'}}})
        project.write('train.jsonl', rows)
        kinds = {kind for kind, where in self.findings(project, 0)}
        self.assertEqual(kinds, {'duplicate'})
        project.describe(tasks={'intent': INTENT}, datasets={'tickets': {'train': 'train.jsonl', 'split': {'dev': 0.3}}})
        self.assertIn('leakage', {kind for kind, where in self.findings(project, 0)})

    def test_a_split_by_time_tests_on_the_newest_rows(self):
        rows = [{**row, 'written': f'2024-{1 + i // 20:02}-{1 + i % 20:02}'} for i, row in enumerate(tickets(200, 1))]
        rows.reverse()
        self.assertEqual(self.split_counts({'dev': 0.1, 'by_time': 'written'}, rows, test='test.jsonl'), (180, 20, 7))
        project = self.project().describe(tasks={'intent': INTENT}, datasets={'tickets': {'train': 'train.jsonl', 'split': {'dev': 0.1, 'test': 0.2, 'by_time': 'written'}}})
        dataset = self.expect(project.run('validate', '--output', 'json'), 0).json['datasets'][0]
        self.assertEqual((dataset['train'], dataset['dev'], dataset['test']), (140, 20, 40))
        project.describe(tasks={'intent': INTENT}, datasets={'tickets': {'train': 'train.jsonl', 'split': {'dev': 0.1, 'by_time': 'when'}}})
        self.expect_finding(project, 3, 'unknown-column', 'dataset "tickets"', 'column "when"')

    def test_rows_of_one_time_stay_on_one_side(self):
        rows = [{**row, 'written': '2024-01-01' if i < 150 else '2024-06-01'} for i, row in enumerate(tickets(200, 1))]
        self.assertEqual(self.split_counts({'dev': 0.5, 'by_time': 'written'}, rows, test='test.jsonl'), (150, 50, 7))

    # Folders.

    def test_a_folder_for_each_label_is_a_dataset(self):
        review = {'type': 'classification', 'dataset': 'reviews', 'text': 'text', 'label': 'folder'}
        project = self.project().describe(tasks={'opinion': review}, datasets={'reviews': {'train': 'reviews', 'format': 'text', 'split': {'dev': 0.2}}})
        for i in range(20):
            project.write(f'reviews/{"good" if i % 2 else "bad"}/{i}.txt', f'review number {i}\nof twenty')
        answer = self.expect(project.run('validate', '--output', 'json'), 0).json
        self.assertEqual([(task['labels'], task['train'] + task['dev']) for task in answer['tasks']], [(2, 20)])
        before = answer['datasets'][0]['sha256']
        os.rename(project.path('reviews', 'bad', '0.txt'), project.path('reviews', 'good', '0.txt'))
        self.assertNotEqual(self.expect(project.run('validate', '--output', 'json'), 0).json['datasets'][0]['sha256'], before)

    def test_a_folder_without_files_is_said(self):
        project = self.project().describe(tasks={'intent': INTENT}, datasets={'tickets': {'train': 'rows'}})
        os.mkdir(project.path('rows'))
        self.expect_finding(project, 3, 'unreadable-file', 'rows', 'the folder holds no file')

    def test_labels_too_rare_to_split_stay_in_train(self):
        rows = tickets(60, 1) + [{'body': 'a rare bird', 'intent': 'rare'}, {'body': 'another bird', 'intent': 'rare'}]
        project = self.project().describe(tasks={'intent': INTENT}, datasets={'tickets': {'train': 'train.jsonl', 'split': {'dev': 0.45, 'test': 0.45}}})
        project.write('train.jsonl', rows)
        self.assertEqual([key for key in self.findings(project, 0) if key[0] == 'unknown-label'], [])

    def test_a_split_and_files_of_the_same_part_contradict(self):
        project = self.project().fill(12, 6, 6).describe(datasets={'tickets': {**TICKETS, 'split': {'dev': 0.1}}})
        self.expect_one_sentence(project.run('validate'), 2, 'dev files and a declared dev split')

    def test_a_split_by_a_column_that_no_row_has_is_an_error(self):
        project = self.project().describe(datasets={'tickets': {'train': 'train.jsonl', 'split': {'dev': 0.1, 'group_by': 'costumer'}}})
        project.write('train.jsonl', [{**row, 'customer': 'x'} for row in tickets(12, 1)])
        self.expect_finding(project, 3, 'unknown-column', 'dataset "tickets"', '"costumer"', 'did you mean "customer"?')

    # Errors: exit code 3.

    def test_a_missing_file_is_unreadable(self):
        project = self.project().fill(12, 6, 6).describe(datasets={'tickets': {**TICKETS, 'dev': 'absent.jsonl'}})
        self.expect_finding(project, 3, 'unreadable-file', 'absent.jsonl', 'cannot be opened (No such file or directory)')

    def test_a_folder_is_read_file_by_file(self):
        project = self.project().fill(12, 6, 6).describe(datasets={'tickets': {**TICKETS, 'dev': 'folder.jsonl'}})
        project.write('folder.jsonl/x', '')
        self.expect_finding(project, 3, 'unreadable-file', 'folder.jsonl/x', 'the format follows the extension')

    def test_an_unknown_extension_is_unreadable(self):
        project = self.project().fill(12, 6, 6).describe(datasets={'tickets': {**TICKETS, 'dev': 'dev.xlsx'}})
        project.write('dev.xlsx', 'x')
        self.expect_finding(project, 3, 'unreadable-file', 'dev.xlsx', '.jsonl, .csv, .tsv, .conll or .conllu')

    def test_a_cut_packed_file_is_unreadable(self):
        project = self.project().fill(12, 6, 6).describe(datasets={'tickets': {**TICKETS, 'dev': 'dev.jsonl.gz'}})
        path = project.write('dev.jsonl.gz', tickets(500, 2))
        with open(path, 'r+b') as file:
            file.truncate(2000)
        self.expect_finding(project, 3, 'unreadable-file', 'dev.jsonl.gz', 'damaged or cut')

    def test_a_file_named_gz_that_is_not_packed_is_unreadable(self):
        project = self.project().fill(12, 6, 6).describe(datasets={'tickets': {**TICKETS, 'dev': 'dev.jsonl.gz'}})
        with open(project.path('dev.jsonl.gz'), 'w', encoding='utf-8') as file:
            file.write('{"body": "x"}\n')
        self.expect_finding(project, 3, 'unreadable-file', 'dev.jsonl.gz', 'not packed with gzip')

    def test_malformed_rows_are_named_by_line(self):
        good = json.dumps(tickets(1, 1)[0])
        bad = {2: '{"body": "cut', 3: '[1, 2]', 4: '{"body": "a", "body": "b"}', 5: '{"body": {"nested": 1}, "intent": "order"}'}
        project = self.tickets_of([])
        project.write('train.jsonl', '\n'.join([good, *bad.values(), good]) + '\n')
        found = self.findings(project, 3)
        for line, phrase in {2: 'not JSON', 3: 'not a JSON object', 4: 'stands twice', 5: 'expected text'}.items():
            self.assertIn(phrase, found['unreadable-row', f'train.jsonl:{line}'])

    def test_broken_utf8_is_named_by_line_and_byte(self):
        project = self.tickets_of([])
        project.write('train.jsonl', json.dumps(tickets(1, 1)[0]).encode() + b'\n{"body": "caf\xe9", "intent": "order"}\n')
        self.expect_finding(project, 3, 'unreadable-row', 'train.jsonl:2', 'byte 14', 'is not UTF-8')

    def test_a_csv_row_with_a_field_too_many_is_named(self):
        project = self.project().describe(tasks={'intent': INTENT}, datasets={'tickets': {'train': 'train.csv'}})
        project.write('train.csv', 'body,intent\nfine,order\nhello, there,order\n"two\nlines",refund\nshort\n')
        found = self.findings(project, 3)
        self.assertIn('has 3 fields, expected 2', found['unreadable-row', 'train.csv:3'])
        self.assertIn('has 1 fields, expected 2', found['unreadable-row', 'train.csv:6'])

    def test_labels_of_a_wrong_kind_are_errors(self):
        project = self.tickets_of(rows_with({'urgency': 'soon'}, {'topics': {'lamp': 1}}, {'intent': ['order']}, {'urgency': '1e999'}))
        found = self.findings(project, 3)
        for line, phrase in {13: 'expected a number', 14: 'expected a list of labels', 15: 'expected one label', 16: 'expected a number from -1e+100 to 1e+100'}.items():
            self.assertIn(phrase, found['unreadable-label', f'train.jsonl:{line}'])

    def test_spans_outside_the_text_and_overlapping_ones_are_errors(self):
        body = 'ein Tisch für Käthe'
        project = self.tickets_of(rows_with({'body': body, 'products': [[14, 19, 'PRODUCT']]}, {'body': body, 'products': [[14, 20, 'PRODUCT']]},
                                            {'body': body, 'products': [[4, 9, 'PRODUCT'], [8, 12, 'PRODUCT']]}, {'body': body, 'products': [['4', 9, 'PRODUCT']]}))
        found = self.findings(project, 3)
        self.assertNotIn(('unreadable-label', 'train.jsonl:13'), found)  # 19 characters, 21 bytes
        for line, phrase in {14: 'does not fit a text of 19 characters', 15: 'overlap', 16: 'expected [[start, end, "LABEL"], ...]'}.items():
            self.assertIn(phrase, found['unreadable-label', f'train.jsonl:{line}'])

    def test_a_malformed_tag_is_an_error(self):
        project = self.project().describe(tasks={'names': TAGS}, datasets={'news': {'train': 'train.conll'}})
        project.write('train.conll', sentences('B-PER', 'O') + sentences('O', 'PER', repeat=1))
        self.expect_finding(project, 3, 'unreadable-label', 'train.conll:19', 'word 2 ("word1") has the tag "PER"', 'B-')

    def test_a_column_that_no_row_has_is_said_once_with_the_nearest(self):
        project = self.tickets_of(tickets(12, 1), tasks={'intent': {**INTENT, 'label': 'intents'}})
        found = self.findings(project, 3)
        self.assertIn('did you mean "intent"?', found['unknown-column', 'dataset "tickets"'])
        project = self.tickets_of(tickets(12, 1), tasks={'intent': {**INTENT, 'text': 'bodi'}})
        found = self.findings(project, 3)
        self.assertIn('did you mean "body"?', found['unknown-column', 'dataset "tickets"'])
        self.assertEqual([key for key in found if key[0] == 'unreadable-row'], [])

    def test_a_dev_label_that_training_lacks_is_an_error_with_the_nearest(self):
        dev = tickets(6, 2, 10000)
        dev[2]['intent'] = 'refnd'
        self.expect_finding(self.tickets_of(tickets(60, 1), dev=dev), 3, 'unknown-label', 'dev.jsonl:3', '"refnd"', 'did you mean "refund"?')

    def test_a_label_beside_the_declared_ones_is_an_error(self):
        rows = tickets(60, 1)
        rows[7]['intent'] = 'refnd'
        project = self.tickets_of(rows, tasks={'intent': {**INTENT, 'labels': ['order', 'refund', 'track']}})
        self.expect_finding(project, 3, 'unknown-label', 'train.jsonl:8', 'did you mean "refund"?')

    def test_a_task_without_training_rows_is_an_error(self):
        rows = [{key: value for key, value in row.items() if key != 'urgency'} for row in tickets(12, 1)]
        self.expect_finding(self.tickets_of(rows), 3, 'no-training-rows', 'task "urgency"')

    def test_a_task_whose_rows_name_no_label_is_an_error(self):
        self.expect_finding(self.tickets_of([{**row, 'products': []} for row in tickets(12, 1)], dev=[], test=[]), 3, 'no-labels', 'task "products"')

    def test_all_errors_are_reported_at_once(self):
        dev = tickets(6, 2, 10000)
        dev[0]['intent'] = 'unheard'
        found = self.findings(self.tickets_of(rows_with({'urgency': 'soon'}, {'body': None}, {'topics': 7.5}), dev=dev), 3)
        kinds = {kind for kind, where in found}
        self.assertLessEqual({'unreadable-label', 'unreadable-row', 'unknown-label'}, kinds)

    @unittest.skipIf(os.environ.get('POLYTASK_TORCH') == 'OFF', 'this build cannot train')
    def test_train_refuses_data_with_errors_and_leaves_nothing(self):
        project = self.tickets_of(rows_with({'urgency': 'soon'}))
        answer = self.expect(project.run('train', '--run', 'a'), 3, 'train.jsonl:13', 'nothing was trained')
        self.assertEqual(answer.out, '')
        self.assertFalse(os.path.exists(project.path('.polytask')))

    # Warnings: exit code 0.

    def expect_warning(self, project, kind, where, *phrases):
        self.expect_finding(project, 0, kind, where, *phrases)

    def test_one_label_alone_is_a_warning(self):
        rows = [{**row, 'intent': 'order'} for row in tickets(12, 1)]
        self.expect_warning(self.tickets_of(rows, dev=[], test=[]), 'single-label', 'task "intent"')

    def test_a_text_in_training_and_test_is_leakage(self):
        test = tickets(6, 3, 20000)
        test[1]['body'] = tickets(12, 1)[4]['body'].upper() + ' !'
        test[1]['products'] = []
        self.expect_warning(self.tickets_of(tickets(60, 1), test=test), 'leakage', 'test.jsonl:2', 'train.jsonl:5')

    def test_a_text_in_the_training_rows_of_another_task_is_leakage_across_tasks(self):
        project = self.project().fill(60, 6, 6).describe(tasks={'intent': INTENT, 'tone': {'type': 'classification', 'dataset': 'notes', 'text': 'note', 'label': 'tone'}},
                                                         datasets={'tickets': TICKETS, 'notes': {'train': 'notes.jsonl'}})
        project.write('notes.jsonl', [{'note': tickets(6, 3, 20000)[i]['body'] if i == 3 else f'note {i}', 'tone': 'ab'[i % 2]} for i in range(12)])
        self.expect_warning(project, 'leakage-across-tasks', 'test.jsonl:4', 'notes.jsonl:4', 'dataset "notes"')

    def test_one_text_with_two_labels_contradicts(self):
        first = tickets(1, 1)[0]
        other = 'refund' if first['intent'] != 'refund' else 'order'
        self.expect_warning(self.tickets_of(tickets(60, 1) + [{**first, 'intent': other}]), 'contradicting-labels', 'train.jsonl:61', 'train.jsonl:1', '"intent"')

    def test_one_text_twice_is_a_duplicate(self):
        self.expect_warning(self.tickets_of(tickets(60, 1) + tickets(1, 1)), 'duplicate', 'train.jsonl:61', 'train.jsonl:1')

    def test_a_text_without_a_letter_is_empty(self):
        self.expect_warning(self.tickets_of(rows_with({'body': ' ...', 'products': []})), 'empty-text', 'train.jsonl:13')

    def test_a_label_with_few_rows_is_rare(self):
        self.expect_warning(self.tickets_of(rows_with({'intent': 'lost'}, n=60)), 'rare-label', 'task "intent"', '"lost" has 1 training row (train.jsonl:61);')

    def test_a_stray_inside_tag_is_a_warning(self):
        project = self.project().describe(tasks={'names': TAGS}, datasets={'news': {'train': 'train.conll'}})
        project.write('train.conll', sentences('B-PER', 'I-PER', 'O') + sentences('O', 'I-PER', repeat=1))
        self.expect_warning(project, 'stray-inside-tag', 'train.conll:25', 'word 2')

    # CoNLL.

    def test_conll_columns_are_taken_by_number(self):
        project = self.project().describe(tasks={'names': {**TAGS, 'tokens': 2, 'tags': 3}, 'parts': {**TAGS, 'tokens': 2, 'tags': 4}}, datasets={'news': {'train': 'train.conll'}})
        project.write('train.conll', '# id = 1\n1 Ken B-PER B-NOUN _\n2 sings O B-VERB _\n\n' * 6)
        tasks = {task['name']: (task['labels'], task['train']) for task in self.expect(project.run('validate', '--output', 'json'), 0).json['tasks']}
        self.assertEqual(tasks, {'names': (1, 6), 'parts': (2, 6)})

    def test_a_conll_file_and_a_named_column_contradict(self):
        project = self.project().describe(tasks={'names': {**TAGS, 'text': 'body'}}, datasets={'news': {'train': 'train.conll'}})
        project.write('train.conll', sentences('B-PER', 'O'))
        self.expect_one_sentence(project.run('validate'), 2, 'polytask.yaml:', '"tasks.names" has no "spans"', 'leave "text" out')
        project = self.project().describe(tasks={'names': {**TAGS, 'text': 'body', 'spans': 'names'}}, datasets={'news': {'train': 'train.conll'}})
        self.expect_finding(project, 3, 'unknown-column', 'dataset "news"')

    def test_a_column_number_of_zero_is_refused(self):
        project = self.project().describe(tasks={'names': {**TAGS, 'tags': 0}}, datasets={'news': {'train': 'train.conll'}})
        self.expect_one_sentence(project.run('validate'), 2, 'polytask.yaml:', '"tasks.names.tags" is "0"', 'the first is 1')


class ProjectFile(Scenario):
    """Exit code 2, each mistake with its line."""

    def expect_mistakes(self, yaml, *phrases, n=None):
        project = self.project().fill(6, 3, 3)
        project.write('polytask.yaml', yaml)
        answer = self.expect(project.run('validate', timeout=20), 2, *phrases)
        self.assertEqual(answer.out, '')
        self.assertEqual(len(answer.err.splitlines()), n or len(phrases), answer.err)

    def test_without_a_project_file_it_says_what_to_do(self):
        self.expect_one_sentence(self.project().run('validate'), 2, 'polytask.yaml: cannot be opened', '--project FILE')

    def test_unknown_keys_name_the_nearest_all_at_once(self):
        self.expect_mistakes('project: a\nencodr: x\ndatasets:\n  tickets: {train: train.jsonl, shuffel: 1}\ntasks:\n'
                             '  intent: {type: classification, dataset: tickets, text: body, lable: intent, label: intent}\ntrain:\n  epoch: 3\n',
                             'polytask.yaml:2: "encodr" is not a key of the project file; did you mean "encoder"?',
                             'polytask.yaml:4: "shuffel" is not a key of "datasets.tickets"',
                             'polytask.yaml:6: "lable" is not a key of "tasks.intent"; did you mean "label"?',
                             'polytask.yaml:8: "epoch" is not a key of "train"; did you mean "epochs"?')

    def test_unknown_words_name_the_nearest(self):
        self.expect_mistakes('datasets:\n  tickets: {train: train.jsonl}\ntasks:\n  intent: {type: clasification, dataset: ticket, text: body, label: intent}\n',
                             '"tasks.intent.type" is "clasification"; expected classification, multilabel, regression, tagging, span, multiple_choice or mlm; did you mean "classification"?',
                             'task "intent" reads the dataset "ticket", which is not under "datasets"; did you mean "tickets"?')

    def test_a_metric_of_another_type_is_refused(self):
        self.expect_mistakes('datasets:\n  tickets: {train: train.jsonl}\ntasks:\n  intent: {type: classification, dataset: tickets, text: body, label: intent, metric: pearson}\n',
                             '"tasks.intent.metric" is "pearson"; expected accuracy,')

    def test_a_key_that_stands_twice_is_refused(self):
        self.expect_mistakes('project: a\nproject: b\ndatasets:\n  tickets: {train: train.jsonl}\ntasks:\n  intent: {type: classification, dataset: tickets, text: body, label: intent}\n',
                             'polytask.yaml:2: the key "project" stands twice')

    def test_settings_out_of_range_are_refused_together(self):
        project = self.project().fill(6, 3, 3).describe()
        answer = self.expect(project.run('validate', '--set', 'train.epochs=-1', '--set', 'train.label_smoothing=2', '--set', 'train.max_length=long'), 2,
                             'train.epochs', 'train.label_smoothing', '"train.max_length" is "long"; expected a whole number')
        self.assertEqual(len(answer.err.splitlines()), 3)

    def test_set_takes_yaml_and_names_unknown_keys(self):
        project = self.project().fill(12, 3, 3).describe()
        self.expect(project.run('validate', '--set', 'datasets.tickets={train: train.jsonl, split: {dev: 0.25}}'), 0)
        self.expect_one_sentence(project.run('validate', '--set', 'train.epoch=3'), 2, '"epoch" is not a key of "train"; did you mean "epochs"?')
        self.expect_one_sentence(project.run('validate', '--set', 'train.epochs'), 2, 'expected key=value')

    def test_a_yaml_bomb_is_refused_at_once(self):
        bomb = 'a: &a [x, x, x, x, x, x, x, x, x, x]\n' + ''.join(f'{chr(98 + i)}: &{chr(98 + i)} [{", ".join(["*" + chr(97 + i)] * 10)}]\n' for i in range(12))
        self.expect_mistakes(bomb, 'aliases')

    def test_a_yaml_file_without_end_is_refused_at_once(self):
        self.expect_mistakes('a: &a\n  b: *a\n', 'polytask.yaml')

    def test_deep_and_broken_yaml_is_one_sentence_with_a_line(self):
        self.expect_mistakes('[' * 100000, 'is not valid YAML')
        self.expect_mistakes('datasets: {tickets: {train: x\n', 'is not valid YAML')
        self.expect_mistakes('a: b: c\n', 'is not valid YAML')

    def test_a_project_file_that_is_no_text_is_refused(self):
        self.expect_mistakes(b'project: caf\xe9\n', 'is not UTF-8')
        self.expect_mistakes(b'#' * (2 << 20), 'bytes')
        self.expect_mistakes(b'', 'has no "datasets"', 'has no "tasks"')

    def test_a_wrong_command_line_is_one_sentence(self):
        project = self.project()
        self.expect_one_sentence(project.run('vaildate'), 2, 'did you mean "validate"?')
        self.expect_one_sentence(project.run('validate', '--projct', 'x'), 2, 'did you mean "--project"?')
        self.expect_one_sentence(project.run('validate', '--output', 'yaml'), 2, 'expected text or json')

    def test_help_and_version_are_answers(self):
        project = self.project()
        self.assertRegex(self.expect(project.run('--version', threads=False), 0).out, r'^polytask \d+\.\d+\.\d+\n$')
        for verb in 'validate', 'train', 'evaluate', 'predict', 'runs':
            self.assertIn('Example: polytask', self.expect(project.run(verb, '--help', threads=False), 0).out)


if __name__ == '__main__':
    unittest.main()
