"""Our side: the project that is trained for a moment, and the command that is measured."""
import json
import os
import shutil
import subprocess
import time


class Ours:
    def __init__(self, polytask, folder):
        self.polytask, self.file = polytask, os.path.join(folder, 'polytask.yaml')

    def call(self, verb, run, *more):
        command = [self.polytask, verb, '--project', self.file, '--run', run, *map(str, more)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(f'{" ".join(command)}: exit {done.returncode}\n{done.stderr[-2000:]}')
        return done.stdout

    def train(self, encoder, rows, threads):
        """Three runs of some steps: what is measured is how fast they answer. They must answer differently, or no check of
        what they answer would show anything."""
        folder = os.path.dirname(self.file)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        with open(rows, encoding='utf8') as file:
            labels = [column for column in json.loads(file.readline()) if column != 'text']
        tasks = ''.join(f'  of_{label}: {{type: classification, dataset: texts, text: text, label: {label}}}\n' for label in labels)
        with open(self.file, 'w', encoding='utf8') as out:
            out.write(f'project: inference\nencoder: {json.dumps(encoder)}\ndatasets:\n  texts: {{train: {json.dumps(rows)}}}\n'
                      f'tasks:\n{tasks}train: {{epochs: 2}}\n')
        alone = ['--only', f'of_{labels[0]}', '--threads', threads]
        self.call('train', 'mean', *alone)
        self.call('train', 'first', *alone, '--set', 'train.pooling=first')
        self.call('train', 'eight', '--threads', threads)

    def model(self, run):
        return os.path.join(os.path.dirname(self.file), '.polytask/runs', run, 'model')

    def bench(self, run, precision, file, threads, seconds):
        """The row of all tasks of the run."""
        json_text = self.call('bench', run, '--precision', precision, '--input', file, '--threads', threads,
                              '--seconds', seconds, '--output', 'json')
        return json.loads(json_text)['rows'][-1]

    def instructions(self, file):
        json_text = self.call('bench', 'mean', '--precision', 'f32', '--input', file, '--seconds', 0.1, '--output', 'json')
        return json.loads(json_text)['instructions']

    def predict(self, run, precision, file, threads):
        """Answers of a run of one task."""
        lines = self.call('predict', run, '--precision', precision, '--input', file, '--threads', threads).splitlines()
        return [answer for line in lines for answer in json.loads(line)['tasks'].values()]

    def start_ms(self, precision, text, threads):
        """From starting the process to its end, after one answer."""
        begin = time.perf_counter()
        self.call('predict', 'mean', '--precision', precision, '--text', text, '--threads', threads)
        return (time.perf_counter() - begin) * 1e3
