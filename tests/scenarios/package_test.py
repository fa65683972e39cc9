"""`polytask package`: made, checked, compared, put together; and what is refused."""
import hashlib
import json
import os
import random
import resource
import shutil
import subprocess
import unittest

from support import FOUR_TASKS, Trained, contents, limited, read_json


class Packages(Trained):
    """A project with one trained run, and the packages of a test beside it."""

    def setUp(self):
        self.here = self.project('packages')

    def package(self, *more, code=0, phrases=(), **how):
        answer = self.trained.run('package', '--output', 'json', *more, threads=False, **how)
        (self.expect if code == 0 else self.expect_one_sentence)(answer, code, *phrases)
        return answer.json if code == 0 and answer.out else answer

    def make(self, name, *more):
        """Of the trained run, or as `more` says."""
        self.package(*more, '--to', self.here.path(name))
        return self.here.path(name)

    def verify(self, folder, code=0, *phrases):
        answer = self.trained.run('package verify', folder, '--output', 'json', threads=False)
        (self.expect if code == 0 else self.expect_one_sentence)(answer, code, *phrases)
        return answer.json if code == 0 else answer

    def difference(self, first, second, output='json'):
        answer = self.expect(self.trained.run('package diff', first, second, '--output', output, threads=False), 0)
        return answer.json if output == 'json' else answer.out

    def nothing_is_left(self):
        self.assertEqual([name for name in os.listdir(self.here.folder) if name.startswith('.')], [])


class Make(Packages):
    def test_a_run_becomes_a_package_of_the_same_bytes(self):
        made = self.package('--run', 'shared', '--to', self.here.path('new', 'folders', 'a'))
        folder = self.here.path('new', 'folders', 'a')
        self.assertEqual((made['folder'], made['new'], made['tasks']), (folder, True, list(FOUR_TASKS)))
        files, model = contents(folder), contents(self.trained.run_folder('shared', 'model'))
        self.assertEqual({path: files[path] for path in model}, model)
        self.assertEqual(set(files) - set(model), {'manifest.json'} | {f'tasks/{task}/card.md' for task in FOUR_TASKS})
        self.assertEqual(hashlib.sha256(files['manifest.json']).hexdigest(), made['package'])
        self.assertEqual(self.verify(folder), {'package': made['package'], 'tasks': list(FOUR_TASKS), 'files': len(files), 'bytes': sum(map(len, files.values()))})

    def test_the_manifest_says_what_every_file_is_and_where_the_heads_come_from(self):
        folder = self.make('a')
        manifest, files = read_json(folder, 'manifest.json'), contents(folder)
        del files['manifest.json']
        self.assertEqual(manifest['files'], {path: hashlib.sha256(content).hexdigest() for path, content in files.items()})
        self.assertEqual((manifest['schema'], manifest['parent'], set(manifest['tasks'])), (1, {'run': 'shared'}, set(FOUR_TASKS)))
        config, scores = self.trained.run_json('shared', 'config.json'), self.trained.run_json('shared', 'scores.json')
        for name, task in manifest['tasks'].items():
            score = scores['test'][name]
            self.assertEqual(task, {
                'folder': f'tasks/{name}', 'encoder': manifest['encoder'], 'head': manifest['files'][f'tasks/{name}/head.safetensors'],
                'private': manifest['files']['private/words.safetensors'] if name == 'products' else None, 'run': 'shared', 'data': config['data_sha256'],
                'metrics': {'metric': score['metric'], 'value': score['value'], 'interval': score['interval'], 'n': 30, 'split': 'test'}})
            card = files[f'tasks/{name}/card.md'].decode()
            self.assertIn(f'{score["value"]:.4f}', card)
            self.assertIn(config['data_sha256']['tickets'], card)

    def test_equal_models_are_equal_packages_wherever_they_are_made(self):
        copy = self.project('somewhere-else').fill().describe()
        shutil.copytree(self.trained.run_folder('shared'), copy.run_folder('shared'))
        self.expect(copy.run('package', '--to', 'a', threads=False), 0)
        self.assertEqual(contents(copy.path('a')), contents(self.make('a')))
        for content in contents(copy.path('a')).values():
            self.assertNotIn(self.scratch_folder.name.encode(), content)

    def test_without_a_complete_run_it_says_what_makes_one(self):
        project = self.project().fill().describe()
        self.expect_one_sentence(project.run('package', '--to', 'a', threads=False), 3, 'has no complete run yet')
        self.assertFalse(os.path.exists(project.path('a')))

    def test_a_damaged_model_is_named_and_nothing_is_made(self):
        project = self.project().fill().describe()
        shutil.copytree(self.trained.run_folder('shared'), project.run_folder('shared'))
        os.truncate(project.run_folder('shared', 'model', 'tasks', 'intent', 'head.safetensors'), 50)
        self.expect_one_sentence(project.run('package', '--to', 'a', threads=False), 3, 'shared/model/tasks/intent/head.safetensors')
        self.assertFalse(os.path.exists(project.path('a')))

    def test_the_text_says_what_is_ready(self):
        answer = self.expect(self.trained.run('package', '--to', self.here.path('a'), threads=False), 0)
        self.assertRegex(answer.out, r'a is ready: package [0-9a-f]{12} of 4 tasks \(intent, urgency, topics, products\)\n$')
        answer = self.expect(self.trained.run('package', '--to', self.here.path('a'), threads=False), 0)
        self.assertIn('a is there already and unchanged', answer.out)
        answer = self.expect(self.trained.run('package verify', self.here.path('a'), threads=False), 0)
        self.assertRegex(answer.out, r'a: package [0-9a-f]{12} is whole: 20 files')

    def test_the_wrong_options_are_named(self):
        a = self.make('a')
        for options, phrase in (((), 'needs --to FOLDER'), (('--to', 'b', '--from', a), '--from alone changes nothing'), (('--to', 'b', '--task', 'x=y'), 'name it with --from'),
                                (('--to', 'b', '--from', a, '--run', 'shared', '--drop', 'intent'), 'exclude one another'),
                                (('--to', 'b', '--from', a, '--task', 'intent'), 'expected TASK=PACKAGE'), (('--to', 'b', '--from', a, '--task', '=x'), 'expected TASK=PACKAGE'),
                                (('--too', 'b'), 'did you mean "--to"?'), (('--to', '.'), 'expected the name of a new folder')):
            self.package(*options, code=2, phrases=[phrase])
        self.expect_one_sentence(self.trained.run('package diff', a, threads=False), 2, 'polytask package diff --help')
        self.expect_one_sentence(self.trained.run('package verify', threads=False), 2, 'polytask package verify --help')


