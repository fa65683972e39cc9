"""Writes vocab.txt, tokenizer.json and encodings.json: nasty texts and what the reference library makes of them.

Made with Python 3.11, tokenizers 0.23.3, transformers 5.24.0: python make_encodings.py
Tolerance: none, ids and offsets are equal. Offsets are in code points of the text, end exclusive.
The vocabulary is this script's own: most characters of the texts, a few words, and holes so that unknown words happen.
"""
import itertools
import json
import os
import tempfile

import tokenizers
import transformers
from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece

FOLDER = os.path.dirname(os.path.abspath(__file__))
SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']

TEXTS = [
    '', ' ', '\t\n\r', 'a', 'The quick brown fox, unaffable as ever, jumps over 13 lazy dogs.',
    # punctuation
    '...!!!???', 'a.b,c;d:e', "don't won't rock'n'roll", '--—–‐‑''-', '$1,234.56 & 50% @home #tag ^_^ `x` ~y |z| <b> =+',
    '“quoted” ‘single’ «guillemets» „low‟ ‹x›', '¿Qué? ¡Sí!', '、。「」『』【】・…‥', '§¶†‡•‰′″※⁂', '٪؟؛، ۔', '՚՛՜՝՞', '᠁᠂', '\u166d\u166e', '\U00011049\U000111c9\U000111c8',
    '©®™°±²³¹¼½¾×÷€£¥₿', '＃％＆＊，．／：；？＠［＼］', '-' * 130, '!' * 40 + 'a' * 40,
    # accents, composed and decomposed, in and out of order
    'Café Cafe\u0301 CAFÉ CAFE\u0301', 'naïve coöperate résumé', 'Ångström A\u030angstro\u0308m Å', 'ệ e\u0323\u0302 e\u0302\u0323 ê\u0323 ẹ\u0302', '\u0301abc', 'a\u0301\u0302\u0303\u0304\u0305b',
    'x\u0315\u0300\u05ae\u0300b', 'a\u302e\u0323\U0001d165\u0301b', '\u1e9b\u0323', 'ﬁ ﬂ ﬀ ﬃ ſt', 'Ǆ ǅ ǆ Ǳ', 'a\u0338=\u0338 ≠', 'ñ n\u0303 Ñ N\u0303', '\u0344 \u0374 \u037e \u0387 \u1fef', 'Ⅷ ⅷ Ⓐ ⓐ', '\u2126 \u212a \u212b',
    # marks that stay among marks that are stripped, out of order: who gets whose place in the text
    'a\u0d4e\u0d4a\u1dbc\ucb69\u0613\u1dee\U0001e023\u0334', '\u200b\ua9b3\u0f86\x00 \u08dc\U000116b7\u1de6', '\u1ab1\u08d7\u0b3c', '\ua66f\u1039\u033b\u2dfb\u0d4d\u034e\U0001d172\ua677\U0001d187',
    '\u05b7\u031b\u030a\U0001193e\u2de3\u1dfa\u1b6c\u1714\u0337\ufe2f\u0345\u0343\u0a4d\u20d3\u17d2\U0001d17c', '\u05c1\u0335\u01c3 \u1fff\u032d\u035d\U0001d17c\u036d', 'q\u0344\u302e\u0f73\U0001d165\u0316', 'é\u302e\u0323 日\U0001d165\u302e x',
    # case
    'İstanbul Iıİi ISPARTA ırmak', 'I\u0307 i\u0307 İ\u0307', 'ΌΣΟΣ ὈΔΥΣΣΕΎΣ ς σ Σ', 'Straße STRASSE ẞ ß', 'ŒUVRE Œuvre œuvre', 'ǅungla ᾼ ᾳ ᾈ', 'ЁЖИК Ёжик ёжик И\u0306 Й й', 'Ꭰ ꭰ Ა ა ᲀ', 'Ⴀ ⴀ Ა', '\ua7cb\ua7dc\u1c89\ua7da', '\U00010d50\U00010d65 \U00016ea0', '\U00010400\U00010428 \U0001e900\U0001e922',
    # CJK, kana, Hangul
    '日本語のテキスト', '東京tower大阪', '漢字 汉字 ㍻ ㈱', '豈更車 \U0002f800\U0002f801', '\u3400\u4dbf\u4e00\u9fff\u9fef', '\U00020000\U0002a6df\U0002a700\U0002b73f\U0002b740\U0002b81f\U0002b820\U0002b91f\U0002b920\U0002ceaf\U0002ceb0\U00030000',
    'がぎぐ か\u3099き\u3099 ﾊﾟﾋﾟ', '〆〇々〻ゝゞ', '한국어 텍스트', '\u1112\u1161\u11ab\u1100\u116e\u11a8', '각 \u1100\u1161\u11a8 가\u11a8', 'ㄱㄴㄷ \ua960\ud7b0\ud7cb', 'ＡＢＣ　ａｂｃ　１２３', '㌔㍍ ㎞',
    # other scripts
    'नमस्ते दुनिया क्षत्रिय', 'বাংলা ভাষা কো ৌ', 'தமிழ் மொழி கொ', 'ไทยภาษา กำ ที่', 'ພາສາລາວ ຳ', 'བོད་སྐད། \u0f43\u0f4d \u0f73\u0f75\u0f81 \u0f71\u0f72', 'မြန်မာဘာသာ ဦ', 'ភាសាខ្មែរ',
    'עִבְרִית שָׁלוֹם \ufb2c\ufb1d', 'العَرَبِيَّة ﷺ لآ آ أ', 'فارسی می‌خواهم', 'Ελληνικά άέήίόύώ ΐ', 'Հայերեն և', 'ქართული', 'አማርኛ ፡ ።', '\u1734 \U0001171e \U00011938 \U000114bb', 'Tiếng Việt Đường đ', '𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝐀𝐁 𝟏𝟐',
    # emoji
    '👩‍👩‍👧‍👦 family', '👍🏽👍', '🇯🇵🇫🇷', '❤️ ❤', '1️⃣ #️⃣', '🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f', 'a😀b', '☺︎',
    # white space
    'a\u00a0b\u2003c\u3000d\u202fe\u205ff', 'a\u2028b\u2029c', 'a\u0085b', 'a\x0bb\x0cc', '\x1c\x1d\x1e\x1f x', 'a\u1680b\u180ec', '  lead  and   trail  ', 'tab\tnew\nret\r\nend', '\u200b\u200bx\u200by', '\ufeffbom\ufeff',
    # control, format, replacement, private use, unassigned, bidirectional
    'a\x00b\x01c\x7fd\x80e\x9ff', '\ufffdx\ufffd', 'a\u00adb', '\u202aleft\u202c \u202eright\u202c', '\u2066x\u2069\u200e\u200f\u061c', 'a\u200cb\u200dc', '\ue000x\uf8ff', '\U000f0000\U0010fffdx', '\u0378x \u0530', '\U0001fffe\uffff\ufdd0x',
    '\U000e0001x\U000e0100', 'a\ufe0fb\ufe00', '\u2060\u2061\u2062\u2063\u2064x', '\ufff9a\ufffab\ufffb', '\u0600\u06dd\u070f\U000110bd x', '\u08e2\u08d3\u07fd a\u0898\u1df9', '\U000110cd\U00013430 x', '\u034f\u115f\u1160\u17b4\u180b\u180f', '\u00a8\u00af\u00b4\u00b8\u02d8', '\u0488\u0489\u20dd\u20e3a',
    # long words: 100 code points are cut, 101 are unknown
    'a' * 100, 'a' * 101, 'ab' * 300, 'é' * 100, 'é' * 101, 'e\u0301' * 100, 'x ' + 'y' * 250 + ' z', '日' * 150, 'İ' * 50, 'İ' * 51, '각' * 34,
    # special tokens inside a text
    'a [MASK] b', 'a[MASK]b', '[mask] [Mask]', '[CLS]x[SEP]', '[[MASK]]', '[ MASK ]', '[UNK][PAD][UNK]', '[MASK', 'é[MASK]\u0301', '[MASK]\u0301a', '日[SEP]本', '[MASK][MASK] [MASK]',
    # pieces and words
    'unaffable unaffably unaff', 'un##able ##able', '##', '# # a#b', 'foxes foxed fox', 'lazyfox', 'QUICK quicK', 'jumpsover', 'thethe', 'http://example.org/a?b=c&d=é#f', 'user@example.org', 'x_y-z/w\\v',
]

