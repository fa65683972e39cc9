#!/usr/bin/env python3
"""Our tokenizers beside Hugging Face tokenizers on one thread: MB of text a second of processor time, ids and offsets.

usage: measure.py --shared FOLDER --reference-python PYTHON [--program build/release/benchmarks/tokenizers/tokenizer_speed]

FOLDER holds models/ and corpora/, neither of which is part of this repository; PYTHON has `tokenizers`. A byte-level BPE
and a Unigram vocabulary are trained once, into .tokenizers/; where PYTHON has transformers, fugashi and a dictionary of MeCab's
(ipadic, unidic-lite), pieces of Japanese words too. Prints a table; the medians of the rounds count, with the
lowest and highest ratio behind them. Both sides have to make the same ids.
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


def run(command, environment=None):
    """What the ids are, and the fewest seconds of the passes of one process."""
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    passes = [line.rsplit(' ', 1) for line in done.stdout.splitlines()]
    return passes[0][0], min(float(seconds) for _, seconds in passes)


def train(peer, shared, folder):
    """Once; {dictionary of MeCab's: its folder}."""
    kept = os.path.join(folder, 'dictionaries.txt')
    if not os.path.exists(kept):
        done = subprocess.run([*peer, '--train', shared, folder], check=True, stdout=subprocess.PIPE, text=True)
        with open(kept, 'w', encoding='utf-8') as file:
            file.write(done.stdout)
    with open(kept, encoding='utf-8') as file:
        return dict(line.split(maxsplit=1) for line in file.read().splitlines())


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
    dictionaries = train(peer, options.shared, folder)
    texts = write_texts(options.shared, folder)
    tokenizers = {'WordPiece': os.path.join(options.shared, 'models/all-MiniLM-L6-v2'), 'byte-level BPE': os.path.join(folder, 'byte-level-bpe'), 'Unigram': os.path.join(folder, 'unigram')}
    compared = [(name, model, text, None) for (name, model), text in itertools.product(tokenizers.items(), texts)]
    compared += [(f'words of MeCab, {name}', os.path.join(folder, name), 'Japanese', {**os.environ, 'POLYTASK_MECAB_' + name.upper(): place}) for name, place in dictionaries.items()]
    print(f'load before: {os.getloadavg()[0]:.1f}')
    print('| tokenizer | text | ours MB/s | reference MB/s | times |\n|---|---|---|---|---|')
    for name, model, text, environment in compared:
        path = texts[text]
        megabytes = os.path.getsize(path) / 1e6
        ours, theirs = [], []
        for _ in range(options.rounds):
            (ids, seconds), (peer_ids, peer_seconds) = run([options.program, model, path], environment), run([*peer, model, path])
            if ids != peer_ids:
                sys.exit(f'{name}, {text}: tokens and digest of their ids are {ids} of ours, {peer_ids} of the reference')
            ours.append(megabytes / seconds)
            theirs.append(megabytes / peer_seconds)
        ratios = [a / b for a, b in zip(ours, theirs)]
        print(f'| {name} | {text} | {statistics.median(ours):.1f} | {statistics.median(theirs):.2f} | **{statistics.median(ratios):.1f}** ({min(ratios):.1f}-{max(ratios):.1f}) |', flush=True)


main()
