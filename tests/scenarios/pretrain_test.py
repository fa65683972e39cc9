"""An encoder made from unlabelled texts: learnt, interrupted, killed, used by a project, adapted to one, and refused."""
import json
import os
import random
import signal
import subprocess

from support import INTENT, Scenario, arguments, contents, environment, read_json, read_lines, tickets, wait_until

import unittest

TINY = ['--set', 'encoder={layers: 1, hidden_size: 32, heads: 2, max_positions: 64}', '--set', 'vocabulary.size=400',
        '--set', 'train={max_length: 32, batch_tokens: 512, held_out: 0.05, evaluations: 2, learning_rate: 0.003, epochs: 4}']


def sentences(n, seed=5):
    """Sentences whose words follow from one another, in two languages."""
    rng = random.Random(seed)
    animals, colours = ('fox', 'hen', 'owl', 'cat', 'dog', 'cow'), ('red', 'white', 'brown', 'black', 'grey', 'green')
    kinds, hues = '狐鶏梟猫犬牛', '赤白茶黒灰緑'
    lines = []
    for i in range(n):
        a, b = rng.randrange(6), rng.randrange(6)
        lines.append(f'the {colours[a]} {animals[a]} meets the {colours[b]} {animals[b]} on day {i}' if i % 2 else f'{hues[a]}い{kinds[a]}が{i}日に{hues[b]}い{kinds[b]}と会う。')
    return ''.join(line + '\n' for line in lines)


