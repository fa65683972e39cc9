"""An encoder by its name on the hub, against a hub on this machine that speaks the protocol of huggingface.co: what is brought,
what is asked, what survives, and what is said of everything that can go wrong there."""
import json
import os
import pty
import random
import shutil
import signal
import ssl
import struct
import subprocess
import time
import unittest

from hub_server import Hub, Repository
from support import PRODUCTS, ROOT, WORDS, Answer, Scenario, arguments, contents, environment, limited, read_json, wait_until

import resource

GOLDEN = os.path.join(ROOT, 'tests', 'golden', 'model')
VOCABULARY = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'please', 'the', 'number', 'of', *sorted({word for words in WORDS.values() for word in words}), *PRODUCTS]
PYTHON = os.environ.get('POLYTASK_REFERENCE_PYTHON')
TORCH = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(os.environ.get('POLYTASK', os.path.join(ROOT, 'bin', 'polytask'))))), 'libexec', 'polytask', 'polytask-torch')
NAME = 'owner/small-encoder'
INTENT = {'intent': {'type': 'classification', 'dataset': 'tickets', 'text': 'body', 'label': 'intent'}}
READ = ('config.json', 'model.safetensors', 'tokenizer_config.json', 'vocab.txt')


def padded(weights, n_bytes):
    """The same weights with a tensor behind them that no encoder reads."""
    size, = struct.unpack('<Q', weights[:8])
    header, data = json.loads(weights[8:8 + size]), weights[8 + size:]
    header['vocab_projector.weight'] = {'dtype': 'F32', 'shape': [n_bytes // 4], 'data_offsets': [len(data), len(data) + n_bytes]}
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    return struct.pack('<Q', len(text)) + text + data + bytes(i * 7 % 251 for i in range(n_bytes))


def encoder_files(n_bytes=0):
    found = contents(os.path.join(GOLDEN, 'distilbert'))
    files = {name: found[name] for name in ('config.json', 'model.safetensors')}
    if n_bytes:
        files['model.safetensors'] = padded(files['model.safetensors'], n_bytes)
    return {**files, 'vocab.txt': ('\n'.join(VOCABULARY) + '\n').encode(), 'tokenizer_config.json': b'{"do_lower_case": true}', 'README.md': b'# small',
            'pytorch_model.bin': b'a pickle', 'onnx/model.onnx': b'x', '1_Pooling/config.json': b'{}'}


class HubScenario(Scenario):
    def setUp(self):
        self.hub = self.serve()
        self.here = self.project().fill(20, 6, 6).describe(tasks=INTENT, encoder=NAME, train={'epochs': 1, 'max_length': 16})
        self.cache = self.here.path('cache')
        self.model = os.path.join(self.cache, 'models--owner--small-encoder')

    def serve(self, context=None, n_bytes=0, **how):
        hub = Hub({NAME: Repository(encoder_files(n_bytes), **how)}, context)
        self.addCleanup(hub.stop)
        return hub

    def variables(self, **more):
        mine = {key: value for key, value in environment().items()
                if not key.startswith(('HF_', 'HUGGING', 'TRANSFORMERS', 'SSL_', 'CURL_', 'REQUESTS_')) and not key.lower().endswith('proxy')}
        return {**mine, 'HF_ENDPOINT': self.hub.endpoint, 'HF_HOME': self.here.path('home'), 'HF_HUB_CACHE': self.cache, 'HF_HUB_DOWNLOAD_TIMEOUT': '2', **more}

    def run_at_hub(self, verb, *more, where=None, **variables):
        done = subprocess.run(arguments(verb, *more), cwd=(where or self.here).folder, env=self.variables(**variables), capture_output=True, timeout=120,
                              stdin=subprocess.DEVNULL, check=False)
        return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())

    def validate(self, *more, **variables):
        return self.run_at_hub('validate', *more, **variables)

    def start(self, *more, **variables):
        return subprocess.Popen(arguments('validate', *more), cwd=self.here.folder, env=self.variables(**variables), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def blob(self, file):
        return os.path.join(self.model, 'blobs', self.hub.repositories[NAME].etag(file))

    def snapshot(self, *names):
        return os.path.join(self.model, 'snapshots', self.hub.repositories[NAME].commit, *names)

    def expect_whole(self):
        """The snapshot has what an encoder needs and no more, byte for byte, by links to blobs that are called as the hub calls them."""
        files = self.hub.repositories[NAME].files
        self.assertEqual(sorted(os.listdir(self.snapshot())), sorted(READ))
        for file in READ:
            self.assertEqual(os.readlink(self.snapshot(file)), os.path.relpath(self.blob(file), self.snapshot()))
            with open(self.snapshot(file), 'rb') as stored:
                self.assertEqual(stored.read(), files[file], file)
        with open(os.path.join(self.model, 'refs', 'main'), encoding='utf-8') as file:
            self.assertEqual(file.read(), self.hub.repositories[NAME].commit)
        self.assertEqual([name for name in os.listdir(os.path.join(self.model, 'blobs')) if name.endswith('.incomplete')], [])

    def expect_finding(self, answer, *phrases):
        """An error about the encoder on standard output, beside what else was found."""
        self.assertEqual(answer.code, 3, str(answer))
        for phrase in phrases:
            self.assertIn(phrase, answer.out, str(answer))
        self.assertIn('task', answer.out)
        self.assertNotIn(self.hub.token, answer.out + answer.err)
        self.assertNotIn('secret-signature', answer.out + answer.err)
        return answer


class Download(HubScenario):
    def test_brings_what_an_encoder_needs_and_says_before_how_much(self):
        answer = self.expect(self.validate(), 0, f'encoder {NAME} (commit {"1" * 12} of {self.hub.endpoint})', 'to download into', 'model.safetensors: 26 kB')
        self.expect_whole()
        self.assertNotIn('error', answer.err)
        self.assertFalse([path for *_, path, _, _ in self.hub.requests if path.endswith(('.bin', '.md', '.onnx'))])

    def test_asks_nobody_the_second_time(self):
        self.expect(self.validate(), 0)
        n = len(self.hub.requests)
        before = contents(self.cache)
        for revision in '', '@main', '@' + '1' * 40:
            self.expect(self.validate('--set', f'encoder={NAME}{revision}'), 0)
        self.assertEqual(len(self.hub.requests), n)
        self.assertEqual(contents(self.cache), before)

    def test_a_revision_may_be_a_branch_a_request_or_a_commit(self):
        self.hub.repositories[NAME].branches = ('main', 'v1', 'refs/pr/1')
        for revision in 'v1', 'refs/pr/1', '1' * 40:
            self.expect(self.validate('--set', f'encoder={NAME}@{revision}'), 0)
        self.assertTrue(os.path.exists(os.path.join(self.model, 'refs', 'refs', 'pr', '1')))
        self.assertEqual(self.hub.n_contents('model.safetensors'), 1, 'the content is one')

    def test_a_folder_that_exists_is_used_and_said(self):
        shutil.copytree(os.path.join(GOLDEN, 'distilbert'), self.here.path('owner', 'small-encoder'))
        self.here.write('owner/small-encoder/vocab.txt', '\n'.join(VOCABULARY) + '\n')
        self.expect(self.validate(), 0, f'note: encoder {NAME}: the folder {NAME} is used, not a model of that name on the hub')
        self.assertEqual(self.hub.requests, [])

    def test_what_is_neither_a_folder_nor_a_name_asks_nobody(self):
        for word in 'small-encoder', '../owner/small', 'owner/small/encoder', 'owner/..', 'owner/small@../../x', './owner/small-encoder':
            answer = self.validate('--set', f'encoder={word}')
            self.assertEqual(answer.code, 3, str(answer))
        self.assertEqual(self.hub.requests, [])
        self.assertFalse(os.path.exists(self.cache))

    def test_shards_come_with_their_index(self):
        repository = self.hub.repositories[NAME]
        found = contents(os.path.join(GOLDEN, 'gelu_new_in_shards'))
        repository.files = {**{name: content for name, content in repository.files.items() if name != 'model.safetensors'},
                            **{name: content for name, content in found.items() if name.startswith('model') or name == 'config.json'}}
        self.expect(self.validate(), 0, 'model-00001-of-')
        self.assertEqual(sorted(name for name in os.listdir(self.snapshot()) if name.startswith('model')), sorted(name for name in found if name.startswith('model')))

    def test_what_is_not_supported_is_said_before_the_weights_come(self):
        self.hub.repositories[NAME].files['config.json'] = b'{"model_type": "t5"}'
        self.expect_finding(self.validate(), 'model_type', '"t5"')
        self.assertEqual(self.hub.n_contents('model.safetensors'), 0)


class Broken(HubScenario):
    def setUp(self):
        super().setUp()
        self.hub = self.serve(n_bytes=4 << 20)
        self.size = len(self.hub.repositories[NAME].files['model.safetensors'])

    def killed_in_the_middle(self, how):
        self.hub.pause_after_64k = 0.05
        process = self.start()
        partial = self.blob('model.safetensors') + '.incomplete'
        wait_until(lambda: os.path.exists(partial) and os.path.getsize(partial) > 1 << 20, process)
        child = subprocess.run(['pgrep', '-P', str(process.pid)], capture_output=True, text=True, check=True).stdout.split()
        if how == signal.SIGKILL:
            os.kill(int(child[0]), how)
            process.send_signal(how)
        else:  # as a terminal does
            os.kill(int(child[0]), how)
            process.send_signal(how)
        out, err = process.communicate(timeout=30)
        self.hub.pause_after_64k = 0
        self.assertFalse(os.path.exists(self.snapshot('model.safetensors')))
        return process.returncode, err, os.path.getsize(partial)

    def test_a_kill_in_the_middle_loses_nothing(self):
        code, _, n_bytes = self.killed_in_the_middle(signal.SIGKILL)
        self.assertEqual(code, -signal.SIGKILL)
        self.expect(self.validate(), 0, 'of it are here')
        self.expect_whole()
        ranges = [asked for is_cdn, _, _, asked, _ in self.hub.requests if is_cdn]
        self.assertEqual(len(ranges), 2)
        self.assertGreaterEqual(int(ranges[1].removeprefix('bytes=').rstrip('-')), n_bytes - (1 << 16))

    def test_ctrl_c_says_that_the_same_command_goes_on(self):
        code, err, _ = self.killed_in_the_middle(signal.SIGINT)
        self.assertEqual(code, 20, err)
        self.assertIn('the same command goes on', err.splitlines()[-1])
        self.expect(self.validate(), 0)
        self.expect_whole()

    def test_two_processes_at_once_download_once(self):
        self.hub.pause_after_64k = 0.02
        processes = [self.start() for _ in range(3)]
        ended = [(process.communicate(timeout=60), process.returncode) for process in processes]
        self.assertEqual([code for _, code in ended], [0, 0, 0], ended)
        self.assertEqual(self.hub.n_contents('model.safetensors'), 1)
        self.assertIn('another process downloads it; waiting', ''.join(err for (_, err), _ in ended))
        self.expect_whole()

    def test_a_connection_that_breaks_is_gone_on_with(self):
        state = {'n': 0}

        def break_twice(handler, path):
            if not path.startswith('/cdn/') or state['n'] == 2:
                return False
            state['n'] += 1
            content = self.hub.repositories[NAME].files['model.safetensors']
            begin = int((handler.headers.get('Range') or 'bytes=0-').removeprefix('bytes=').rstrip('-'))
            handler.send_response(206 if begin else 200)
            handler.send_header('Content-Length', str(len(content) - begin))
            if begin:
                handler.send_header('Content-Range', f'bytes {begin}-{len(content) - 1}/{len(content)}')
            handler.end_headers()
            handler.wfile.write(content[begin:begin + (1 << 20)])
            handler.wfile.flush()
            handler.hang_up()
            return True
        self.hub.fault = break_twice
        self.expect(self.validate(), 0, 'the connection to', 'asking again in 1 s')
        self.expect_whole()
        self.assertEqual(self.hub.n_contents('model.safetensors'), 3)

    def test_a_damaged_part_is_found_and_downloaded_anew(self):
        os.makedirs(os.path.join(self.model, 'blobs'))
        with open(self.blob('model.safetensors') + '.incomplete', 'wb') as file:
            file.write(bytes(1 << 20))
        self.expect(self.validate(), 0, 'what was there before is damaged')
        self.expect_whole()

    def test_a_full_disk_keeps_what_came(self):
        done = subprocess.run(arguments('validate'), cwd=self.here.folder, env=self.variables(), capture_output=True, timeout=60, text=True, check=False,
                              preexec_fn=limited(resource.RLIMIT_FSIZE, 2 << 20))
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn('cannot be written (File too large)', done.stdout)
        self.assertIn('it goes on where this one stopped', done.stdout)
        self.expect(self.validate(), 0, '2.1 MB of it are here')
        self.expect_whole()

    def test_on_a_terminal_one_line_says_how_long_it_takes(self):
        self.hub.pause_after_64k = 0.05
        master, terminal = pty.openpty()
        process = subprocess.Popen(arguments('validate'), cwd=self.here.folder, env=self.variables(), stdout=subprocess.DEVNULL, stderr=terminal)
        os.close(terminal)
        shown = b''
        try:
            while piece := os.read(master, 4096):
                shown += piece
        except OSError:
            pass
        os.close(master)
        self.assertEqual(process.wait(30), 0, shown)
        self.assertIn(b'\r\x1b[K', shown)
        self.assertRegex(shown, rb'model.safetensors: [\d.]+ MB of 4\.2 MB  [\d.]+ [kM]B/s  \d+ s left')
        self.assertRegex(shown, rb'downloaded 4\.2 MB in \d+ s')


class Wrong(HubScenario):
    def content(self, change, file='model.safetensors'):
        """In the place of a file's content the answer that `change` sends."""
        def fault(handler, path):
            if not path.endswith('/' + file) or not ('/cdn/' in path or '/resolve-cache/' in path):
                return False
            change(handler, self.hub.repositories[NAME].files[file])
            return True
        self.hub.fault = fault

    def expect_nothing_left(self, file='model.safetensors'):
        self.assertFalse(os.path.lexists(self.snapshot(file)))
        self.assertFalse(os.path.exists(self.blob(file)))
        self.assertFalse(os.path.exists(self.blob(file) + '.incomplete'))
        self.assertFalse(os.path.exists(os.path.join(self.model, 'refs')))

    def test_content_is_removed_and_named(self):
        for file in 'model.safetensors', 'vocab.txt':
            with self.subTest(file):
                shutil.rmtree(self.cache, ignore_errors=True)
                self.content(lambda handler, content: handler.answer(200, b'x' + content[1:]), file)
                self.expect_finding(self.validate(), NAME, file, 'has the hash', 'was expected', 'it is removed')
                self.expect_nothing_left(file)

    def test_more_than_was_announced_is_not_read(self):
        def endless(handler, content):
            handler.send_response(200)
            handler.send_header('Connection', 'close')
            handler.close_connection = True
            handler.end_headers()
            for _ in range(10_000):
                handler.wfile.write(content)
        self.content(endless)
        self.expect_finding(self.validate(), 'model.safetensors', 'is more than the 26488 bytes that were announced')
        self.expect_nothing_left()
        self.content(lambda handler, content: handler.answer(200, content + b'x'))
        self.expect_finding(self.validate(), 'would be 26489 bytes long, and 26488 were announced')

    def test_a_body_that_stays_too_short_is_said(self):
        self.content(lambda handler, content: (handler.send_response(200), handler.send_header('Connection', 'close'), handler.end_headers(),
                                               handler.wfile.write(content[:10]), setattr(handler, 'close_connection', True)), 'config.json')
        self.expect_finding(self.validate(), 'config.json', 'of 561 bytes came')

    def test_packed_content_is_refused(self):
        self.content(lambda handler, content: handler.answer(200, content, Content_Encoding='gzip'))
        self.expect_finding(self.validate(), 'is packed')

    def redirected(self, where):
        self.hub.fault = lambda handler, path: path.endswith('config.json') and (handler.answer(302, b'', Location=where(path)) or True)
        return self.validate()

    def test_redirections_are_followed_to_safe_places_alone(self):
        self.expect_finding(self.redirected(lambda _: 'file:///etc/passwd'), '"file:///etc/passwd", which is not followed')
        self.expect_finding(self.redirected(lambda _: 'gopher://localhost/'), 'is not followed')
        self.expect_finding(self.redirected(lambda path: path), 'redirects more than 8 times')
        self.expect_finding(self.redirected(lambda _: ''), 'is not followed')

    def test_refusals_say_what_to_do(self):
        self.expect_finding(self.validate('--set', 'encoder=owner/nobody'), 'owner/nobody', '401', 'Invalid username or password', 'check the name', 'HF_TOKEN',
                            'nor is there a folder owner/nobody')
        self.expect_finding(self.validate('--set', f'encoder={NAME}@v9'), 'has no revision "v9"')
        self.hub.repositories[NAME].gated = True
        self.expect_finding(self.validate(), 'is gated', 'accept the terms', 'HF_TOKEN')
        self.expect_finding(self.validate(HF_TOKEN='hf_other'), 'is gated', 'a token of the account that did')
        self.expect(self.validate(HF_TOKEN=self.hub.token), 0)

    def test_too_many_requests_are_waited_for_and_not_for_ever(self):
        state = {'n': 0}

        def busy(handler, path):
            state['n'] += 1
            return state['n'] <= 2 and (handler.refuse((429, 503)[state['n'] - 1], '', 'later', Retry_After='1') or True)
        self.hub.fault = busy
        self.expect(self.validate(), 0, '429, too many requests', 'asking again in 1 s', '503')
        shutil.rmtree(self.cache)
        self.hub.fault = lambda handler, path: handler.refuse(429, '', 'later', Retry_After='3600') or True
        begin = time.monotonic()
        self.expect_finding(self.validate(), '429, too many requests', 'in 3600 s')
        self.assertLess(time.monotonic() - begin, 5)

    def test_a_silent_server_is_given_up(self):
        self.hub.fault = lambda handler, path: time.sleep(3) or False
        answer = self.expect_finding(self.validate(HF_HUB_DOWNLOAD_TIMEOUT='1'), 'has been silent for too long')
        self.assertIn('asking again', answer.err)

    def test_answers_that_are_none_of_a_hub_are_refused(self):
        entry = {'type': 'file', 'path': 'config.json', 'size': 5, 'oid': '1' * 40}
        for part, body, said in (('/revision/', b'<html>', 'is not valid JSON'), ('/revision/', b'{"sha": "../../x"}', 'has no "sha"'), ('/revision/', b'[' * 99, 'levels deep'),
                                 ('/tree/', json.dumps([{**entry, 'path': '../../evil'}]).encode(), 'no path inside'),
                                 ('/tree/', json.dumps([{**entry, 'path': '/etc/evil'}]).encode(), 'no path inside'),
                                 ('/tree/', json.dumps([{**entry, 'size': 10**18}]).encode(), 'would have 1000000000000000000 bytes'),
                                 ('/tree/', json.dumps([{**entry, 'oid': '../../../x'}]).encode(), 'hexadecimal digits'),
                                 ('/tree/', json.dumps([entry]).encode(), 'no model.safetensors'),
                                 ('/tree/', b' ' * (40 << 20), 'larger than')):
            with self.subTest(said):
                self.hub.fault = lambda handler, path, part=part, body=body: part in path and (handler.answer(200, body) or True)
                self.expect_finding(self.validate(), said)
        self.assertFalse(os.path.exists(os.path.join(self.model, 'trees')))

    def test_a_pickle_alone_is_refused(self):
        del self.hub.repositories[NAME].files['model.safetensors']
        self.expect_finding(self.validate(), 'pytorch_model.bin', 'a pickle file can run any program', 'refs/pr/1')
        self.assertEqual(self.hub.n_contents('.bin'), 0)

    def test_without_a_network_or_offline_the_cache_is_used(self):
        self.expect_finding(self.validate(HF_ENDPOINT='http://localhost:9'), 'cannot be reached', 'name the folder of an encoder')
        self.expect_finding(self.validate(HF_HUB_OFFLINE='1'), 'HF_HUB_OFFLINE')
        self.assertEqual(self.hub.requests, [])
        self.expect(self.validate(), 0)
        self.expect(self.validate(HF_HUB_OFFLINE='1'), 0)
        self.expect(self.validate(HF_ENDPOINT='http://localhost:9'), 0)
        os.remove(self.snapshot('tokenizer_config.json'))
        self.expect_finding(self.validate(HF_HUB_OFFLINE='1'), 'is not whole')

    def test_variables_that_cannot_be_are_named(self):
        self.expect_finding(self.validate(HF_ENDPOINT='https://user:password@hub.example'), 'HF_ENDPOINT')
        self.expect_finding(self.validate(HF_HUB_DOWNLOAD_TIMEOUT='soon'), 'HF_HUB_DOWNLOAD_TIMEOUT')
        self.expect_finding(self.validate(HF_TOKEN='hf_secret\r\nX-Other: 1'), 'HF_TOKEN')


class Secret(HubScenario):
    def test_the_token_is_shown_to_the_hub_alone(self):
        self.hub.repositories[NAME].private = True
        answer = self.expect(self.validate(HF_TOKEN=self.hub.token), 0)
        for is_cdn, _, path, _, authorization in self.hub.requests:
            self.assertEqual(authorization, None if is_cdn else f'Bearer {self.hub.token}', path)
        self.assertTrue(any(is_cdn for is_cdn, *_ in self.hub.requests))
        self.assertNotIn(self.hub.token, answer.out + answer.err)
        self.assertFalse([name for name, content in contents(self.cache).items() if self.hub.token.encode() in content])

    def test_a_token_may_lie_in_its_file(self):
        self.hub.repositories[NAME].private = True
        self.here.write('home/token', self.hub.token + '\n')
        self.expect(self.validate(), 0)

    def test_a_proxy_is_asked_unless_it_is_not_to_be(self):
        proxy = self.serve()
        self.expect(self.validate(http_proxy=proxy.endpoint, NO_PROXY='localhost'), 0)
        self.assertEqual(proxy.requests, [])
        shutil.rmtree(self.cache)
        self.expect(self.validate(http_proxy=proxy.endpoint), 0)
        self.assertTrue(all(address.startswith((self.hub.endpoint, self.hub.cdn, proxy.cdn)) for address in proxy.proxied), proxy.proxied)
        self.assertTrue(proxy.proxied)

    def test_a_token_passes_no_proxy_that_could_read_it(self):
        proxy = self.serve()
        self.hub.repositories[NAME].private = True
        self.expect(self.validate(http_proxy=proxy.endpoint, HF_TOKEN=self.hub.token), 0)
        self.assertFalse([address for address in proxy.proxied if address.startswith(self.hub.endpoint)], proxy.proxied)

    @unittest.skipUnless(shutil.which('openssl'), 'there is no openssl to make a certificate')
    def test_certificates_are_checked_and_a_proxy_sees_no_token(self):
        for name, host in (('right', 'DNS:localhost'), ('wrong', 'DNS:other.example')):
            subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=' + name, '-addext', 'subjectAltName=' + host,
                            '-keyout', self.here.path(name + '.key'), '-out', self.here.path(name + '.pem')], check=True, capture_output=True)

        def hub_with(name):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.here.path(name + '.pem'), self.here.path(name + '.key'))
            return self.serve(context)
        plain, self.hub = self.hub, hub_with('right')
        self.expect_finding(self.validate(), 'does not prove who it is')
        self.expect(self.validate(SSL_CERT_FILE=self.here.path('right.pem'), HTTPS_PROXY=plain.endpoint, HF_TOKEN=self.hub.token), 0)
        self.expect_whole()
        self.assertEqual({host for host, _ in plain.connected}, {self.hub.endpoint.removeprefix('https://'), self.hub.cdn.removeprefix('https://')})
        self.assertFalse([headers for _, headers in plain.connected if 'Authorization' in headers])
        shutil.rmtree(self.cache)
        self.hub.fault = lambda handler, path: path.endswith('config.json') and (handler.answer(302, b'', Location=plain.endpoint + '/x') or True)
        self.expect_finding(self.validate(SSL_CERT_FILE=self.here.path('right.pem')), f'redirects to {plain.endpoint}, which is not followed')
        self.hub = hub_with('wrong')
        self.expect_finding(self.validate(SSL_CERT_FILE=self.here.path('wrong.pem')), 'does not prove who it is')


