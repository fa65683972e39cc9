"""A training that is stopped, killed or disturbed, and continued: the same bits as if nothing had happened."""
import fcntl
import json
import os
import pty
import shutil
import signal
import subprocess
import tempfile
import termios
import unittest

from support import INTENT, Project, Scenario, arguments, environment, mistaken, read_lines, tickets, wait_until

TASKS = {'intent': INTENT, 'urgency': {'type': 'regression', 'dataset': 'tickets', 'text': 'body', 'label': 'urgency'}}
# 480 steps of some milliseconds, a checkpoint every 25.
LONG = {'epochs': 64, 'checkpoint_steps': 25, 'evaluations_per_epoch': 0.1}


def waits_for_signals(process):
    """Whether the process blocks SIGINT and SIGTERM, for a thread of its own to take; before that, a signal ends it as any other
    program. These two alone: for a moment, starting a thread blocks all signals."""
    blocked = next(line for line in read_lines(f'/proc/{process.pid}/status') if line.startswith('SigBlk:'))
    return int(blocked.split()[1], 16) == 1 << (signal.SIGINT - 1) | 1 << (signal.SIGTERM - 1)


class Resume(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.shared_folder = tempfile.TemporaryDirectory(prefix='polytask-scenario-')
        cls.addClassCleanup(cls.shared_folder.cleanup)
        cls.reference = cls.describe(Project(os.path.join(cls.shared_folder.name, 'project')))
        cls.uninterrupted = cls.reference.run('train', '--run', 'reference', '--output', 'json')
        if cls.uninterrupted.code != 0:
            raise AssertionError(str(cls.uninterrupted))
        cls.bits = cls.reference.hashes('reference')

    @staticmethod
    def describe(project):
        project.fill().describe(tasks=TASKS, train=LONG)
        project.write('dev.jsonl', mistaken(tickets(60, 2, 10000)))  # enough, and wrong enough, for a temperature
        return project

    def long_project(self):
        return self.describe(self.project())

    def start(self, project, *more, run='a', **how):
        process = project.start('train', '--run', run, *more, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)
        self.addCleanup(lambda: (process.kill() if process.poll() is None else None, process.communicate()))
        return process

    def n_steps(self, project, run='a'):
        try:
            return sum('"loss"' in line for line in read_lines(project.run_folder(run, 'metrics.jsonl')))
        except OSError:
            return 0

    def interrupted(self, project, after=120):
        """A run `a` that was stopped by SIGTERM after some steps."""
        process = self.start(project)
        wait_until(lambda: self.n_steps(project) >= after, process)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 20, err)
        self.assertEqual(out, '')
        return err

    def expect_same_as_uninterrupted(self, project, answer):
        self.expect(answer, 0)
        self.assertEqual(project.hashes('a'), self.bits)
        for key in 'tasks', 'examples_drawn', 'steps', 'best_step':
            self.assertEqual(answer.json[key], self.uninterrupted.json[key], key)
        ours, theirs = ([{key: value for key, value in json.loads(line).items() if key != 'seconds'} for line in read_lines(path)]
                        for path in (project.run_folder('a', 'metrics.jsonl'), self.reference.run_folder('reference', 'metrics.jsonl')))
        self.assertEqual(ours, theirs)
        self.assertEqual(project.leftovers(), [])

    def test_sigterm_saves_everything_and_resume_goes_on_with_the_same_bits(self):
        project = self.long_project()
        err = self.interrupted(project)
        self.assertRegex(err.splitlines()[-1], r'^polytask: stopped after step \d+ of \d+; everything is saved; continue with `polytask train --run a --resume --threads 1`$')
        stopped_at = self.n_steps(project)
        self.assertEqual(project.run_json('a', 'state.json')['status'], 'interrupted')
        self.assertTrue(os.path.exists(project.run_folder('a', 'report.html')))
        answer = project.run('train', '--run', 'a', '--resume', '--output', 'json')
        self.assertEqual(answer.json['resumed_from_step'], stopped_at)
        self.expect_same_as_uninterrupted(project, answer)

    def test_a_result_that_a_kill_left_without_its_state_is_not_believed(self):
        project = self.long_project()
        self.interrupted(project)
        stopped_at = self.n_steps(project)
        shutil.copy(self.reference.run_folder('reference', 'result.json'), project.run_folder('a', 'result.json'))
        process = self.start(project, '--resume')
        wait_until(lambda: self.n_steps(project) > stopped_at, process)
        process.send_signal(signal.SIGTERM)
        self.assertEqual((process.communicate(timeout=60), process.returncode)[1], 20)
        self.assertFalse(os.path.exists(project.run_folder('a', 'result.json')))
        self.expect_same_as_uninterrupted(project, project.run('train', '--run', 'a', '--resume', '--output', 'json'))

    def test_ctrl_c_on_a_terminal_does_the_same(self):
        project = self.long_project()
        controller, terminal = pty.openpty()
        self.addCleanup(os.close, controller)
        with subprocess.Popen(arguments('train', '--run', 'a'), cwd=project.folder, env=environment(), stdin=terminal, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) as process:
            os.close(terminal)
            wait_until(lambda: self.n_steps(project) >= 20, process)
            os.write(controller, b'\x03')
            err = process.communicate(timeout=60)[1].decode()
        self.assertEqual(process.returncode, 20, err)
        self.assertIn('--resume', err.splitlines()[-1])
        self.expect_same_as_uninterrupted(project, project.run('train', '--run', 'a', '--resume', '--output', 'json'))

    def test_sigterm_before_the_first_step_can_be_resumed_too(self):
        project = self.long_project()
        process = self.start(project)
        wait_until(lambda: os.path.exists(project.run_folder('a', 'state.json')), process)
        process.send_signal(signal.SIGTERM)
        err = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, 20, err)
        self.expect_same_as_uninterrupted(project, project.run('train', '--run', 'a', '--resume', '--output', 'json'))

    def test_sigterm_while_the_model_is_scored_can_be_resumed_too(self):
        project = self.long_project()
        process = self.start(project)
        wait_until(lambda: os.path.exists(project.run_folder('a', 'model')), process, pause=0)
        process.send_signal(signal.SIGTERM)
        err = process.communicate(timeout=60)[1]
        self.assertIn(process.returncode, (0, 20), err)  # 0 where it was scored before the signal was seen
        self.expect_same_as_uninterrupted(project, project.run('train', '--run', 'a', '--resume', '--output', 'json'))

    def test_a_second_signal_ends_the_process_at_once(self):
        project = self.long_project()
        process = self.start(project)
        wait_until(lambda: self.n_steps(project) >= 5, process)
        for _ in range(40):
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 20)
        self.expect_same_as_uninterrupted(project, project.run('train', '--run', 'a', '--resume', '--output', 'json'))

    def test_a_signal_while_the_rows_are_read_leaves_nothing_behind(self):
        project = self.long_project()
        os.remove(project.path('train.jsonl'))
        os.mkfifo(project.path('train.jsonl'))  # reading waits for a writer
        process = self.start(project)
        wait_until(lambda: waits_for_signals(process), process)
        process.send_signal(signal.SIGTERM)
        err = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, 20, err)
        self.assertEqual(err, 'polytask: stopped before the run began; nothing was written\n')
        self.assertFalse(os.path.exists(project.run_folder('a')))

    def test_kill_9_at_any_moment_loses_no_bit(self):
        project = self.long_project()
        checkpoints = project.run_folder('a', 'checkpoints')

        def writes_a_checkpoint():
            return os.path.isdir(checkpoints) and any(name.startswith('unfinished-') for name in os.listdir(checkpoints))

        moments = {
            'the run has just been made': (lambda: os.path.exists(project.run_folder('a', 'state.json')), 0.002),
            'steps were done, none saved': (lambda: self.n_steps(project) >= 10, 0.002),
            'a checkpoint is being written': (writes_a_checkpoint, 0),
            'steps were done since a checkpoint': (lambda: self.n_steps(project) >= 320, 0.002),
            'the model is being written': (lambda: os.path.exists(project.run_folder('a', 'model', 'encoder')), 0),
            'the answers are being written': (lambda: os.path.exists(project.run_folder('a', 'predictions')), 0),
        }
        resume = []
        for name, (moment, pause) in moments.items():
            with self.subTest(killed_while=name):
                process = self.start(project, *resume)
                wait_until(moment, process, pause=pause)
                process.kill()
                process.wait()
                self.assertEqual(project.run_json('a', 'state.json')['status'], 'running')
            resume = ['--resume']
        answer = project.run('train', '--run', 'a', '--resume', '--output', 'json')
        self.assertGreaterEqual(answer.json['resumed_from_step'], 300)
        self.expect_same_as_uninterrupted(project, answer)

    def test_an_incomplete_run_asks_for_resume(self):
        project = self.long_project()
        self.interrupted(project, after=5)
        self.expect_one_sentence(project.run('train', '--run', 'a'), 5, 'the run "a" is not complete; continue it with `polytask train --run a --resume --threads 1`')
        told = self.expect(project.run('train', '--run', 'a', '--set', 'train.sampling={type: uniform}'), 5).err
        self.assertIn('train.sampling', told)
        self.expect_one_sentence(project.run('predict', '--run', 'a', '--text', 'x'), 5, 'is not complete')
        self.expect_one_sentence(project.run('predict', '--text', 'x'), 3, 'no complete run yet')
        self.expect_one_sentence(project.run('train', '--run', 'a', '--resume', '--set', 'train.epochs=65'), 5, ' train.epochs')

    def test_what_was_measured_when_a_run_was_begun_is_not_measured_again(self):
        begun = {**LONG, 'precision': 'f32'}
        whole = self.describe(self.project('whole')).describe(tasks=TASKS, train=begun)
        self.expect(whole.run('train', '--run', 'a'), 0)
        project = self.long_project().describe(tasks=TASKS, train=begun)
        self.interrupted(project, after=5)
        project.describe(tasks=TASKS, train=LONG)  # auto, as it is by default
        answer = self.expect(project.run('train', '--run', 'a', '--resume', '--output', 'json'), 0)
        self.assertGreater(answer.json['resumed_from_step'], 0)
        self.assertEqual(project.run_json('a', 'config.json')['train']['precision'], 'f32', 'as it was begun, whatever is faster here')
        self.assertEqual(project.hashes('a'), whole.hashes('a'))

    def test_resume_without_a_run_or_a_checkpoint_starts_at_the_beginning(self):
        project = self.long_project()
        answer = project.run('train', '--run', 'a', '--resume', '--output', 'json')
        self.assertEqual(answer.json['resumed_from_step'], 0)
        self.expect_same_as_uninterrupted(project, answer)
        # As after a kill before the first checkpoint.
        shutil.rmtree(project.run_folder('a', 'checkpoints'))
        project.write(project.run_folder('a', 'state.json'), json.dumps({**project.run_json('a', 'state.json'), 'status': 'running'}))
        answer = project.run('train', '--run', 'a', '--resume', '--output', 'json')
        self.assertEqual(answer.json['resumed_from_step'], 0)
        self.expect_same_as_uninterrupted(project, answer)

    def test_a_second_process_on_the_same_run_is_refused(self):
        project = self.long_project()
        process = self.start(project)
        wait_until(lambda: self.n_steps(project) >= 5, process)
        process.send_signal(signal.SIGSTOP)
        for more in [], ['--resume']:
            self.expect_one_sentence(project.run('train', '--run', 'a', *more), 5, 'another process is training this run')
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(project.hashes('a'), self.bits)

    def test_a_damaged_checkpoint_is_named_and_the_one_before_it_continues(self):
        project = self.long_project()
        self.interrupted(project)
        newest = sorted(name for name in os.listdir(project.run_folder('a', 'checkpoints')) if name.startswith('step-'))[-1]
        for name, damage in ('tensors.safetensors', lambda size: size // 2), ('tensors.safetensors', lambda size: 0), ('state.json', lambda size: size // 2):
            path = project.run_folder('a', 'checkpoints', newest, name)
            with open(path, 'rb') as file:
                content = file.read()
            with open(path, 'wb') as file:
                file.write(content[:damage(len(content))])
            answer = self.expect(project.run('train', '--run', 'a', '--resume'), 3, newest, 'the checkpoint is damaged', 'remove this folder to continue from the one before it')
            self.assertEqual(len(answer.err.splitlines()), 1, answer.err)
            with open(path, 'wb') as file:
                file.write(content)
        shutil.rmtree(project.run_folder('a', 'checkpoints', newest))
        answer = project.run('train', '--run', 'a', '--resume', '--output', 'json')
        self.assertGreater(answer.json['resumed_from_step'], 0)
        self.expect_same_as_uninterrupted(project, answer)

    def test_the_bits_hold_temperatures_that_were_fitted(self):
        with open(self.reference.run_folder('reference', 'model', 'tasks', 'intent', 'task.json'), encoding='utf-8') as file:
            self.assertNotEqual(json.load(file)['temperature'], 1)

    def test_two_checkpoints_and_the_best_are_kept(self):
        self.assertEqual(len(os.listdir(self.reference.run_folder('reference', 'checkpoints'))), 3)
        self.assertIn('best', os.listdir(self.reference.run_folder('reference', 'checkpoints')))


if __name__ == '__main__':
    unittest.main()
