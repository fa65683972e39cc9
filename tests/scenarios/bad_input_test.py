"""What must never do harm: huge rows, full disks, unreadable folders, hostile model files. One sentence, nothing half written."""
import gzip
import json
import os
import resource
import shutil
import struct
import subprocess
import unittest

from support import INTENT, SCRATCH, TICKETS, Scenario, Trained, limited, tickets

ROW_LIMIT = 'longer than 67108864 bytes, the most that is read'


def read_tensors(path):
    """(header, data) of a safetensors file."""
    with open(path, 'rb') as file:
        n, = struct.unpack('<Q', file.read(8))
        return json.loads(file.read(n)), file.read()


def write_tensors(path, header, data):
    text = json.dumps(header).encode()
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text + data)


def peak_memory(process):
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * 1024


class HugeRows(Trained):
    def long_line(self, name, before, n_blocks, after):
        """A packed file with a line of so many blocks of 16 MiB, which takes some kilobytes of disk."""
        block = gzip.compress(b'a' * (16 << 20), 9)
        path = self.trained.path(name)
        with open(path, 'wb') as file:
            file.write(gzip.compress(before) + block * n_blocks + gzip.compress(after))
        self.addCleanup(os.remove, path)
        return path

    def test_a_line_of_a_gigabyte_is_one_finding_and_is_not_held(self):
        good = json.dumps(tickets(1, 2, 10000)[0]).encode()
        self.long_line('long.jsonl.gz', good + b'\n{"body": "', 64, b'"}\n' + good.replace(b'please', b'kindly') + b'\n')
        process = self.trained.start('validate', '--output', 'json', '--set', 'datasets.tickets.dev=long.jsonl.gz', stdout=subprocess.PIPE)
        found = json.loads(process.stdout.read())
        process.stdout.close()
        self.assertLess(peak_memory(process), 250 << 20)
        self.assertEqual(process.returncode, 3)
        problem, = found['problems']
        self.assertEqual((problem['kind'], problem['where']), ('unreadable-row', 'long.jsonl.gz:2'))
        self.assertIn(ROW_LIMIT, problem['message'])
        self.assertEqual(found['datasets'][0]['dev'], 2)

    def test_other_formats_bound_their_rows_too(self):
        for name, before, after in ('long.csv.gz', b'body,intent\nfine,order\n"', b'",order\nfine too,order\n'), ('long.conll.gz', b'Ken\tB-PER\n\n', b'\tO\n\nKen\tB-PER\n'):
            with self.subTest(file=name):
                self.long_line(name, before, 5, after)
                tasks = {'task': INTENT if 'csv' in name else {'type': 'tagging', 'dataset': 'tickets'}}
                found = self.trained.run('validate', '--output', 'json', '--set', f'datasets={{tickets: {{train: {name}}}}}', '--set', 'tasks=' + json.dumps(tasks)).json
                problem, = [problem for problem in found['problems'] if problem['severity'] == 'error']
                self.assertEqual((problem['kind'], problem['where']), ('unreadable-row', f'{name}:3'))
                self.assertIn('longer than 67108864 bytes', problem['message'])
                self.assertEqual(found['datasets'][0]['train'], 2)

    def test_predict_answers_the_rows_around_a_huge_one(self):
        path = self.long_line('new.jsonl.gz', b'{"id": "a", "body": "buy"}\n{"body": "', 5, b'"}\n{"id": "c", "body": "find"}\n')
        answer = self.expect(self.trained.run('predict', '--input', path), 3)
        self.assertEqual([row['id'] for row in answer.rows], ['a', 2, 'c'])
        self.assertIn(ROW_LIMIT, answer.rows[1]['error'])

    def test_a_header_of_millions_of_columns_and_a_quote_that_never_ends(self):
        self.long_line('wide.csv.gz', b',' * (8 << 20), 0, b'\n')
        self.long_line('open.csv.gz', b'body,intent\n"never closed', 5, b'')
        for name, phrase in ('wide.csv.gz', 'columns; at most 10000 are read'), ('open.csv.gz', 'never ends'):
            answer = self.expect(self.trained.run('validate', '--set', f'datasets={{tickets: {{train: {name}}}}}', '--set', 'tasks=' + json.dumps({'intent': INTENT})), 3)
            self.assertIn(phrase, answer.out)

    def test_rows_nested_without_end_are_bad_rows(self):
        deep = '{"body": ' + '[' * 100000
        answer = self.expect(self.trained.run('predict', '--input', '-', stdin=deep + '\n{"body": "buy"}\n'), 3)
        self.assertIn('is not JSON', answer.rows[0]['error'])
        self.assertLess(len(answer.rows[0]['error']), 300)
        self.assertIn('tasks', answer.rows[1])


