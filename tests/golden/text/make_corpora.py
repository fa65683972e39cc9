"""Writes corpora.json: what the reference library makes of every line of English corpora, as digests.

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

CORPORA = ('corpora/openstax_en/textbooks.txt.gz', 'corpora/standard_ebooks_en/books.txt.gz', 'corpora/us_presidents_by_year/speeches.jsonl.gz')
MODEL = 'models/all-MiniLM-L6-v2'
BLOCK = 1000

shared = sys.argv[1]
tokenizer = Tokenizer.from_file(os.path.join(shared, MODEL, 'tokenizer.json'))
tokenizer.no_truncation()
tokenizer.no_padding()
corpora = {}
for name in CORPORA:
    with gzip.open(os.path.join(shared, name)) as file:
        lines = file.read().decode().removesuffix('\n').split('\n')
    blocks, n_tokens = [], 0
    for at in range(0, len(lines), BLOCK):
        digest = hashlib.sha256()
        for encoding in tokenizer.encode_batch(lines[at:at + BLOCK]):
            digest.update((' '.join(f'{i},{begin},{end}' for i, (begin, end) in zip(encoding.ids, encoding.offsets)) + '\n').encode())
            n_tokens += len(encoding.ids)
        blocks.append(digest.hexdigest()[:16])
    corpora[name] = {'lines': len(lines), 'tokens': n_tokens, 'blocks': blocks}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'corpora.json'), 'w') as out:
    json.dump({'made_with': f'tokenizers {tokenizers.__version__}', 'model': MODEL, 'lines_per_block': BLOCK, 'corpora': corpora}, out, indent=0, separators=(',', ':'))
    out.write('\n')
