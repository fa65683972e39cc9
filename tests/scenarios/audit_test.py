"""`polytask validate`: what the data as a whole costs, as lines, as JSON and as a page."""
import os
import random
import unittest

from support import FOUR_TASKS, INTENT, ROOT, TICKETS, Scenario, tickets


class Audit(Scenario):
    def audited(self, project, *more):
        return self.expect(project.run('validate', '--output', 'json', *more), 0).json['audit']

    def intent_project(self, train, test):
        project = self.project().describe(tasks={'intent': INTENT}, datasets={'tickets': TICKETS})
        project.write('train.jsonl', train)
        project.write('dev.jsonl', tickets(60, 2, 30000))
        project.write('test.jsonl', test)
        return project

    def find(self, audit, kind):
        return next((finding for finding in audit['findings'] if finding['kind'] == kind), None)

    def test_leaked_and_nearly_leaked_texts_are_counted_and_shown(self):
        test = tickets(100, 3, 20000)
        train = tickets(400, 1) + [{**row, 'body': row['body'].upper() + '!!'} for row in test[:10]] + [{**row, 'body': row['body'] + ' pls'} for row in test[10:18]]
        leak = self.find(self.audited(self.intent_project(train, test)), 'leakage')
        self.assertEqual((leak['numbers']['exact'], leak['numbers']['near'] >= 8, leak['of']), (10, True, 100))
        self.assertRegex(leak['evidence'][0]['where'], r'^test\.jsonl:\d+$')
        self.assertRegex(leak['evidence'][0]['other_where'], r'^train\.jsonl:4\d\d$')
        self.assertIn('also stand in training', leak['message'])
        self.assertIn('学習データにもあります', leak['message_ja'])

    def test_the_costliest_finding_comes_first(self):
        test = tickets(100, 3, 20000)
        project = self.intent_project(tickets(400, 1) + [dict(row) for row in test[:60]], test)
        costs = [finding['cost'] for finding in self.audited(project)['findings']]
        self.assertEqual(costs, sorted(costs, reverse=True))
        out = self.expect(project.run('validate'), 0).out
        self.assertIn('  1. test texts stand in training (leakage; intent; ', out)
        self.assertRegex(out.splitlines()[-1], r'^0 errors')

    def test_the_difference_that_matters_decides_how_many_test_rows_are_enough(self):
        project = self.intent_project(tickets(300, 1), tickets(200, 3, 20000))
        few = self.find(self.audited(project), 'few-test-rows')
        self.assertEqual((few['n'], few['of']), (200, 1960))
        self.assertIsNone(self.find(self.audited(project, '--difference', '7'), 'few-test-rows'))
        self.expect_one_sentence(project.run('validate', '--difference', '0'), 2, '--difference')

    def test_a_column_that_no_task_reads_can_give_labels_away(self):
        rng = random.Random(5)
        rows = [{**row, 'source': 'mail' if (row['intent'] == 'refund') == (rng.random() < 0.9) else 'chat', 'agent': rng.choice('abc')} for row in tickets(600, 1)]
        audit = self.audited(self.intent_project(rows, tickets(100, 3, 20000)))
        found = [finding['names'][0] for finding in audit['findings'] if finding['kind'] == 'label-by-column']
        self.assertEqual(found, ['source'])

    def test_the_page_holds_both_languages_and_loads_nothing(self):
        train = tickets(300, 1)
        train[5]['body'] = '<script>alert(1)</script> &amp; <b>bold</b> text'
        project = self.intent_project(train + train[:40], tickets(100, 3, 20000))
        self.expect(project.run('validate', '--page', 'data.html'), 0)
        with open(project.path('data.html'), encoding='utf-8') as file:
            page = file.read()
        self.assertIn("default-src 'none'", page)
        self.assertNotRegex(page, r'(src|href)="(?!#)')
        self.assertNotIn('<script>alert', page)
        for words in 'rows stand more than once', '重複した行があります', '<svg':
            self.assertIn(words, page)

    def test_a_page_takes_the_place_of_a_page_alone(self):
        project = self.intent_project(tickets(60, 1), tickets(30, 3, 20000))
        for name in 'train.jsonl', 'polytask.yaml', '.':
            before = open(project.path(name), 'rb').read() if name != '.' else None
            self.expect_one_sentence(project.run('validate', '--page', name), 5, 'is there and is no page')
            self.assertEqual(open(project.path(name), 'rb').read() if name != '.' else None, before)
        for _ in range(2):
            self.expect(project.run('validate', '--page', 'data.html'), 0)

    def test_a_probe_needs_an_encoder(self):
        self.expect_one_sentence(self.intent_project(tickets(60, 1), tickets(30, 3, 20000)).run('validate', '--probe'), 2, '--probe asks the pretrained encoder')

    def test_a_probe_says_of_every_task_what_the_frozen_encoder_carries_or_why_nobody_looked(self):
        rng = random.Random(7)
        ask, pick = {'type': 'span', 'dataset': 'asked', 'text': ['question', 'context'], 'label': 'answers'}, {'type': 'multiple_choice', 'dataset': 'picked', 'text': 'body', 'choices': 'choices', 'label': 'right'}
        project = self.project().describe(
            encoder=os.path.join(ROOT, 'encoders/small-en-ja'),
            datasets={'tickets': TICKETS, 'asked': {'train': 'asked.jsonl'}, 'picked': {'train': 'picked.jsonl', 'test': 'picked-test.jsonl'}},
            tasks={**FOUR_TASKS, 'coin': {**INTENT, 'label': 'coin'}, 'ask': ask, 'pick': pick})
        for name, n, seed in ('train', 300, 1), ('dev', 60, 2), ('test', 120, 3):
            project.write(f'{name}.jsonl', [{**row, 'coin': rng.choice(['heads', 'tails'])} for row in tickets(n, seed, 10000 * seed)])
        project.write('asked.jsonl', [{'question': 'who?', 'context': 'it was me', 'answers': {'text': ['me'], 'answer_start': [7]}} for _ in range(5)])
        for name, n, seed in ('picked', 200, 4), ('picked-test', 120, 5):
            rows = []
            for row in tickets(n, seed, 10000 * seed):
                choices = [row['intent'], 'the weather is fine']
                rng.shuffle(choices)
                rows.append({'body': row['body'], 'choices': choices, 'right': choices.index(row['intent'])})
            project.write(f'{name}.jsonl', rows)
        audit = self.audited(project, '--probe', '--page', 'data.html')
        facts = {task['name']: task for task in audit['tasks']}
        self.assertEqual({name: fact.get('not_probed') for name, fact in facts.items() if 'probe' not in fact}, {'ask': 'span'})
        for name in 'intent', 'products', 'pick', 'topics', 'urgency':
            probe = facts[name]['probe']
            self.assertGreater(probe['probe'], 0.8, name)
            if probe['majority'] is not None:  # a constant has no correlation
                self.assertGreater(probe['over_majority_interval'][0], 0, name)
                self.assertAlmostEqual(probe['over_majority'], probe['probe'] - probe['majority'], delta=1e-6)
        nothing = [finding for finding in audit['findings'] if finding['kind'] == 'encoder-adds-nothing']
        self.assertEqual([finding['tasks'] for finding in nothing], [['coin']], 'what is tossed stands in no text')
        self.assertIn('always the majority', nothing[0]['message'])
        out = self.expect(project.run('validate', '--probe'), 0).out
        self.assertRegex(out, r'probe of intent: frozen encoder \S+ \d\.\d+; bag of words .* to .*; majority \d\.\d+, difference \+')
        self.assertIn('probe of ask: none; the answer of a question is a place', out)
        with open(project.path('data.html'), encoding='utf-8') as file:
            page = file.read()
        for words in 'frozen encoder: not probed', '固定エンコーダ:未調査', 'majority, and how far the probe is ahead':
            self.assertIn(words, page)

    def test_the_same_files_give_the_same_findings(self):
        project = self.intent_project(tickets(300, 1) + tickets(30, 1), tickets(100, 3, 20000))
        self.assertEqual(self.audited(project), self.audited(project))


if __name__ == '__main__':
    unittest.main()