class FullDisk(Scenario):
    def expect_recovery(self, project, bits):
        answer = project.run('train', '--run', 'a', '--resume', '--output', 'json')
        self.expect(answer, 0)
        self.assertEqual(project.hashes('a'), bits)
        self.assertTrue(os.path.getsize(project.run_folder('a', 'report.html')) > 0)

    def test_a_file_that_cannot_grow_ends_the_run_and_resume_finishes_it(self):
        named = set()
        for name, train in ('checkpoints', {'checkpoint_steps': 4}), ('steps', {'epochs': 24, 'evaluations_per_epoch': 0.1, 'scratch': {**SCRATCH, 'layers': 1}}):
            whole = self.project(name).fill().describe(train=train)
            self.expect(whole.run('train', '--run', 'a'), 0)
            config, page = (os.path.getsize(whole.run_folder('a', file)) for file in ('config.json', 'report.html'))
            for limit in (0, config - 1, 50000) if name == 'checkpoints' else (config + 500, 50000, page - 1):
                with self.subTest(name, limit=limit):
                    project = self.project(f'{name}-{limit}').fill().describe(train=train)
                    answer = self.expect(project.run('train', '--run', 'a', restore_signals=False, preexec_fn=limited(resource.RLIMIT_FSIZE, limit)), 10)
                    last = answer.err.splitlines()[-1]
                    self.assertRegex(last, r'^polytask: \S+: cannot be written.*free some space', answer.err)
                    named.add(os.path.basename(last.split(': ')[1]))
                    self.assertEqual(project.leftovers(), [])
                    self.expect_recovery(project, whole.hashes('a'))
        self.assertEqual(named, {'config.json', 'tensors.safetensors', 'metrics.jsonl', 'weights.safetensors', 'report.html'})

    def test_a_full_disk_is_one_sentence_with_the_reason(self):
        project = self.project().fill().describe(train={'checkpoint_steps': 4})
        os.mkdir(project.path('.polytask'))
        mounted = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', project.path('.polytask')], capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            self.skipTest('needs the right to mount a small disk')
        self.addCleanup(subprocess.run, ['umount', '-l', project.path('.polytask')], check=False)
        answer = self.expect(project.run('train', '--run', 'a'), 10)
        self.assertRegex(answer.err.splitlines()[-1], r'^polytask: \S+: cannot be .*(No space left on device).*free some space')
        self.assertEqual(project.leftovers(), [])
        subprocess.run(['mount', '-o', 'remount,size=16m', project.path('.polytask')], check=True)
        self.expect(project.run('train', '--run', 'a', '--resume'), 0)

    def test_predict_leaves_no_file_on_a_full_disk(self):
        project = self.project().fill().describe()
        self.expect(project.run('train', '--run', 'a'), 0)
        answer = project.run('predict', '--input', 'test.jsonl', '--output-file', 'answers.jsonl', restore_signals=False, preexec_fn=limited(resource.RLIMIT_FSIZE, 1000))
        self.expect_one_sentence(answer, 10, 'answers.jsonl: cannot be written (File too large)')
        self.assertEqual([name for name in os.listdir(project.folder) if 'answers' in name], [])


