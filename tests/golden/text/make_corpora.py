"""Writes corpora.json: what the reference library makes of every line of whole corpora, as digests.

Made with Python 3.11, tokenizers 0.23.3: python make_corpora.py SHARED
SHARED holds `models/all-MiniLM-L6-v2` and `corpora/`; neither is part of this repository.
Tolerance: none. Per block of 1000 lines the first 16 hexadecimal digits of the SHA-256 of its encodings: for each line
each token's id and offsets in code points, special tokens included, without truncation.
"""
import gzip
import hashlib
import json
import os
import sys

import tokenizers
from tokenizers import Tokenizer

FOLDER = os.path.dirname(os.path.abspath(__file__))
CORPORA = ('corpora/openstax_en/textbooks.txt.gz', 'corpora/standard_ebooks_en/books.txt.gz', 'corpora/us_presidents_by_year/speeches.jsonl.gz', 'corpora/aozora_ja/works.txt.gz',
           'corpora/jaquad_contexts_ja/contexts.txt.gz')
MODEL = 'models/all-MiniLM-L6-v2'
PIPELINES = ('roberta', 'modernbert', 'xlm-roberta', 'deberta-v3')  # of make_pipelines.py
BLOCK = 1000


def digests(tokenizer, lines):
    blocks, n_tokens = [], 0
    for at in range(0, len(lines), BLOCK):
        digest = hashlib.sha256()
        for encoding in tokenizer.encode_batch(lines[at:at + BLOCK]):
            digest.update((' '.join(f'{i},{begin},{end}' for i, (begin, end) in zip(encoding.ids, encoding.offsets)) + '\n').encode())
            n_tokens += len(encoding.ids)
        blocks.append(digest.hexdigest()[:16])
    return {'lines': len(lines), 'tokens': n_tokens, 'blocks': blocks}


def main(shared):
    files = {MODEL: os.path.join(shared, MODEL, 'tokenizer.json'), **{name: os.path.join(FOLDER, 'pipelines', name + '.json') for name in PIPELINES}}
    made = {name: Tokenizer.from_file(path) for name, path in files.items()}
    for tokenizer in made.values():
        tokenizer.no_truncation()
        tokenizer.no_padding()
    result = {name: {} for name in made}
    for corpus in CORPORA:
        with gzip.open(os.path.join(shared, corpus)) as file:
            lines = file.read().decode().removesuffix('\n').split('\n')
        for name, tokenizer in made.items():
            result[name][corpus] = digests(tokenizer, lines)
    with open(os.path.join(FOLDER, 'corpora.json'), 'w') as out:
        json.dump({'made_with': f'tokenizers {tokenizers.__version__}', 'model': MODEL, 'lines_per_block': BLOCK, 'tokenizers': result}, out, indent=0, separators=(',', ':'))
        out.write('\n')


main(sys.argv[1])
