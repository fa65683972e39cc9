"""One process of a peer: loads a model, is measured once, prints one line of JSON. Runs in the peers' Python.

usage: peer.py JOB      JOB: a JSON object

  engine      onnxruntime or openvino
  files       models that answer one after another, each all texts; one, or eight
  precision   of what OpenVINO computes in outside of quantised products: f32 or bf16
  threads, streams, batch
  texts       an .npz of texts.py
  part, parts which of the batches are this process's, where several share the work
  cache       a folder for OpenVINO's model cache, or nothing
  what        pass     says {"ready": true}, waits for a line "go SECONDS", then prints the texts/s of its best pass in that time
              singles  quantiles of the time one text takes, one at a time, in ms
              start    the time from loading to the first text's logits, in ms
              logits   of all texts, in their order
"""
import json
import sys
import time

import numpy as np


def resident_mib():
    with open('/proc/self/statm', encoding='utf8') as file:
        return int(file.read().split()[1]) * 4096 / 2**20


def batches_of(texts, size, order=None):
    """Feeds of `size` texts, the longest first, padded to the longest of each; `order`, if given, is of the texts instead."""
    lengths = texts['lengths']
    ends = np.cumsum(lengths)
    order = np.argsort(-lengths, kind='stable') if order is None else order
    feeds = []
    for first in range(0, len(order), size):
        chosen = order[first:first + size]
        ids = np.zeros((len(chosen), lengths[chosen].max()), np.int64)
        mask = np.zeros_like(ids)
        for row, text in enumerate(chosen):
            ids[row, :lengths[text]] = texts['ids'][ends[text] - lengths[text]:ends[text]]
            mask[row, :lengths[text]] = 1
        feeds.append({'input_ids': ids, 'attention_mask': mask, 'token_type_ids': np.zeros_like(ids)})
    return feeds


class OnnxRuntime:
    def __init__(self, file, job):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = job['threads']
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(file, options, providers=['CPUExecutionProvider'])

    def logits(self, feed):
        return self.session.run(None, feed)[0]

    def answer(self, feeds):
        for feed in feeds:
            self.session.run(None, feed)


class OpenVino:
    def __init__(self, file, job):
        import openvino
        config = {'INFERENCE_NUM_THREADS': job['threads'], 'NUM_STREAMS': job['streams'],
                  'INFERENCE_PRECISION_HINT': job['precision'],
                  'PERFORMANCE_HINT': 'THROUGHPUT' if job['streams'] > 1 else 'LATENCY'}
        core = openvino.Core()
        if job.get('cache'):
            core.set_property({'CACHE_DIR': job['cache']})
        model = core.compile_model(file, 'CPU', config)
        found = model.get_property('INFERENCE_PRECISION_HINT').to_string()
        if found != job['precision']:
            raise SystemExit(f'OpenVINO computes in {found} here instead of {job["precision"]}')
        self.request = model.create_infer_request()
        self.queue = openvino.AsyncInferQueue(model, job['streams']) if job['streams'] > 1 else None

    def logits(self, feed):
        return self.request.infer(feed)[0]

    def answer(self, feeds):
        if self.queue is None:
            for feed in feeds:
                self.request.infer(feed)
            return
        for feed in feeds:
            self.queue.start_async(feed)
        self.queue.wait_all()


ENGINES = {'onnxruntime': OnnxRuntime, 'openvino': OpenVino}


def load(job):
    return [ENGINES[job['engine']](file, job) for file in job['files']]


def measure_passes(job, texts):
    feeds = batches_of(texts, job['batch'])[job['part']::job['parts']]
    n_texts = sum(len(feed['input_ids']) for feed in feeds)
    models = load(job)

    def one_pass():
        begin = time.monotonic()
        for model in models:
            model.answer(feeds)
        return n_texts / (time.monotonic() - begin)

    one_pass()  # the first touch of all memory, and of every shape
    print(json.dumps({'ready': True}), flush=True)
    end = time.monotonic() + float(sys.stdin.readline().split()[1])
    rates = []
    while not rates or time.monotonic() < end:
        rate = one_pass()
        if not rates or time.monotonic() < end:  # later, another process may have ended, and this one gained by that
            rates.append(rate)
    return {'texts_per_second': max(rates), 'passes': len(rates), 'memory_mib': resident_mib()}


def measure_singles(job, texts):
    feeds = batches_of(texts, 1, np.arange(len(texts['lengths'])))
    model, = load(job)
    model.answer(feeds)
    times = []
    for feed in feeds:
        begin = time.perf_counter()
        model.logits(feed)
        times.append((time.perf_counter() - begin) * 1e3)
    quantiles = {f'p{q}_ms': float(np.percentile(times, q, method='lower')) for q in (50, 95, 99)}
    return {**quantiles, 'memory_mib': resident_mib()}


def measure_start(job, texts):
    feed = batches_of(texts, 1, np.arange(1))[0]
    __import__(job['engine'])  # an import of Python is not what is compared
    begin = time.perf_counter()
    model, = load(job)
    model.logits(feed)
    return {'start_ms': (time.perf_counter() - begin) * 1e3}


def measure_logits(job, texts):
    model, = load(job)
    return {'logits': [model.logits(feed)[0].tolist() for feed in batches_of(texts, 1, np.arange(len(texts['lengths'])))]}


def main(job):
    with np.load(job['texts']) as file:
        texts = dict(file)
    before = resident_mib()
    measure = {'pass': measure_passes, 'singles': measure_singles, 'start': measure_start, 'logits': measure_logits}[job['what']]
    result = measure(job, texts)
    if 'memory_mib' in result:
        result['memory_mib'] -= before  # what the engine and its models add to a bare Python with numpy
    print(json.dumps(result))


if __name__ == '__main__':
    main(json.loads(sys.argv[1]))
