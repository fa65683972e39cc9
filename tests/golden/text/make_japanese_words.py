"""Writes japanese_words/ and japanese_words.json: a small vocabulary of pieces of Japanese words, and what BertJapaneseTokenizer
makes of nasty texts with it and MeCab's IPADIC.

Made with Python 3.11, transformers 5.24.0, fugashi 1.5.2, ipadic 1.0.0: python make_japanese_words.py
Tolerance: none, ids are equal; this tokenizer gives no offsets. Left out are the texts that make_characters.py leaves out.
Debian's IPADIC has one word more, an era of 2019, which no text here holds.
"""
import json
import os
import unicodedata

import fugashi
import ipadic
from make_characters import MORE
from make_encodings import PAIRS, SPECIAL, TEXTS
from transformers import BertJapaneseTokenizer

FOLDER = os.path.dirname(os.path.abspath(__file__))
SENTENCES = [
    'すもももももももものうち', '昨日の夜に振り込みをしたのですが、口座にまだ反映されていません。', '外国人参政権について話し合う',
    '東京都に住んでいる友人の引っ越しを手伝った。', 'カードを紛失したので再発行してください！', 'アプリのログインができなくなりました（至急）',
    '2023年4月1日に契約した電話料金プランは月額３，２７８円です', '彼女はピアノを弾きながら歌った', 'ｱｲｽｸﾘｰﾑを2個買う', 'スーパーコンピューターの計算速度',
    'ありがとうございましたーーーー', 'wwwwwwwww草', 'えーっと…そのー、なんだっけ？', 'メールはinfo@example.comまで', 'あ' * 120, '漢' * 300, 'カ' * 90,
    '一\r二\u2028三\u3000四\u00a0五\x1c六', '　先頭の空白', '改行\nと\tタブ', '😀絵文字👨‍👩‍👧と🇯🇵', '[SEP]を含む[UNK]文', '﷽', '﹏﹏', 'ゔぁいおりん', '々々', 'ヽヾ', '①②③', '㌀㌁㌂', 'éè한국어ไทย']

if __name__ == '__main__':
    old_marks = {*map(chr, range(0x300, 0x345)), '\u3099', '\u309a'}
    texts = [text for text in TEXTS + MORE + SENTENCES if '\0' not in text and not any(0xD800 <= ord(c) < 0xE000 or (unicodedata.combining(c) and c not in old_marks) for c in text)]
    tagger = fugashi.GenericTagger(f'-d "{ipadic.DICDIR}" -r "{ipadic.DICDIR}/mecabrc"')
    words = sorted({word.surface for text in texts for word in tagger(unicodedata.normalize('NFKC', text)) if word.surface.split() == [word.surface]})
    # One word of three is whole, one has known pieces, and of the last some characters are unknown.
    whole = words[::3]
    characters = sorted({c for word in words for c in word})
    pieces = sorted({word[:2] for word in words[1::3]} | {'##' + word[2:4] for word in words[1::3] if len(word) > 2})
    singles = [c for i, c in enumerate(characters) if i % 5] + ['##' + c for i, c in enumerate(characters) if i % 7]
    vocabulary = list(dict.fromkeys(SPECIAL + whole + pieces + singles))
    os.makedirs(os.path.join(FOLDER, 'japanese_words'), exist_ok=True)
    path = os.path.join(FOLDER, 'japanese_words', 'vocab.txt')
    with open(path, 'w', encoding='utf-8', newline='\n') as file:
        file.writelines(token + '\n' for token in vocabulary)
    config = {'tokenizer_class': 'BertJapaneseTokenizer', 'word_tokenizer_type': 'mecab', 'subword_tokenizer_type': 'wordpiece', 'mecab_kwargs': {'mecab_dic': 'ipadic'}, 'do_lower_case': False}
    theirs = BertJapaneseTokenizer(path, **{key: value for key, value in config.items() if key != 'tokenizer_class'})
    golden = {'tokenizer_config': config, 'texts': [{'text': text, 'ids': theirs(text)['input_ids']} for text in texts],
              'pairs': [{'texts': pair, **{key: theirs(*pair, return_token_type_ids=True)[name] for key, name in (('ids', 'input_ids'), ('type_ids', 'token_type_ids'))}} for pair in PAIRS]}
    with open(os.path.join(FOLDER, 'japanese_words.json'), 'w', encoding='utf-8') as file:
        json.dump(golden, file, separators=(',', ':'))
        file.write('\n')