class Records(HubScenario):
    @unittest.skipUnless(os.path.exists(TORCH), 'built without LibTorch: nothing is trained')
    def test_runs_and_packages_name_the_model_and_its_commit(self):
        self.expect(self.run_at_hub('train', '--run', 'a'), 0, f'encoder {NAME} (commit')
        config = self.here.run_json('a', 'config.json')
        hub = {'name': NAME, 'commit': '1' * 40}
        self.assertEqual((config['encoder'], config['encoder_hub']), ('small-encoder', hub))
        self.assertEqual(sorted(config['encoder_sha256']), sorted(READ))
        self.expect(self.run_at_hub('package', '--run', 'a', '--to', 'package'), 0)
        self.assertEqual(read_json(self.here.path('package', 'manifest.json'))['tasks']['intent']['encoder_hub'], hub)
        self.expect(self.run_at_hub('package verify', 'package'), 0)
        # The same files in a folder of that name are the same encoder, and the run is the same run.
        shutil.copytree(self.snapshot(), self.here.path('models', 'small-encoder'))
        answer = self.run_at_hub('train', '--run', 'a', '--set', 'encoder=models/small-encoder')
        self.assertIn('is complete and unchanged', answer.out, str(answer))
        self.expect(self.run_at_hub('train', '--run', 'b', '--set', 'encoder=models/small-encoder'), 0)
        self.assertEqual(self.here.run_json('b', 'config.json')['encoder_sha256'], config['encoder_sha256'])
        self.assertEqual(self.here.hashes('a'), self.here.hashes('b'))

    @unittest.skipUnless(os.path.exists(TORCH), 'built without LibTorch: nothing is trained')
    def test_a_stopped_training_leaves_the_download_to_be_gone_on_with(self):
        self.hub = self.serve(n_bytes=4 << 20)
        self.hub.pause_after_64k = 0.05
        process = subprocess.Popen(arguments('train', '--run', 'a'), cwd=self.here.folder, env=self.variables(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        partial = self.blob('model.safetensors') + '.incomplete'
        wait_until(lambda: os.path.exists(partial) and os.path.getsize(partial) > 1 << 20, process)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 20, err)
        self.assertIn('the same command goes on', err.splitlines()[-1])
        self.assertGreater(os.path.getsize(partial), 1 << 20)
        self.assertFalse(os.path.exists(self.here.run_folder('a')))

    @unittest.skipUnless(os.path.exists(TORCH), 'built without LibTorch: nothing is trained')
    def test_pretraining_takes_teachers_and_vocabularies_from_the_hub(self):
        rng = random.Random(3)
        self.here.write('texts.txt', ''.join(' '.join(rng.choices(VOCABULARY[5:], k=8)) + '\n' for _ in range(300)))
        tiny = ['--set', 'encoder={layers: 1, hidden_size: 32, heads: 2, max_positions: 64}', '--set', f'vocabulary.folder={NAME}', '--set', f'teacher={{folder: {NAME}, max_length: 16}}',
                '--set', 'train={max_length: 32, batch_tokens: 512, held_out: 0.05, evaluations: 1}']
        self.expect(self.run_at_hub('pretrain', '--texts', 'texts.txt', '--to', 'encoder', *tiny), 0)
        recipe = read_json(self.here.path('encoder', 'recipe.json'))
        self.assertEqual(recipe['teacher']['folder'], 'small-encoder')
        self.assertEqual(recipe['vocabulary']['folder'], 'small-encoder')
        self.assertEqual(recipe['teacher_hub'], {'name': NAME, 'commit': '1' * 40})
        self.assertEqual(self.hub.n_contents('model.safetensors'), 1)

    def test_init_writes_the_name(self):
        os.remove(self.here.path('polytask.yaml'))
        self.expect(self.run_at_hub('init', '--encoder', NAME), 0)
        with open(self.here.path('polytask.yaml'), encoding='utf-8') as file:
            self.assertIn(f'\nencoder: {NAME}\n', file.read())
        self.assertEqual(self.hub.requests, [])


THEIRS = '''
import json, sys
from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download
files = sys.argv[2:]
folder = snapshot_download(sys.argv[1], allow_patterns=files)
paths = [hf_hub_download(sys.argv[1], file) for file in files]
scanned = scan_cache_dir()
print(json.dumps({'folder': folder, 'paths': paths, 'warnings': [str(warning) for warning in scanned.warnings],
                  'refs': sorted(ref for repo in scanned.repos for revision in repo.revisions for ref in revision.refs)}))
'''


def huggingface_hub_is_there():
    return bool(PYTHON) and subprocess.run([PYTHON, '-c', 'import huggingface_hub'], capture_output=True, check=False).returncode == 0


@unittest.skipUnless(huggingface_hub_is_there(), 'POLYTASK_REFERENCE_PYTHON names no Python with huggingface_hub')
class AsTheHubsOwnLibrary(HubScenario):
    def theirs(self, cache, **variables):
        done = subprocess.run([PYTHON, '-c', THEIRS, NAME, *READ], env=self.variables(HF_HUB_CACHE=cache, HF_HUB_DISABLE_PROGRESS_BARS='1', **variables), capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout.splitlines()[-1])

    def test_caches_are_equal(self):
        self.expect(self.validate(), 0)
        other = self.here.path('other')
        self.theirs(other)
        for part in 'refs', 'blobs', 'snapshots':
            mine, theirs = (contents(os.path.join(cache, 'models--owner--small-encoder', part)) for cache in (self.cache, other))
            self.assertEqual(mine, theirs, part)
        links = [{file: os.readlink(os.path.join(cache, 'models--owner--small-encoder', 'snapshots', '1' * 40, file)) for file in READ} for cache in (self.cache, other)]
        self.assertEqual(*links)
        trees = [read_json(cache, 'models--owner--small-encoder', 'trees', '1' * 40 + '.json') for cache in (self.cache, other)]
        self.assertEqual(*trees)

    def test_what_it_downloaded_is_used_without_asking(self):
        self.theirs(self.cache)
        n = len(self.hub.requests)
        self.expect(self.validate(), 0)
        self.assertEqual(len(self.hub.requests), n)

    def test_it_uses_what_we_downloaded(self):
        self.expect(self.validate(), 0)
        n = len(self.hub.requests)
        found = self.theirs(self.cache, HF_HUB_OFFLINE='1')
        self.assertEqual(found['folder'], self.snapshot())
        self.assertEqual(found['warnings'], [])
        self.assertEqual(found['refs'], ['main'])
        self.assertEqual(len(self.hub.requests), n)


if __name__ == '__main__':
    unittest.main()