class Unreadable(Scenario):
    def test_a_state_folder_that_cannot_be_made_is_one_sentence(self):
        project = self.project().fill().describe()
        project.write('.polytask', 'a file')
        self.expect_one_sentence(project.run('train', '--run', 'a'), 10, '.polytask/runs/a: the folder cannot be made (Not a directory)')

    def test_a_file_whose_reading_fails_is_named(self):
        project = self.project().fill().describe(datasets={'tickets': {**TICKETS, 'dev': 'dev2.jsonl'}})
        os.symlink('/proc/self/mem', project.path('dev2.jsonl'))
        answer = self.expect(project.run('validate'), 3)
        self.assertIn('dev2.jsonl: reading failed (Input/output error)', answer.out)

    def as_anyone(self, project, verb, *more):
        """The command as a user without rights over the project."""
        who = {} if os.geteuid() else {'user': 65534, 'group': 65534, 'extra_groups': []}
        os.chmod(self.scratch_folder.name, 0o755)
        try:
            return project.run(verb, *more, **who)
        except PermissionError:
            self.skipTest('the command lies where other users cannot start it')

    def test_without_the_right_to_read_it_says_which_file(self):
        project = self.project().fill().describe(datasets={'tickets': {**TICKETS, 'dev': 'closed/dev.jsonl', 'test': 'test.jsonl'}}, encoder='closed/encoder')
        project.write('closed/dev.jsonl', tickets(3, 1))
        os.chmod(project.path('test.jsonl'), 0)
        os.chmod(project.path('closed'), 0)
        self.addCleanup(os.chmod, project.path('closed'), 0o755)
        answer = self.expect(self.as_anyone(project, 'validate', '--set', 'encoder=null'), 3)
        for file in 'closed/dev.jsonl', 'test.jsonl':
            self.assertIn(f'{file}: cannot be opened (Permission denied)', answer.out)
        plain = ('--set', 'datasets={tickets: {train: train.jsonl}}')
        self.assertIn('closed/encoder/config.json: cannot be opened (Permission denied)', self.expect(self.as_anyone(project, 'validate', *plain), 3).out)
        self.expect_one_sentence(self.as_anyone(project, 'train', *plain), 3, 'closed/encoder', 'Permission denied')
        os.chmod(project.path('polytask.yaml'), 0)
        self.expect_one_sentence(self.as_anyone(project, 'validate'), 2, 'polytask.yaml: cannot be opened (Permission denied)')

    def test_without_the_right_to_write_it_says_where(self):
        project = self.project().fill().describe()
        os.chmod(project.folder, 0o555)
        self.addCleanup(os.chmod, project.folder, 0o755)
        self.expect_one_sentence(self.as_anyone(project, 'train', '--run', 'a'), 10, '.polytask/runs/a: the folder cannot be made (Permission denied)')


