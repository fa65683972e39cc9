"""Several processes that train one model together: on this machine, as a launcher starts them, and when one of them goes."""
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import unittest

from support import INTENT, Scenario, arguments, environment, read_lines, wait_until

TASKS = {'intent': INTENT, 'products': {'type': 'tagging', 'dataset': 'tickets', 'text': 'body', 'spans': 'products'}}
SHORT = {'epochs': 4, 'checkpoint_steps': 5}
LONG = {'epochs': 64, 'checkpoint_steps': 25, 'evaluations_per_epoch': 0.1}


def children(process):
    return [int(pid) for pid in read_lines(f'/proc/{process.pid}/task/{process.pid}/children')[0].split()]


def lives(pid):
    try:
        return read_lines(f'/proc/{pid}/stat')[0].rsplit(')', 1)[1].split()[0] not in 'ZX'
    except OSError:
        return False


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Workers(Scenario):
    def described(self, name='project', **train):
        return self.project(name).fill().describe(tasks=TASKS, train={**SHORT, **train})

    def losses(self, project, run):
        return [json.loads(line)['loss'] for line in read_lines(project.run_folder(run, 'metrics.jsonl')) if '"loss"' in line]

    def launched(self, project, size, *more, prefixes=None, address='127.0.0.1', expected=None):
        """What `size` processes say that a launcher starts as torchrun would."""
        port = free_port()
        processes = []
        for rank in range(size):
            place = {'RANK': rank, 'WORLD_SIZE': size, 'LOCAL_WORLD_SIZE': size, 'MASTER_ADDR': address, 'MASTER_PORT': port}
            processes.append(subprocess.Popen([*(prefixes[rank] if prefixes else []), *arguments('train', '--run', 'launched', '--output', 'json', *more)],
                                              cwd=project.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                              env={**environment(), **{key: str(value) for key, value in place.items()}}))
            self.addCleanup(lambda process=processes[-1]: (process.kill(), process.communicate()))
        said = [process.communicate(timeout=120) for process in processes]
        self.assertEqual([process.returncode for process in processes], expected or [0] * size, said)
        return said

    def test_two_workers_learn_what_one_process_does(self):
        project = self.described(dropout=0, head_dropout=0)
        alone = self.expect(project.run('train', '--run', 'alone', '--output', 'json'), 0)
        both = self.expect(project.run('train', '--run', 'both', '--workers', '2', '--output', 'json'), 0)
        self.assertEqual(both.json['steps'], alone.json['steps'])
        for ours, theirs in zip(self.losses(project, 'both'), self.losses(project, 'alone'), strict=True):
            self.assertAlmostEqual(ours, theirs, delta=1e-3)
        again = self.expect(project.run('train', '--run', 'again', '--workers', '2', '--output', 'json'), 0)
        self.assertEqual(project.hashes('again'), project.hashes('both'))
        self.assertEqual(again.err.count('\n'), both.err.count('\n'), 'one of them speaks')
        self.assertEqual(project.run_json('both', 'config.json')['processes'], 2)

    def test_a_worker_that_is_killed_ends_the_run_and_leaves_a_checkpoint(self):
        whole = self.described('whole', **LONG)
        self.expect(whole.run('train', '--run', 'a', '--workers', '2'), 0)
        project = self.described('broken', **LONG)
        process = project.start('train', '--run', 'a', '--workers', '2', stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        metrics = project.run_folder('a', 'metrics.jsonl')
        wait_until(lambda: os.path.exists(metrics) and len(read_lines(metrics)) > 60, process)
        os.kill(children(process)[0], signal.SIGKILL)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 20, err)
        self.assertIn('one of the 2 processes that train together is gone', err)
        self.assertIn('--workers 2', err.splitlines()[-1])
        self.assertEqual(project.run_json('a', 'state.json')['status'], 'interrupted')
        self.expect(project.run('train', '--run', 'a', '--workers', '2', '--resume'), 0)
        self.assertEqual(project.hashes('a'), whole.hashes('a'))

    def test_workers_end_with_the_process_that_started_them(self):
        project = self.described(**LONG)
        process = project.start('train', '--run', 'a', '--workers', '3', stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        metrics = project.run_folder('a', 'metrics.jsonl')
        wait_until(lambda: os.path.exists(metrics) and len(read_lines(metrics)) > 10, process)
        workers = children(process)
        self.assertEqual(len(workers), 2)
        process.kill()
        process.wait()
        end = time.monotonic() + 30
        while any(map(lives, workers)):
            self.assertLess(time.monotonic(), end, 'the workers live on')
            time.sleep(0.01)

    def test_ctrl_c_saves_and_resume_goes_on(self):
        project = self.described(**LONG)
        process = project.start('train', '--run', 'a', '--workers', '2', stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        metrics = project.run_folder('a', 'metrics.jsonl')
        wait_until(lambda: os.path.exists(metrics) and len(read_lines(metrics)) > 60, process)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 20, err)
        self.assertIn('everything is saved; continue with `polytask train --run a --resume', err)
        self.expect(project.run('train', '--run', 'a', '--workers', '2', '--resume'), 0)

    def test_processes_of_a_launcher_train_the_same_model(self):
        project = self.described()
        self.expect(project.run('train', '--run', 'own', '--workers', '2'), 0)
        said = self.launched(project, 2)
        self.assertEqual(json.loads(said[0][0])['run'], 'launched')
        self.assertEqual(said[1][0], '', 'the leader speaks for all')
        self.assertEqual(project.hashes('launched'), project.hashes('own'))
        self.launched(project, 2)  # there is nothing to do, and all of them hear of it

    def test_processes_that_were_started_differently_say_so(self):
        project = self.described()
        port = free_port()
        processes = []
        for rank in range(2):
            place = {'RANK': rank, 'WORLD_SIZE': 2, 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': port}
            processes.append(subprocess.Popen(arguments('train', '--run', 'a', '--set', f'seed={rank}'), cwd=project.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                              text=True, env={**environment(), **{key: str(value) for key, value in place.items()}}))
        for process in processes:
            _, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 5, err)
            self.assertIn('differ between the processes', err)
        self.assertFalse(os.path.exists(project.run_folder('a')))

    def test_what_cannot_be_is_refused(self):
        project = self.described()
        self.expect_one_sentence(project.run('train', '--workers', '2', '--device', 'cuda'), 2, 'several processes train on the CPU alone')
        self.assertEqual(project.run('train', '--workers', '0').code, 2)
        process = subprocess.run(arguments('train'), cwd=project.folder, capture_output=True, text=True, env={**environment(), 'WORLD_SIZE': 'many'}, timeout=60, check=False)
        self.assertEqual(process.returncode, 2, process.stderr)
        self.assertIn('WORLD_SIZE is "many"', process.stderr)

    def test_each_in_a_network_of_its_own(self):
        ip = shutil.which('ip') or '/sbin/ip'
        if os.geteuid() != 0 or not os.path.exists(ip):
            self.skipTest('networks of their own need root and `ip` (package iproute2)')
        size, name = 4, f'polytask{os.getpid()}'
        tell = lambda *words: subprocess.run([ip, *words], check=True, capture_output=True)
        try:
            tell('link', 'add', f'b{os.getpid()}', 'type', 'bridge')
        except subprocess.CalledProcessError as error:
            self.skipTest(f'no bridge can be made here ({error.stderr.decode().strip()})')
        self.addCleanup(lambda: subprocess.run([ip, 'link', 'del', f'b{os.getpid()}'], check=False, capture_output=True))
        tell('link', 'set', f'b{os.getpid()}', 'up')
        for rank in range(size):
            own, peer = f'{name}-{rank}', f'v{os.getpid()}.{rank}'
            tell('netns', 'add', own)
            self.addCleanup(lambda own=own: subprocess.run([ip, 'netns', 'del', own], check=False, capture_output=True))
            tell('link', 'add', peer, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', own)
            tell('link', 'set', peer, 'master', f'b{os.getpid()}', 'up')
            tell('-n', own, 'addr', 'add', f'10.213.7.{rank + 1}/24', 'dev', 'eth0')
            tell('-n', own, 'link', 'set', 'eth0', 'up')
            tell('-n', own, 'link', 'set', 'lo', 'up')
        project = self.described(dropout=0, head_dropout=0)
        alone = self.expect(project.run('train', '--run', 'alone', '--output', 'json'), 0)
        prefixes = [[ip, 'netns', 'exec', f'{name}-{rank}', 'env', 'GLOO_SOCKET_IFNAME=eth0'] for rank in range(size)]
        said = self.launched(project, size, prefixes=prefixes, address='10.213.7.1')
        self.assertEqual(json.loads(said[0][0])['steps'], alone.json['steps'])
        for ours, theirs in zip(self.losses(project, 'launched'), self.losses(project, 'alone'), strict=True):
            self.assertAlmostEqual(ours, theirs, delta=1e-3)


if __name__ == '__main__':
    unittest.main()