PAIRS = [('the quick brown fox', 'jumps over'), ('a b', 'the lazy dog jumps over the unaffable fox again and again'), ('', 'a b c'), ('a b c', ''), ('', ''),
         ('a b c d e f g h i j k l', 'm n o p q r s t u v w x'), ('日本語', 'e\u0301 [MASK] é'), ('a', 'b'), ('a b c d e', 'f g h i j'), ('a b c d e f', 'g h i j j')]
MAX_LENGTHS = [8, 9, 10, 11, 13, 16, 24, 64]

WORDS = ['the', 'quick', 'brown', 'fox', 'lazy', 'dog', 'jump', 'over', 'un', 'cafe', 'Cafe', 'café', '##aff', '##able', '##es', '##s', '##ed', 'as', 'ever', 'left', 'right', 'family', '##é', 'e\u0301', 'İ', 'ss', '##ß', 'no', '##ing',
         'MASK', 'mask', '##fox', 'a' * 40, '##' + 'a' * 30, '国語', '##本', '...', '!!', 'Straße', 'стра', 'ёж', 'еж', 'نا', 'ΌΣ', 'οσ', '##σ', '##ς']


def bert_normalizer(clean=True, chinese=True, strip=None, lower=True):
    return normalizers.BertNormalizer(clean_text=clean, handle_chinese_chars=chinese, strip_accents=strip, lowercase=lower)


