#!/usr/bin/env python3
"""Our tokenizers beside Hugging Face tokenizers on one thread: MB of text a second of processor time, ids and offsets.

usage: measure.py --shared FOLDER --reference-python PYTHON [--program build/release/benchmarks/tokenizers/tokenizer_speed]

FOLDER holds models/ and corpora/, neither of which is part of this repository; PYTHON has `tokenizers`. A byte-level BPE
and a Unigram vocabulary are trained once, into .tokenizers/. Prints a table; the medians of the rounds count, with the
lowest and highest ratio behind them. Both sides have to count the same tokens.
"""
import argparse
import gzip
import itertools
import os
import statistics
import subprocess
import sys

TEXTS = {'English': ('corpora/openstax_en/textbooks.txt.gz', 8000), 'Japanese': ('corpora/jaquad_contexts_ja/contexts.txt.gz', 8000)}
NO_SPACE = 1_000_000  # bytes of one line without a space
HERE = os.path.dirname(os.path.abspath(__file__))


def write_texts(shared, folder):
    paths = {}
    for name, (corpus, n) in TEXTS.items():
        paths[name] = os.path.join(folder, name + '.txt')
        with gzip.open(os.path.join(shared, corpus), 'rb') as file, open(paths[name], 'wb') as out:
            out.writelines(itertools.islice(file, n))
    paths['no space'] = os.path.join(folder, 'no-space.txt')
    with open(paths['English'], 'rb') as file, open(paths['no space'], 'wb') as out:
        letters = bytes(c for c in file.read(8 * NO_SPACE) if chr(c).isalpha() and c < 128)
        out.write(letters[:NO_SPACE] + b'\n')
    return paths


def run(command):
    """Tokens and the fewest seconds of the passes of one process."""
    passes = [line.split() for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()]
    return int(passes[0][0]), min(float(seconds) for _, seconds in passes)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--shared', required=True)
    parser.add_argument('--reference-python', default=sys.executable)
    parser.add_argument('--program', default='build/release/benchmarks/tokenizers/tokenizer_speed')
    parser.add_argument('--rounds', type=int, default=5)
    options = parser.parse_args()
    folder = '.tokenizers'
    os.makedirs(folder, exist_ok=True)
    peer = [options.reference_python, os.path.join(HERE, 'peer.py')]
    if not os.path.exists(os.path.join(folder, 'unigram', 'tokenizer.json')):
        subprocess.run([*peer, '--train', options.shared, folder], check=True)
    tokenizers = {'WordPiece': os.path.join(options.shared, 'models/all-MiniLM-L6-v2'), 'byte-level BPE': os.path.join(folder, 'byte-level-bpe'), 'Unigram': os.path.join(folder, 'unigram')}
    print(f'load before: {os.getloadavg()[0]:.1f}')
    print('| tokenizer | text | ours MB/s | reference MB/s | times |\n|---|---|---|---|---|')
    for (name, model), (text, path) in itertools.product(tokenizers.items(), write_texts(options.shared, folder).items()):
        megabytes = os.path.getsize(path) / 1e6
        ours, theirs = [], []
        for _ in range(options.rounds):
            (n_ours, seconds), (n_theirs, peer_seconds) = run([options.program, model, path]), run([*peer, model, path])
            if n_ours != n_theirs:
                sys.exit(f'{name}, {text}: {n_ours} tokens of ours, {n_theirs} of the reference')
            ours.append(megabytes / seconds)
            theirs.append(megabytes / peer_seconds)
        ratios = [a / b for a, b in zip(ours, theirs)]
        print(f'| {name} | {text} | {statistics.median(ours):.1f} | {statistics.median(theirs):.2f} | **{statistics.median(ratios):.1f}** ({min(ratios):.1f}-{max(ratios):.1f}) |', flush=True)


main()
