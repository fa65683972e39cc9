"""Writes code_points.json: what the reference library's normaliser and pre-tokenizer make of every code point.

Made with Python 3.11, tokenizers 0.23.3: python make_code_points.py
Tolerance: none. For each setting of BertNormalizer and each block of 0x1000 code points the first 16 hexadecimal digits
of the SHA-256 of its words: for each code point its number, then each word with its offsets in code points.
Left out: surrogates, which UTF-8 does not have, and the planes from 4 on where nothing is assigned but tags,
variation selectors and private use.
"""
import hashlib
import json
import os

import tokenizers
from tokenizers import PreTokenizedString, normalizers, pre_tokenizers

RANGES = [(0, 0xD800), (0xE000, 0x40000), (0xE0000, 0xE1000), (0xF0000, 0xF1000), (0x10F000, 0x110000)]
BLOCK = 0x1000
FLAGS = ('clean_text', 'handle_chinese_chars', 'strip_accents', 'lowercase')
SETTINGS = ((1, 1, 1, 1), (1, 1, 0, 0), (1, 0, 1, 1), (1, 1, 0, 1), (1, 1, 1, 0), (0, 1, 1, 1), (0, 0, 0, 0))


def text_of(c):
    """Between letters, among marks of known classes (their order shows its class), doubled, alone."""
    return f'aB{c}Cd a\u302e{c}\U0001d165{c}\u0301{c}B {c}{c} {c}'


def digest(normalizer, begin, end):
    pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    total = hashlib.sha256()
    for code_point in range(begin, end):
        text = PreTokenizedString(text_of(chr(code_point)))
        text.normalize(normalizer.normalize)
        pre_tokenizer.pre_tokenize(text)
        words = text.get_splits(offset_referential='original', offset_type='char')
        total.update((f'{code_point:X}' + ''.join(f'|{word},{offsets[0]},{offsets[1]}' for word, offsets, _ in words) + '\n').encode())
    return total.hexdigest()[:16]


settings = []
for values in SETTINGS:
    flags = {flag: bool(value) for flag, value in zip(FLAGS, values)}
    normalizer = normalizers.BertNormalizer(**flags)
    blocks = {f'{begin:X}': digest(normalizer, begin, min(begin + BLOCK, last)) for first, last in RANGES for begin in range(first, last, BLOCK)}
    settings.append(flags | {'blocks': blocks})
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'code_points.json'), 'w') as out:
    json.dump({'made_with': f'tokenizers {tokenizers.__version__}', 'settings': settings}, out, indent=0, separators=(',', ':'))
    out.write('\n')