class EncoderFolder(Trained):
    """Every damage to an encoder's folder is found by `validate`, and refused by `train` before anything is written."""

    def setUp(self):
        self.damaged = self.project().fill(30, 6, 6).describe(tasks={'intent': INTENT}, encoder='encoder')
        shutil.copytree(self.trained.run_folder('shared', 'model', 'encoder'), self.damaged.path('encoder'))
        self.weights = self.damaged.path('encoder', 'model.safetensors')

    def expect_refused(self, *phrases):
        self.expect_one_sentence(self.damaged.run('train', '--run', 'a'), 3, *phrases)
        self.assertFalse(os.path.exists(self.damaged.run_folder('a')))
        self.assertIn(list(phrases), [[phrase for phrase in phrases if phrase in sentence] for sentence in self.findings()])

    def findings(self):
        problems = self.expect(self.damaged.run('validate', '--output', 'json'), 3).json['problems']
        self.assertEqual({problem['kind'] for problem in problems}, {'unreadable-encoder'})
        return [f'{problem["where"]}: {problem["message"]}' for problem in problems]

    def expect_finding(self, where, phrase):
        self.assertTrue(any(sentence.startswith(f'{where}: ') and phrase in sentence for sentence in self.findings()))

    def change_json(self, name, change):
        with open(self.damaged.path('encoder', name), encoding='utf-8') as file:
            content = json.load(file)
        change(content)
        self.damaged.write(f'encoder/{name}', json.dumps(content))

    def test_an_undamaged_folder_trains(self):
        self.expect(self.damaged.run('train', '--run', 'a'), 0)

    def test_what_was_refused_trains_once_it_is_put_right(self):
        os.rename(self.weights, self.weights + '.away')
        self.expect_refused('model.safetensors')
        os.rename(self.weights + '.away', self.weights)
        self.expect(self.damaged.run('train', '--run', 'a'), 0)

    def test_a_header_of_two_to_the_sixty(self):
        with open(self.weights, 'r+b') as file:
            file.write(struct.pack('<Q', 1 << 60))
        self.expect_refused('encoder/model.safetensors: says that its header is 1152921504606846976 bytes long; at most 100000000 are read')

    def test_a_header_that_is_longer_than_the_file(self):
        with open(self.weights, 'r+b') as file:
            file.write(struct.pack('<Q', 99_999_999))
        self.expect_refused('says that its header is 99999999 bytes long, but only')

    def test_a_cut_file(self):
        os.truncate(self.weights, os.path.getsize(self.weights) // 2)
        self.expect_refused('encoder/model.safetensors: tensor "', 'the file is damaged')
        os.truncate(self.weights, 0)
        self.expect_refused('encoder/model.safetensors', 'empty')

    def test_overlapping_tensors(self):
        header, data = read_tensors(self.weights)
        header['embeddings.LayerNorm.weight']['data_offsets'] = header['embeddings.LayerNorm.bias']['data_offsets']
        write_tensors(self.weights, header, data)
        self.expect_refused('encoder/model.safetensors: tensor "embeddings.LayerNorm.', 'overlaps another one')

    def test_a_shape_whose_size_overflows(self):
        header, data = read_tensors(self.weights)
        header['embeddings.LayerNorm.weight']['shape'] = [1 << 32, 1 << 32, 32]
        write_tensors(self.weights, header, data)
        self.expect_refused('tensor "embeddings.LayerNorm.weight" has more elements than any file can hold')

    def test_weights_that_are_no_numbers(self):
        for value, word in (float('nan'), 'nan'), (float('inf'), 'inf'):
            header, data = read_tensors(self.trained.run_folder('shared', 'model', 'encoder', 'model.safetensors'))
            begin = header['embeddings.LayerNorm.bias']['data_offsets'][0] + 4 * 5
            write_tensors(self.weights, header, data[:begin] + struct.pack('<f', value) + data[begin + 4:])
            self.expect_refused(f'tensor "embeddings.LayerNorm.bias" holds {word} at position 5')

    def test_a_tensor_of_another_shape_or_type(self):
        header, data = read_tensors(self.weights)
        header['embeddings.LayerNorm.weight']['shape'] = [2, 16]
        write_tensors(self.weights, header, data)
        self.expect_refused('tensor "embeddings.LayerNorm.weight" has shape [2, 16], config.json asks for [32]')
        header['embeddings.LayerNorm.weight'].update(shape=[32], dtype='F99')
        write_tensors(self.weights, header, data)
        self.expect_refused('has dtype "F99", which is not supported')

    def test_a_pickle_is_refused_with_the_reason(self):
        os.remove(self.weights)
        self.damaged.write('encoder/pytorch_model.bin', b'\x80\x02}q\x00.')
        self.expect_refused('encoder/pytorch_model.bin: is not read, because a pickle file can run any program when it is opened')

    def test_missing_files_are_named(self):
        os.remove(self.weights)
        self.expect_refused('encoder: has neither model.safetensors nor model.safetensors.index.json')
        os.remove(self.damaged.path('encoder', 'config.json'))
        self.expect_refused('encoder/config.json: cannot be opened (No such file or directory)')
        for name in 'tokenizer.json', 'vocab.txt':
            os.remove(self.damaged.path('encoder', name))
        self.expect_finding('encoder', 'has none of tokenizer.json, vocab.txt')
        shutil.rmtree(self.damaged.path('encoder'))
        self.expect_refused('encoder: there is no such folder; expected an encoder in Hugging Face layout')

    def test_an_index_that_names_a_file_outside_the_folder(self):
        os.remove(self.weights)
        self.damaged.write('encoder/model.safetensors.index.json', json.dumps({'weight_map': {'embeddings.LayerNorm.bias': '../../secret.safetensors'}}))
        self.expect_refused('names the file "../../secret.safetensors"; expected the plain name')

    def test_an_encoder_of_another_family(self):
        self.change_json('config.json', lambda config: config.update(model_type='gpt2'))
        self.expect_refused('encoder/config.json: "model_type" is "gpt2"; expected "bert", "roberta"')

    def test_sizes_that_no_encoder_has(self):
        for key, value in ('hidden_size', -1), ('vocab_size', 1 << 62), ('num_attention_heads', 3), ('layer_norm_eps', 'small'):
            with self.subTest(key=key):
                shutil.copy(self.trained.run_folder('shared', 'model', 'encoder', 'config.json'), self.damaged.path('encoder', 'config.json'))
                self.change_json('config.json', lambda config: config.update({key: value}))
                self.expect_refused('encoder/config.json: "')

    def test_a_tokenizer_two_thousand_levels_deep(self):
        self.damaged.write('encoder/tokenizer.json', '{"model": ' * 2000 + '1' + '}' * 2000)
        self.expect_refused('encoder/tokenizer.json: is nested more than')

    def test_a_tokenizer_component_that_is_not_built(self):
        for key, component, phrase in (('normalizer', {'type': 'Magic'}, '"normalizer" is of type "Magic"'),
                                       ('model', {'type': 'WordLevel', 'vocab': {}}, '"model" is of type "WordLevel"; supported are'),
                                       ('pre_tokenizer', {'type': 'UnicodeScripts'}, '"pre_tokenizer" is of type "UnicodeScripts"')):
            shutil.copy(self.trained.run_folder('shared', 'model', 'encoder', 'tokenizer.json'), self.damaged.path('encoder', 'tokenizer.json'))
            self.change_json('tokenizer.json', lambda tokenizer: tokenizer.update({key: component}))
            self.expect_refused(f'encoder/tokenizer.json: {phrase}')
            self.expect_finding('encoder/tokenizer.json', phrase)

    def test_a_tokenizer_of_another_encoder(self):
        self.change_json('config.json', lambda config: config.update(vocab_size=10))
        self.expect_refused('encoder: the tokenizer has ', ' tokens, the encoder embeds 10; the files do not belong together')

    def test_files_that_are_no_json(self):
        for name in 'config.json', 'tokenizer.json':
            path = self.damaged.path('encoder', name)
            os.truncate(path, os.path.getsize(path) // 2)
            self.expect_refused(f'encoder/{name}: is not valid JSON near byte')
            shutil.copy(self.trained.run_folder('shared', 'model', 'encoder', name), path)


class DamagedModel(Trained):
    """A run's model that was damaged afterwards is refused by `predict`."""

    def setUp(self):
        self.copy = self.project().fill(30, 6, 6).describe()
        shutil.copytree(self.trained.run_folder('shared'), self.copy.run_folder('shared'))

    def expect_refused(self, *phrases, code=3):
        answer = self.expect_one_sentence(self.copy.run('predict', '--text', 'buy a lamp'), code, *phrases)
        self.assertEqual(answer.out, '')

    def test_the_undamaged_copy_answers(self):
        self.expect(self.copy.run('predict', '--text', 'buy a lamp'), 0)

    def test_damaged_weights(self):
        head = self.copy.run_folder('shared', 'model', 'tasks', 'intent', 'head.safetensors')
        header, data = read_tensors(head)
        write_tensors(head, header, b'\xff' * len(data))
        self.expect_refused('tasks/intent/head.safetensors: tensor "', 'nan at position 0')
        os.remove(head)
        self.expect_refused('tasks/intent/head.safetensors', 'No such file or directory')

    def test_damaged_private_layers(self):
        words = self.copy.run_folder('shared', 'model', 'private', 'words.safetensors')
        header, data = read_tensors(words)
        write_tensors(words, header, b'\xff' * len(data))
        self.expect_refused('private/words.safetensors: tensor "encoder.layer.1.', 'nan at position 0; the weights are damaged')
        write_tensors(words, {**header, 'encoder.layer.7.output.dense.bias': {'dtype': 'F32', 'shape': [1], 'data_offsets': [len(data), len(data) + 4]}}, data + bytes(4))
        self.expect_refused('private/words.safetensors: has 17 tensors, 1 private layer has 16')
        shutil.copy(words, words.replace('words', 'pair'))
        self.expect_refused('private/pair.safetensors: no task of model.json reads these layers')
        os.remove(words.replace('words', 'pair'))
        os.remove(words)
        self.expect_refused('private/words.safetensors', 'No such file or directory')
        path = self.copy.run_folder('shared', 'model', 'model.json')
        with open(path, encoding='utf-8') as file:
            model = json.load(file)
        self.copy.write(path, json.dumps({**model, 'private_layers': 1.5}))
        self.expect_refused('"private_layers" is 1.5; expected a whole number')
        self.copy.write(path, json.dumps({**model, 'private_layers': 3}))
        self.expect_refused('3 layers are private, the encoder has 2')

    def test_a_damaged_description(self):
        def damage(name, change, *phrases):
            path = self.copy.run_folder('shared', 'model', *name.split('/'))
            with open(path, encoding='utf-8') as file:
                good = file.read()
            description = json.loads(good)
            change(description)
            self.copy.write(path, json.dumps(description))
            self.expect_refused(f'model/{name}', *phrases)
            self.copy.write(path, good)

        damage('model.json', lambda model: model.update(schema=99), 'was written in schema 99')
        damage('model.json', lambda model: model.update(schema=3), 'was written in schema 3', 'train the model again')
        damage('model.json', lambda model: model.update(max_length=1 << 40), '"max_length"')
        damage('model.json', lambda model: model['tasks'].append('intent'), 'task "intent" stands twice')
        damage('tasks/intent/task.json', lambda task: task.update(labels=[]), 'task "intent" is of type classification and has 0 labels')
        damage('tasks/intent/task.json', lambda task: task.pop('type'), 'is not a task description')
        damage('tasks/intent/task.json', lambda task: task.update(name='urgency'), 'is of the task "urgency", model.json names "intent" here')
        damage('tasks/intent/task.json', lambda task: task.update(temperature=0), 'has the temperature 0')

    def test_labels_that_do_not_fit_the_head(self):
        path = self.copy.run_folder('shared', 'model', 'tasks', 'intent', 'task.json')
        with open(path, encoding='utf-8') as file:
            task = json.load(file)
        self.copy.write(path, json.dumps({**task, 'labels': ['a']}))
        self.expect_refused('tasks/intent/head.safetensors: tensor "bias" has shape [3], task.json with the encoder\'s config.json asks for [1]')

    def test_a_damaged_state(self):
        self.copy.write(self.copy.run_folder('shared', 'state.json'), '{"status": "comp')
        self.expect_refused('shared/state.json: is not valid JSON')


if __name__ == '__main__':
    unittest.main()