class Compose(Packages):
    def test_a_task_is_dropped_and_taken_back(self):
        whole = self.make('whole')
        less = self.make('less', '--from', whole, '--drop', 'products', '--drop', 'urgency')
        self.assertEqual(self.verify(less)['tasks'], ['intent', 'topics'])
        self.assertFalse(os.path.exists(os.path.join(less, 'private')), 'no task reads words any more')
        again = self.make('again', '--from', less, '--task', f'products={whole}')
        self.assertEqual(self.verify(again)['tasks'], ['intent', 'topics', 'products'])
        before, after = contents(whole), contents(again)
        for path in before:
            if path not in ('manifest.json', 'model.json') and not path.startswith('tasks/urgency/'):
                self.assertEqual(after[path], before[path], path)
        parent = read_json(again, 'manifest.json')['parent']
        self.assertEqual(parent, {'package': self.verify(less)['package'], 'tasks': {'products': self.verify(whole)['package']}})
        found = self.difference(whole, again)
        self.assertEqual({task: (one['in'], one['answers_can_change']) for task, one in found['tasks'].items()},
                         {'intent': ('both', False), 'topics': ('both', False), 'products': ('both', False), 'urgency': ('first', False)})

    def changed_model(self, name, change):
        """The run's model folder, with intent's task.json changed."""
        folder = self.here.path(name)
        shutil.copytree(self.trained.run_folder('shared', 'model'), folder)
        task = read_json(folder, 'tasks', 'intent', 'task.json')
        change(task)
        self.here.write(os.path.join(folder, 'tasks', 'intent', 'task.json'), json.dumps(task))
        return folder

    def test_a_task_is_replaced_from_a_model_folder_and_the_others_keep_their_bytes(self):
        whole = self.make('whole')
        model = self.changed_model('model', lambda task: task.update(temperature=2.5))
        warmer = self.make('warmer', '--from', whole, '--task', f'intent={model}')
        before, after = contents(whole), contents(warmer)
        self.assertEqual({path for path in before if before[path] != after[path]}, {'manifest.json', 'tasks/intent/task.json', 'tasks/intent/card.md'})
        found = self.difference(whole, warmer)['tasks']
        self.assertEqual((found['intent']['because'], found['intent']['probabilities_alone'], found['intent']['temperature']), (['temperature'], True, [1.0, 2.5]))
        self.assertFalse(any(found[task]['answers_can_change'] for task in ('urgency', 'topics', 'products')))
        self.assertIn('intent: probabilities can change (temperature 1 -> 2.5); accuracy', self.difference(whole, warmer, 'text'))

    def test_a_quantized_package_stays_one_and_says_what_was_measured(self):
        whole, quantized = self.make('whole'), self.here.path('quantized')
        self.expect(self.trained.run('quantize', '--package', whole, '--to', quantized, '--max-drop', '50'), 0)
        less = self.make('less', '--from', quantized, '--drop', 'products')
        again = self.make('again', '--from', less, '--task', f'products={quantized}')
        before, measured = read_json(quantized, 'precision.json'), ('intent', 'urgency', 'topics')
        for folder in less, again:
            plan = read_json(folder, 'precision.json')
            self.assertEqual(plan, {**before, 'losses': {task: before['losses'][task] for task in measured}})
        for folder, task, phrase in (quantized, 'products', 'its span\\_f1 is '), (again, 'products', 'was not measured'), (again, 'intent', 'its accuracy is '):
            card = contents(folder)[f'tasks/{task}/card.md'].decode()
            self.assertIn('Products are computed in int8', card)
            self.assertIn(phrase, card)
        found = self.difference(quantized, again)
        self.assertFalse(found['precision_differs'] or any(task['answers_can_change'] for task in found['tasks'].values()))
        found = self.difference(whole, again)
        self.assertEqual((found['precision_differs'], found['tasks']['intent']['because']), (True, ['precision']))
        self.assertIn('precision.json', self.difference(whole, again, 'text'))

    def test_a_head_of_another_encoder_is_refused(self):
        self.expect(self.trained.run('train', '--run', 'other', '--set', 'seed=2'), 0)
        self.addCleanup(shutil.rmtree, self.trained.run_folder('other'))
        whole, other = self.make('whole', '--run', 'shared'), self.make('other', '--run', 'other')
        self.package('--from', whole, '--task', f'intent={other}', '--to', self.here.path('mixed'), code=5, phrases=['the head of task "intent" cannot be taken from', 'trained on another encoder'])
        self.assertFalse(os.path.exists(self.here.path('mixed')))
        found = self.difference(whole, other)
        self.assertTrue(found['encoder_differs'])
        self.assertEqual(found['private_layers_differ'], ['words'])
        self.assertTrue(all(task['answers_can_change'] for task in found['tasks'].values()))
        self.assertIn('encoder: differs\n', self.difference(whole, other, 'text'))

    def test_a_head_of_other_private_layers_is_refused(self):
        whole = self.make('whole')
        model = self.changed_model('model', lambda task: None)
        words = os.path.join(model, 'private', 'words.safetensors')
        with open(words, 'r+b') as file:
            file.seek(-4, os.SEEK_END)
            file.write(b'\0\0\0\1')
        self.package('--from', whole, '--task', f'products={model}', '--to', self.here.path('b'), code=5, phrases=['other private layers of the reading "words"'])
        self.make('b', '--from', whole, '--task', f'intent={model}')

    def test_what_is_named_and_not_there_is_explained(self):
        whole = self.make('whole')
        to = ('--to', self.here.path('b'))
        self.package('--from', whole, '--drop', 'intend', *to, code=3, phrases=['has no task "intend"; did you mean "intent"?'])
        self.package('--from', whole, '--task', f'intend={whole}', *to, code=3, phrases=['did you mean "intent"?'])
        self.package('--from', self.here.path('absent'), '--drop', 'intent', *to, code=3, phrases=['is neither a package'])
        self.package('--from', self.trained.run_folder('shared'), '--drop', 'intent', *to, code=3, phrases=['did you mean', 'shared/model'])
        one = self.make('one', '--from', whole, '--drop', 'urgency', '--drop', 'topics', '--drop', 'products')
        self.package('--from', one, '--drop', 'intent', *to, code=2, phrases=['is its only task'])


