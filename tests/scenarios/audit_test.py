"""`polytask validate`: what the data as a whole costs, as lines, as JSON and as a page."""
import random
import unittest

from support import INTENT, TICKETS, Scenario, tickets


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

    def test_a_probe_needs_an_encoder(self):
        self.expect_one_sentence(self.intent_project(tickets(60, 1), tickets(30, 3, 20000)).run('validate', '--probe'), 2, '--probe asks the pretrained encoder')

    def test_the_same_files_give_the_same_findings(self):
        project = self.intent_project(tickets(300, 1) + tickets(30, 1), tickets(100, 3, 20000))
        self.assertEqual(self.audited(project), self.audited(project))


if __name__ == '__main__':
    unittest.main()