def make_vocabulary():
    """Every character that any setting makes of the texts, but for some holes."""
    characters = set()
    for clean, chinese, strip, lower in itertools.product((True, False), (True, False), (True, False), (True, False)):
        normalizer = bert_normalizer(clean, chinese, strip, lower)
        for text in TEXTS:
            characters.update(normalizer.normalize_str(text))
    # Some white space is no white space where nothing is cleaned; a vocabulary is lines, and the library trims them.
    characters = sorted(c for c in characters if not c.isspace() and c not in '\x00\x85\ufeff' and ord(c) % 11 != 7)
    continuing = ['##' + c for c in characters if ord(c) % 5 != 1]
    tokens = SPECIAL + WORDS + characters + continuing
    return list(dict.fromkeys(tokens))


def make_tokenizer(tokens):
    tokenizer = Tokenizer(WordPiece({token: i for i, token in enumerate(tokens)}, unk_token='[UNK]', max_input_chars_per_word=100))
    tokenizer.normalizer = bert_normalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single='[CLS]:0 $A:0 [SEP]:0', pair='[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1', special_tokens=[(t, tokens.index(t)) for t in ('[CLS]', '[SEP]')])
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def flat(offsets):
    return [x for offset in offsets for x in offset]


def settings_of_normalizer():
    for clean, chinese, strip, lower in itertools.product((True, False), (True, False), (None, True, False), (True, False)):
        yield {'clean_text': clean, 'handle_chinese_chars': chinese, 'strip_accents': strip, 'lowercase': lower}


def settings_of_vocabulary():
    yield {}
    for chinese, strip, lower in itertools.product((True, False), (None, True, False), (True, False)):
        yield {'tokenizer_class': 'BertTokenizer', 'do_lower_case': lower, 'strip_accents': strip, 'tokenize_chinese_chars': chinese}
    yield {'do_lower_case': True, 'unk_token': {'content': '[UNK]', 'lstrip': False, 'rstrip': False, 'single_word': False, 'normalized': False, '__type': 'AddedToken'}}
    yield {'do_lower_case': False, 'mask_token': 'fox', 'pad_token': 'lazy'}


