"""Writes characters/ and characters.json: a small vocabulary of single characters as Japanese encoders have them, and what
BertJapaneseTokenizer makes of nasty texts with it. The configuration is as those encoders are published: the class stands in their config.json.

Made with Python 3.11, transformers 5.24.0, fugashi 1.5.2, unidic-lite 1.0.8: python make_characters.py
Tolerance: none, ids are equal; this tokenizer gives no offsets. Left out are texts with NUL, at which MeCab ends, lone
surrogates, and marks whose order Python and the tokenizers library, which ours follows, take from other versions of Unicode.
"""
import json
import os
import unicodedata

from make_encodings import PAIRS, SPECIAL, TEXTS
from transformers import BertJapaneseTokenizer

FOLDER = os.path.dirname(os.path.abspath(__file__))
MORE = ['カードがまだ届いていません。', 'ﾊﾝｶｸ ｶﾅと全角ＡＢＣ', '東京都 港区\t六本木\n一丁目', '㍿㌔①Ⅷ', 'か\u3099 は\u309a', '𠮷野家', 'Polytask は [MASK] です', 'ABC abc']

if __name__ == '__main__':
    old_marks = {*map(chr, range(0x300, 0x345)), '\u3099', '\u309a'}
    texts = [text for text in TEXTS + MORE if '\0' not in text and not any(0xD800 <= ord(c) < 0xE000 or (unicodedata.combining(c) and c not in old_marks) for c in text)]
    # Two characters of three: the others are unknown.
    seen = sorted({c for text in texts for c in unicodedata.normalize('NFKC', text) if not c.isspace()})
    with open(os.path.join(FOLDER, 'characters', 'vocab.txt'), 'w', encoding='utf-8', newline='\n') as file:
        file.writelines(token + '\n' for token in SPECIAL + [c for i, c in enumerate(seen) if i % 3 or c.isascii()])
    config = {'word_tokenizer_type': 'mecab', 'subword_tokenizer_type': 'character', 'mecab_kwargs': {'mecab_dic': 'unidic_lite'}, 'do_lower_case': False}
    theirs = BertJapaneseTokenizer(os.path.join(FOLDER, 'characters', 'vocab.txt'), **config)
    golden = {'tokenizer_config': config, 'texts': [{'text': text, 'ids': theirs(text)['input_ids']} for text in texts],
              'pairs': [{'texts': pair, **{key: theirs(*pair, return_token_type_ids=True)[name] for key, name in (('ids', 'input_ids'), ('type_ids', 'token_type_ids'))}} for pair in PAIRS]}
    with open(os.path.join(FOLDER, 'characters.json'), 'w', encoding='utf-8') as file:
        json.dump(golden, file, separators=(',', ':'))
        file.write('\n')