class Pretrain(Scenario):
    def folder(self, n=600):
        project = self.project()
        project.write('texts.txt', sentences(n))
        return project

    def pretrain(self, project, *more, to='encoder', texts='texts.txt', **how):
        return project.run('pretrain', *(('--texts', texts) if texts else ()), '--to', to, *TINY, *more, **how)

    def weights(self, project, to='encoder'):
        return contents(project.path(to))['model.safetensors']

    def test_an_encoder_learns_two_languages_and_a_project_uses_it(self):
        project = self.folder()
        answer = self.pretrain(project, '--output', 'json')
        self.expect(answer, 0, 'sequences', 'held-out perplexity')
        first, *_, last = answer.json['evaluations']
        self.assertLess(last['perplexity'], first['perplexity'] / 4)
        self.assertEqual(sorted(os.listdir(project.path('encoder'))),
                         ['config.json', 'metrics.jsonl', 'model.safetensors', 'pretraining.json', 'recipe.json', 'tokenizer.json', 'tokenizer_config.json', 'vocab.txt'])
        self.assertFalse(os.path.exists(project.path('encoder.unfinished')))
        project.fill(60).describe(tasks={'intent': INTENT}, encoder='encoder', train={'max_length': 64})
        self.expect(project.run('train', '--run', 'a'), 0)

    def test_the_same_call_gives_the_same_bits(self):
        project = self.folder(200)
        self.expect(self.pretrain(project, to='a'), 0)
        self.expect(self.pretrain(project, to='b'), 0)
        self.assertEqual(self.weights(project, 'a'), self.weights(project, 'b'))

    def interrupted(self, project, how):
        process = subprocess.Popen(arguments('pretrain', '--texts', 'texts.txt', '--to', 'b', *TINY, '--set', 'train.epochs=60'), cwd=project.folder,
                                   env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        metrics = project.path('b.unfinished', 'metrics.jsonl')
        wait_until(lambda: os.path.exists(metrics) and len(read_lines(metrics)) > 30, process)
        process.send_signal(how)
        err = process.communicate(timeout=60)[1]
        return process.returncode, err

    def test_an_interrupted_pretraining_goes_on_with_the_same_bits(self):
        project = self.folder(200)
        self.expect(self.pretrain(project, '--set', 'train.epochs=60', to='a'), 0)
        for how, code in ((signal.SIGINT, 20), (signal.SIGKILL, -signal.SIGKILL)):
            with self.subTest(how=how):
                found, err = self.interrupted(project, how)
                self.assertEqual(found, code, err)
                if how == signal.SIGINT:
                    self.assertIn('--resume', err.splitlines()[-1])
                self.expect(self.pretrain(project, '--set', 'train.epochs=60', to='b'), 5, 'is not complete; continue it with')
                self.expect(self.pretrain(project, '--set', 'train.epochs=61', '--resume', to='b'), 5, 'differing: train.epochs')
                self.expect(self.pretrain(project, '--set', 'train.epochs=60', '--resume', to='b'), 0)
                self.assertEqual(self.weights(project, 'a'), self.weights(project, 'b'))
                for file in contents(project.path('b')):
                    os.remove(project.path('b', file))
                os.rmdir(project.path('b'))

    def test_a_teacher_is_asked_once_for_each_text(self):
        project = self.folder(300)
        self.expect(self.pretrain(project, to='teacher'), 0)
        answer = self.pretrain(project, '--teacher', 'teacher', '--output', 'json')
        self.expect(answer, 0, 'vectors')
        stored = contents(project.path('.polytask-teacher'))
        self.assertTrue(stored)
        again = self.pretrain(project, '--teacher', 'teacher', to='again')
        self.expect(again, 0)
        self.assertEqual(stored, contents(project.path('.polytask-teacher')))
        self.assertEqual(self.weights(project), self.weights(project, 'again'))

    def test_tokens_are_compared_only_with_a_teacher_of_the_same_vocabulary(self):
        project = self.folder(300)
        self.expect(self.pretrain(project, '--set', 'encoder.layers=2', to='teacher'), 0)
        project.write('other.txt', sentences(200).replace('day', 'morning'))
        relations = ('--set', 'teacher={folder: teacher, relations: 1, vectors: 0}', '--set', 'texts={all: {files: other.txt, teach: true}}')
        self.expect(self.pretrain(project, *relations, texts=None), 3, 'the teacher has another vocabulary', 'teacher.vectors')
        self.assertFalse(os.path.exists(project.path('encoder.unfinished')))
        shared = ('--set', 'vocabulary.folder=teacher')
        self.expect(self.pretrain(project, *relations, *shared, texts=None), 0, 'relations')
        states = ('--set', 'teacher={folder: teacher, hidden_states: 1, vectors: 0}', '--set', 'texts={all: {files: other.txt, teach: true}}')
        self.expect(self.pretrain(project, *states, *shared, to='states', texts=None), 0, 'states')

    def test_half_precision_is_half_the_file(self):
        project = self.folder(100)
        self.expect(self.pretrain(project, to='a'), 0)
        self.expect(self.pretrain(project, '--set', 'stored=f16', to='b'), 0)
        self.assertLess(len(self.weights(project, 'b')), 0.62 * len(self.weights(project, 'a')))
        project.fill(30).describe(tasks={'intent': INTENT}, encoder='b', train={'max_length': 64})
        self.expect(project.run('train', '--run', 'a'), 0)

    def test_a_vocabulary_keeps_the_most_used_tokens_and_learns_others_from_some_texts(self):
        project = self.folder()
        project.write('english.txt', ''.join(f'the fox meets the hen on day {i}\n' for i in range(300)))
        project.write('japanese.txt', ''.join(line + '\n' for line in sentences(600).splitlines() if '。' in line))
        self.expect(self.pretrain(project, to='first', texts='english.txt'), 0)
        recipe = {'texts': {'en': {'files': 'english.txt'}, 'ja': {'files': 'japanese.txt'}}, 'encoder': {'from': 'first'}, 'stored': 'int4',
                  'vocabulary': {'size': 160, 'replace': True, 'keep': 60, 'learn_from': ['ja']}, 'train': {'max_length': 32, 'epochs': 0.2, 'evaluations': 1, 'precision': 'auto'}}
        project.write('recipe.yaml', json.dumps(recipe))
        self.expect(project.run('pretrain', 'recipe.yaml', '--to', 'second'), 0)
        before, after = (read_lines(project.path(name, 'vocab.txt')) for name in ('first', 'second'))
        self.assertEqual([token for token in before if token in after[:60]], after[:60], 'in their old order')
        for token in '[MASK]', 'fox', 'meets':
            self.assertIn(token, after[:60])
        self.assertEqual([token for token in after[60:] if token.removeprefix('##').isascii() and token.removeprefix('##').isalpha()], [], 'English is not learnt again')
        self.assertIn('狐', after[60:])
        self.assertIn(read_json(project.path('second', 'recipe.json'))['train']['precision'], ('f32', 'bf16'))
        self.assertIn('model.int8.safetensors', os.listdir(project.path('second')))
        project.fill(60).describe(tasks={'intent': INTENT}, encoder='second', train={'max_length': 32})
        self.expect(project.run('train', '--run', 'a'), 0)
        project.write('recipe.yaml', json.dumps({**recipe, 'vocabulary': {**recipe['vocabulary'], 'learn_from': ['fr']}}))
        told = self.expect(project.run('pretrain', 'recipe.yaml', '--to', 'third'), 2)
        self.assertIn('vocabulary.learn_from names "fr", which is none of the texts', told.err + told.out)

    def test_bad_input_is_one_sentence(self):
        project = self.folder(60)
        answer = self.pretrain(project, '--device', 'cuda')
        self.expect_last(answer, 2, 'device "cuda": this LibTorch sees no GPU')
        self.assertNotIn('reading the texts', answer.err, 'nobody waits for what cannot be')
        project.write('empty.txt', '\n\n')
        self.expect_last(self.pretrain(project, texts='empty.txt'), 3, 'empty.txt', 'there is no text in it')
        project.write('again.txt', 'the same text, again and again\n' * 1_000_000)
        self.expect_last(self.pretrain(project, texts='again.txt'), 3, '999999 repeated', 'expected at least 2')
        project.write('sjis.txt', '日本語の文です。\n'.encode('shift_jis') * 10)
        self.expect_last(self.pretrain(project, texts='sjis.txt'), 3, 'sjis.txt:1', 'UTF-8')
        self.expect_last(self.pretrain(project, texts='absent.txt'), 3, 'absent.txt', 'no such file')
        self.expect_last(self.pretrain(project, texts=None), 2, '--texts FILE')
        self.expect_last(self.pretrain(project, '--set', 'train.epoch=3'), 2, 'did you mean "epochs"')
        self.expect_last(self.pretrain(project, '--set', 'vocabulary.size=40'), 3, 'different characters', 'vocabulary.size')
        project.write('taken/file', 'x')
        self.expect_last(self.pretrain(project, to='taken'), 5, 'is there already')
        self.assertFalse(os.path.exists(project.path('encoder')))
        self.assertFalse(os.path.exists(project.path('encoder.unfinished')))

    def expect_last(self, answer, code, *phrases):
        """The last line says it; notes may stand above."""
        self.expect(answer, code, *phrases)
        self.assertLess(len(answer.err.splitlines()[-1]), 700, str(answer))

    def test_an_unseen_script_is_refused_until_its_pieces_are_added(self):
        project = self.folder(200)
        self.expect(self.pretrain(project, to='latin'), 0)
        project.write('greek.txt', ''.join(f'το {i} λευκό σκυλί βλέπει τη μαύρη γάτα\n' for i in range(300)))
        from_latin = ('--encoder', 'latin')
        self.expect(self.pretrain(project, *from_latin, texts='greek.txt'), 3, 'cannot write', 'vocabulary.add')
        self.expect(self.pretrain(project, *from_latin, '--set', 'vocabulary.add=60', texts='greek.txt'), 0)
        before, after = (read_json(project.path(name, 'config.json'))['vocab_size'] for name in ('latin', 'encoder'))
        self.assertGreater(after, before)

    def test_one_line_of_200_mb_is_read_in_bounded_pieces(self):
        project = self.folder(60)
        rng = random.Random(2)
        words = sentences(400).split()
        with open(project.path('line.txt'), 'w', encoding='utf-8') as file:
            for _ in range(222):
                file.write(' '.join(rng.choices(words, k=1000)) + ' ')
                file.write('z' * 900_000 + ' ')
        answer = self.pretrain(project, '--set', 'train.epochs=0.05', texts='line.txt', timeout=300)
        self.expect(answer, 0)

    def test_adapting_keeps_what_helps_and_refuses_what_does_not(self):
        project = self.folder(300)
        self.expect(self.pretrain(project, to='old'), 0)
        project.write('more.jsonl', [{'text': row['body']} for row in tickets(2000, 9, 50000)])
        project.fill(40, 60, 0)
        project.describe(tasks={'intent': INTENT}, datasets={'tickets': {'train': 'train.jsonl', 'dev': 'dev.jsonl'}}, encoder='old',
                         train={'max_length': 64, 'epochs': 2})
        project.write('recipe.yaml', json.dumps({'vocabulary': {'add': 200}, 'train': {'epochs': 8, 'max_length': 48, 'batch_tokens': 512, 'learning_rate': 0.002,
                                                                                       'evaluations': 2}}))
        helped = project.run('pretrain', 'recipe.yaml', '--adapt', '--texts', 'more.jsonl', '--to', 'new', '--seeds', '2', '--output', 'json')
        self.assertIn(helped.code, (0, 4), str(helped))
        self.assertEqual(helped.json['kept'], helped.code == 0)
        self.assertEqual(os.path.exists(project.path('new', 'model.safetensors')), helped.code == 0)
        self.assertIn('before', helped.json['tasks']['intent'])
        # A learning rate that destroys what was known.
        project.write('ruin.yaml', json.dumps({'vocabulary': {'add': 200}, 'train': {'epochs': 3, 'max_length': 48, 'batch_tokens': 512, 'learning_rate': 3, 'evaluations': 1}}))
        ruined = project.run('pretrain', 'ruin.yaml', '--adapt', '--to', 'ruined', '--seeds', '2')
        self.expect(ruined, 4)
        self.assertIn('not kept', ruined.out)
        self.assertFalse(os.path.exists(project.path('ruined')))
        self.assertFalse(os.path.exists(project.path('ruined.unfinished')))

    def test_adapting_judges_few_rows_by_as_many_passes_as_teach_something(self):
        project = self.folder(300)
        self.expect(self.pretrain(project, to='old'), 0)
        project.fill(40, 60, 0)
        project.describe(tasks={'intent': INTENT}, datasets={'tickets': {'train': 'train.jsonl', 'dev': 'dev.jsonl'}}, encoder='old',
                         train={'max_length': 64, 'epochs': 62, 'learning_rate': 0.002})
        project.write('recipe.yaml', json.dumps({'vocabulary': {'add': 200}, 'train': {'epochs': 1, 'max_length': 48, 'batch_tokens': 512, 'evaluations': 1}}))
        answer = project.run('pretrain', 'recipe.yaml', '--adapt', '--to', 'new', '--seeds', '2', '--output', 'json')
        self.assertIn(answer.code, (0, 4), str(answer))
        self.assertGreater(answer.json['tasks']['intent']['before'], 0.6)  # three passes over 40 rows: 0.46, where the most frequent label has 0.38


if __name__ == '__main__':
    unittest.main()