def encode_all(tokenizer):
    return [{'ids': e.ids, 'offsets': flat(e.offsets)} for e in tokenizer.encode_batch(TEXTS)]


def main():
    tokens = make_vocabulary()
    with open(os.path.join(FOLDER, 'vocab.txt'), 'w', newline='\n') as out:
        out.write(''.join(token + '\n' for token in tokens))
    make_tokenizer(tokens).save(os.path.join(FOLDER, 'tokenizer.json'), pretty=False)

    settings, encodings = [], []
    for setting in settings_of_normalizer():
        tokenizer = Tokenizer.from_file(os.path.join(FOLDER, 'tokenizer.json'))
        tokenizer.normalizer = bert_normalizer(*setting.values())
        settings.append({'file': 'tokenizer.json', 'normalizer': setting})
        encodings.append(encode_all(tokenizer))
    for setting in settings_of_vocabulary():
        with tempfile.TemporaryDirectory() as folder:
            os.symlink(os.path.join(FOLDER, 'vocab.txt'), os.path.join(folder, 'vocab.txt'))
            with open(os.path.join(folder, 'tokenizer_config.json'), 'w') as out:
                json.dump(setting, out)
            tokenizer = transformers.BertTokenizer.from_pretrained(folder).backend_tokenizer
        settings.append({'file': 'vocab.txt', 'tokenizer_config': setting})
        encodings.append(encode_all(tokenizer))

    singles = []
    for i, text in enumerate(TEXTS):
        distinct, of_setting = [], []
        for of_texts in encodings:
            if of_texts[i] not in distinct:
                distinct.append(of_texts[i])
            of_setting.append(distinct.index(of_texts[i]))
        singles.append({'text': text, 'encodings': distinct, 'of_setting': of_setting})

    tokenizer = Tokenizer.from_file(os.path.join(FOLDER, 'tokenizer.json'))
    pairs = []
    for strategy, max_length in itertools.product(('longest_first', 'only_first', 'only_second'), MAX_LENGTHS):
        tokenizer.enable_truncation(max_length, strategy=strategy)
        for first, second in PAIRS + [(text, None) for text in ('', 'a b c', TEXTS[4])]:
            if second is None and strategy == 'only_second':
                continue  # the library refuses it
            case = {'first': first, 'second': second, 'truncation': strategy, 'max_length': max_length}
            try:
                e = tokenizer.encode(first, second)
                case.update(ids=e.ids, type_ids=e.type_ids, offsets=flat(e.offsets), special=e.special_tokens_mask)
            except Exception as error:  # the text that should be cut is too short
                assert 'too short' in str(error), error
                case['ids'] = None
            pairs.append(case)

    # Tokens that were added: special ones of several lengths, one that is a prefix of another, one with a space.
    tokenizer = Tokenizer.from_file(os.path.join(FOLDER, 'tokenizer.json'))
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in ('<e>', '<e>x', 'New York', 'É', '\u0301', '語')])
    added = json.loads(tokenizer.to_str())['added_tokens']
    texts = ['<e> a <e>x b<e><e>xx', 'New York New  York new york newYork', 'É É E\u0301 e\u0301', '日本語x語', 'aNew Yorkb <E>', '[MASK]<e>']
    with_added = [{'text': text, 'ids': e.ids, 'offsets': flat(e.offsets)} for text in texts for e in [tokenizer.encode(text)]]

    with open(os.path.join(FOLDER, 'encodings.json'), 'w') as out:
        json.dump({'made_with': f'tokenizers {tokenizers.__version__}, transformers {transformers.__version__}', 'settings': settings, 'singles': singles,
                   'pairs': pairs, 'added_tokens': added, 'with_added_tokens': with_added}, out, separators=(',', ':'))


if __name__ == '__main__':
    main()