class Target(Packages):
    def test_what_is_there_already_stays(self):
        whole = self.make('whole')
        before = contents(whole)
        self.assertFalse(self.package('--to', whole)['new'])
        self.package('--from', whole, '--drop', 'intent', '--to', whole, code=5, phrases=['is there already and is another package'])
        self.package('--from', whole, '--drop', 'intent', '--to', os.path.join(whole, 'tasks', 'b'), code=2, phrases=['lies inside'])
        self.package('--run', 'shared', '--to', os.path.join(whole, 'inner'), code=2, phrases=['is a package and must stay'])
        answer = subprocess.run([os.environ['POLYTASK'], 'package', '--from', '.', '--drop', 'intent', '--to', 'inner'], cwd=whole, capture_output=True, text=True)
        self.assertEqual(answer.returncode, 2, answer.stderr)
        self.assertEqual(contents(whole), before)
        os.mkdir(self.here.path('empty'))
        self.package('--to', self.here.path('empty'), code=5, phrases=['is there already and is no package'])
        self.here.write('file', 'mine')
        self.package('--to', self.here.path('file'), code=5, phrases=['is there already and is no package'])
        os.symlink('nowhere', self.here.path('link'))
        self.package('--to', self.here.path('link'), code=5, phrases=['is there already'])
        self.assertEqual(contents(whole), before)
        self.nothing_is_left()

    def test_a_full_disk_leaves_nothing(self):
        self.package('--to', self.here.path('a'), code=10, phrases=['cannot be written'], restore_signals=False, preexec_fn=limited(resource.RLIMIT_FSIZE, 10_000))
        self.assertEqual(os.listdir(self.here.folder), [])


class Refused(Packages):
    """Packages that somebody has changed."""

    def setUp(self):
        super().setUp()
        self.good = self.make('good')

    def refused(self, damage, *phrases):
        """`damage` changes a copy, which is then refused by every verb that reads packages."""
        folder = self.here.path('bad')
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.good, folder)
        damage(folder)
        self.verify(folder, 3, *phrases)
        self.package('--from', folder, '--drop', 'intent', '--to', self.here.path('b'), code=3, phrases=phrases)
        self.assertFalse(os.path.exists(self.here.path('b')))

    def manifest(self, change):
        """Damage by somebody who writes manifests as polytask does."""
        def damage(folder):
            manifest = read_json(folder, 'manifest.json')
            change(manifest)
            self.here.write(os.path.join(folder, 'manifest.json'), json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + '\n')
        return damage

    def changed(self, path, change):
        """A file, changed by somebody who puts its hash into the manifest."""
        def damage(folder):
            description = read_json(folder, path)
            change(description)
            text = json.dumps(description)
            self.here.write(os.path.join(folder, path), text)
            self.manifest(lambda manifest: manifest['files'].update({path: hashlib.sha256(text.encode()).hexdigest()}))(folder)
        return damage

    def test_the_manifest_as_this_test_writes_it_is_accepted(self):
        self.manifest(lambda manifest: None)(self.good)
        self.verify(self.good)

    def test_every_changed_byte_is_found(self):
        rng = random.Random(1)
        for path, content in contents(self.good).items():
            if path != 'manifest.json':
                place = rng.randrange(len(content))
                self.refused(lambda folder: self.here.write(os.path.join(folder, path), content[:place] + bytes([content[place] ^ 1]) + content[place + 1:]),
                             f'{path}: was changed after packaging')

    def test_files_that_are_not_listed_or_missing(self):
        self.refused(lambda folder: self.here.write(os.path.join(folder, 'encoder', 'more.txt'), ''), 'encoder/more.txt: is not listed in manifest.json')
        self.refused(lambda folder: os.remove(os.path.join(folder, 'encoder', 'vocab.txt')), 'encoder/vocab.txt: is listed in manifest.json and missing')
        self.refused(self.manifest(lambda manifest: manifest['files'].pop('tasks/intent/card.md')), 'tasks/intent/card.md: is not listed')

    def test_links_and_devices(self):
        def moved(how):
            def damage(folder):
                path, away = os.path.join(folder, 'tasks', 'intent', 'card.md'), self.here.path('away')
                os.replace(path, away)
                how(away, path)
            return damage
        self.refused(moved(os.symlink), 'card.md: is a symbolic link')
        self.refused(moved(os.link), 'card.md: has another name elsewhere (a hard link)')
        self.refused(moved(lambda away, path: os.mkfifo(path)), 'card.md: is no regular file')

        def linked_folder(folder):
            shutil.rmtree(self.here.path('tasks'), ignore_errors=True)
            shutil.move(os.path.join(folder, 'tasks'), self.here.path('tasks'))
            os.symlink(self.here.path('tasks'), os.path.join(folder, 'tasks'))
        self.refused(linked_folder, 'tasks: is a symbolic link')

    def test_names_that_lead_outside(self):
        for name in '../outside', '/etc/passwd', 'tasks/../../outside', 'encoder/./config.json':
            self.refused(self.manifest(lambda manifest: manifest['files'].update({name: '0' * 64})), f'names the file "{name}"; expected a path inside the package')

    def test_manifests_that_are_none(self):
        self.refused(self.manifest(lambda manifest: manifest.update(schema=2, polytask='0.9.0')), 'is written in schema 2, this version of polytask reads 1', '"0.9.0"')
        self.refused(self.manifest(lambda manifest: manifest.update(note='x')), 'manifest.json: is not written as polytask writes it')
        for content, phrase in ('', 'is not valid JSON'), ('[' * 5000, 'is nested more than 8 levels deep'), ('{"schema": 1, "schema": 1}', 'the key "schema" stands twice'), ('[]', 'is not a manifest'):
            self.refused(lambda folder: self.here.write(os.path.join(folder, 'manifest.json'), content), f'manifest.json: {phrase}')

    def test_heads_of_another_encoder_other_layers_or_other_labels(self):
        self.refused(self.manifest(lambda manifest: manifest['tasks']['intent'].update(encoder='0' * 64)), 'the head of task "intent" was trained on another encoder (000000000000)')
        self.refused(self.manifest(lambda manifest: manifest['tasks']['products'].update(private='0' * 64)), 'the head of task "products" was trained on other private layers')
        self.refused(self.manifest(lambda manifest: manifest['tasks']['intent'].update(private='0' * 64)), 'the head of task "intent" was trained on other private layers')
        self.refused(self.changed('tasks/intent/task.json', lambda task: task['labels'].append('more')), 'tasks/intent/head.safetensors: tensor "bias" has shape [3]', 'asks for [4]')
        self.refused(self.changed('model.json', lambda model: model['tasks'].remove('intent')), 'has 4 tasks, model.json 3')

    def test_precisions_of_another_model(self):
        def plan(**changed):
            text = json.dumps({'schema': 1, 'precision': 'int8', 'higher': {'encoder.layer.0.output': 'bf16'}, 'losses': {}, **changed})
            def damage(folder):
                self.here.write(os.path.join(folder, 'precision.json'), text)
                self.manifest(lambda manifest: manifest['files'].update({'precision.json': hashlib.sha256(text.encode()).hexdigest()}))(folder)
            return damage
        self.refused(plan(higher={'encoder.layer.7.output': 'bf16'}), 'precision.json: gives "encoder.layer.7.output" a precision, which the model does not have')
        self.refused(plan(schema=0), 'precision.json: ', 'its schema is "0", expected 1')
        self.refused(plan(precision='int4'), 'precision.json: "int4" is no precision')
        plan()(self.good)
        self.verify(self.good)

    def test_a_tokenizer_of_another_encoder(self):
        def damage(folder):
            for name in 'tokenizer.json', 'vocab.txt':
                path = os.path.join(folder, 'encoder', name)
                with open(path, encoding='utf-8') as file:
                    text = file.read()
                if name == 'tokenizer.json':
                    tokenizer = json.loads(text)
                    vocabulary = tokenizer['model']['vocab']
                    vocabulary['more0'] = len(vocabulary)
                    text = json.dumps(tokenizer)
                else:
                    text += 'more0\n'
                self.here.write(path, text)
            def hashes(manifest):
                encoder = ''
                for path in manifest['files']:
                    if path.startswith('encoder/'):
                        with open(os.path.join(folder, path), 'rb') as file:
                            manifest['files'][path] = hashlib.sha256(file.read()).hexdigest()
                        encoder += f'{manifest["files"][path]}  {path}\n'
                manifest['encoder'] = hashlib.sha256(encoder.encode()).hexdigest()
                for task in manifest['tasks'].values():
                    task['encoder'] = manifest['encoder']
            self.manifest(hashes)(folder)
        self.refused(damage, 'encoder: the tokenizer has ', 'the encoder embeds ')


if __name__ == '__main__':
    unittest.main()
