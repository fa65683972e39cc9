"""Writes pipelines.json, pipelines/*.json and pipelines/sentencepiece.bpe.model: small tokenizers with the steps of RoBERTa,
ModernBERT, XLM-R and DeBERTa-v3, and with ways to cut words that other models have, and what the reference library makes of
nasty texts with each.

Made with Python 3.11, tokenizers 0.23.3, sentencepiece 0.2.3: python make_pipelines.py
Tolerance: none. Texts are those of make_encodings.py and random ones. Of each text, of random texts by the hundred and of
the texts around each code point by blocks, the first 16 hexadecimal digits of the SHA-256 of their encodings: for each
text each token's id and offsets in code points, special tokens included, without truncation. The vocabularies were
trained on these texts; the replacements of characters are this script's own.
"""
import hashlib
import json
import os
import random
import tempfile
import unicodedata

import sentencepiece
import sentencepiece.sentencepiece_model_pb2 as sentencepiece_model
import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from make_encodings import MAX_LENGTHS, PAIRS, TEXTS

FOLDER = os.path.dirname(os.path.abspath(__file__))
BLOCK = 0x1000
CODE_POINTS = ('modernbert', 'bytes-of-everything', 'xlm-roberta', 'one-piece', 'words', 'bert-runs')  # pipelines whose steps differ
LLAMA_3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
PAIRED = ('roberta', 'xlm-roberta', 'deberta-v3')  # pipelines whose templates differ
N_RANDOM = 2000
RANDOM_BLOCK = 100
MORE_TEXTS = [
    "they're we've I'd you'll it's 'S 'twas ''s 'RE don't", 'a  b   c \n\n d\t\te \n', '   ', ' \n', '\n a', 'x\u00a0\u00a0y \u3000z', 'a1b22c³Ⅷ½x', ' !?.. a!b', '日本語123abc。。、', 'a' * 200, '日本語の文字' * 40, ' ' * 100 + 'x',
    'a <mask> b', 'a<mask>b <mask>', '\u3000<mask>\u3000<mask>x', ' <mask>', '<s>a</s></s>', '|||IP||| x |||IP|||', '  a    b', '<unk>', 'x<unk>y\U0001f984', 'one new word, newword', 'New York', 'aNew York New Yorkb', 'NEWYORK new york',
    'ﬁ\u0301 ﬁ e\u0301 e\u0301\u0302 ™ ™\x1eg \x1e\x1eab\x1e', '\x1e', '\x1ea b', 'Ａ\u3000Ｂ ｶﾞ ｶ\uff9e', '▁a ▁▁b', 'a▁b', ' ▁ ', '\u200b\u200d', '👩\u200d👩\u200d👧 🇯🇵🇫 क्\u200dष क्षि', '\u0301\u0302a', 'e\u0323\u0307\u0301 q\u0307\u0323', '\u1112\u1161\u11ab', '<0x41>A', '\ufb1d\u05b7', '\U0001d15e']
RULES = {  # code points -> what stands for them
    'FB01': '66 69', '2122': '54 4D', '1E': '', 'A0': '20', '3000': '20', '09': '20', '65 301': 'E9', '65 302': 'EA', 'FF21': '41', 'FF22': '42', 'FF76': '30AB', 'FF76 FF9E': '30AC', '1112 1161 11AB': 'D55C', '200D': '', '1F1EF 1F1F5': '4A 50', 'AD': '',
    'FDFA': '635 644 649 20 627', '915 94D': '915'}


def corpus():
    return [text for text in TEXTS + MORE_TEXTS if text.strip()] * 3


def random_texts(n):
    rng = random.Random(1)
    known = [chr(c) for c in range(1, 0x30000) if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c)) not in ('Cn', 'Co')]
    marks = [c for c in known if unicodedata.category(c)[0] == 'M']
    composed = [c for c in known if unicodedata.decomposition(c) and not 0xAC00 <= ord(c) < 0xD7A4]
    pools = [known, marks, composed, list('abcdefghe ou AEIO\'.,-!?0123éèüñçß'), list(' \t\x0b\x85\xa0\u1680\u2003\u2028\u202f\u3000\u200b\u200d\ufeff\u2581'),
             [chr(c) for c in (*range(0x1100, 0x1200), *range(0xA960, 0xA97D), *range(0xD7B0, 0xD7FC), *range(0xAC00, 0xAC40))], [chr(c) for c in range(0x900, 0xD80) if chr(c) in known],
             ['👩', '👧', '❤', '👍', '\u200d', '\ufe0f', '\U0001f3fd', '🇯', '🇵', '🇫', '1', '\u20e3'], [chr(c) for c in (*range(0x3041, 0x3100), *range(0xFF01, 0xFFA0))],
             ['<mask>', '</s>', '<unk>', '  ', "'s", "'re", 'New York', '|||IP|||', '▁the', ' <mask> ', '<0x41>', 'ﬁ', '™', '\x1e', '\u0301']]
    texts = []
    for _ in range(n):
        chosen = rng.sample(pools, rng.randint(1, 4)) + ([marks] if rng.random() < 0.3 else [])
        texts.append(''.join(rng.choice(rng.choice(chosen)) for _ in range(rng.randint(1, 24))))
    return texts


def texts_of(c):
    return ['aB' + c + 'b', '1' + c, '!' + c + ' ' + c, c + '\u0301' + c, 'a\u302e' + c + '\u0323e' + c, ' ' + c + c + '\u200d' + c]


def bpe():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=700, special_tokens=['<s>', '<pad>', '</s>', '<unk>', '<mask>'], initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False))
    return tokenizer.to_str()


def sentencepiece_proto():
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, 'rules.tsv'), 'w') as out:
            out.writelines(f'{old}\t{new}\n' for old, new in RULES.items())
        with open(os.path.join(folder, 'text.txt'), 'w') as out:
            out.writelines(text.replace('\n', ' ').replace('\r', ' ').replace('\0', ' ') + '\n' for text in corpus())
        sentencepiece.SentencePieceTrainer.train(
            input=os.path.join(folder, 'text.txt'), model_prefix=os.path.join(folder, 'm'), vocab_size=900, model_type='unigram', character_coverage=0.98, normalization_rule_tsv=os.path.join(folder, 'rules.tsv'), byte_fallback=True, num_threads=1, minloglevel=2)
        proto = sentencepiece_model.ModelProto()
        with open(os.path.join(folder, 'm.model'), 'rb') as file:
            proto.ParseFromString(file.read())
    proto.trainer_spec.ClearField('input')  # a path of the machine that this ran on
    proto.trainer_spec.ClearField('model_prefix')
    proto.normalizer_spec.ClearField('normalization_rule_tsv')
    return proto


def pipelines():
    """name -> tokenizer"""
    made = {}
    trained = bpe()

    def byte_level(add_prefix_space, **fields):
        tokenizer = Tokenizer.from_str(trained)
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space, **fields)
        return tokenizer

    for name, add_prefix_space in (('roberta', False), ('roberta-prefix', True)):
        tokenizer = byte_level(add_prefix_space)
        tokenizer.post_processor = processors.RobertaProcessing(('</s>', 2), ('<s>', 0), trim_offsets=True, add_prefix_space=add_prefix_space)
        tokenizer.add_special_tokens([AddedToken('<mask>', lstrip=True, normalized=False)])
        made[name] = tokenizer

    tokenizer = byte_level(False)
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.post_processor = processors.TemplateProcessing(single='<s>:0 $A:0 </s>:0', pair='<s>:0 $A:0 </s>:0 $B:1 </s>:1', special_tokens=[('<s>', 0), ('</s>', 2)])
    tokenizer.add_tokens([AddedToken('|||IP|||', normalized=True, rstrip=True), AddedToken('  ', normalized=True), AddedToken('    ', normalized=True), AddedToken('New', normalized=True, single_word=True)])
    made['modernbert'] = tokenizer

    tokenizer = byte_level(True, use_regex=False)
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True), processors.BertProcessing(('</s>', 2), ('<s>', 0))])
    tokenizer.add_tokens([AddedToken('New York', normalized=True), AddedToken('New', normalized=False)])
    made['bytes-of-everything'] = tokenizer

    proto = sentencepiece_proto()
    charsmap = proto.normalizer_spec.precompiled_charsmap
    pieces = [(piece.piece, piece.score) for piece in proto.pieces]

    def unigram(vocabulary, unk_id, **fields):
        return Tokenizer(models.Unigram(vocabulary, unk_id, **fields))

    tokenizer = unigram([('<s>', 0.0), ('<pad>', 0.0), ('</s>', 0.0), ('<unk>', 0.0)] + pieces[3:] + [('<mask>', 0.0)], 3, byte_fallback=False)
    tokenizer.normalizer = normalizers.Precompiled(charsmap)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.post_processor = processors.TemplateProcessing(single='<s> $A </s>', pair='<s> $A </s> </s> $B </s>', special_tokens=[('<s>', 0), ('</s>', 2)])
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in ('<s>', '<pad>', '</s>', '<unk>')] + [AddedToken('<mask>', lstrip=True, normalized=False)])
    made['xlm-roberta'] = tokenizer

    tokenizer = unigram(pieces, 0, byte_fallback=True)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Strip(), normalizers.Precompiled(charsmap), normalizers.Replace(Regex(' {2,}'), ' ')])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(prepend_scheme='always')])
    deberta = processors.TemplateProcessing(single='<s>:0 $A:0 </s>:0', pair='<s>:0 $A:0 </s>:0 $B:1 </s>:1', special_tokens=[('<s>', 1), ('</s>', 2)])
    tokenizer.post_processor = deberta
    tokenizer.add_special_tokens([AddedToken('<s>', normalized=False), AddedToken('</s>', normalized=False), AddedToken('<mask>', normalized=True)])
    made['deberta-v3'] = tokenizer

    tokenizer = unigram(pieces + [('the', -1.0)], 0, byte_fallback=False)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(Regex(r'\s{2,}|[\n\r\t]'), ' '), normalizers.NFC(), normalizers.Strip(left=False, right=True)])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Punctuation(behavior='isolated'), pre_tokenizers.Metaspace(prepend_scheme='first')])
    tokenizer.post_processor = deberta
    made['deberta-lower'] = tokenizer

    tokenizer = unigram(pieces, 0, byte_fallback=False)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace('ll', 'L L'), normalizers.Prepend('x▁')])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme='never', split=False)
    tokenizer.post_processor = deberta
    made['one-piece'] = tokenizer

    tokenizer = byte_level(False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA_3), 'isolated'), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.post_processor = made['modernbert'].post_processor
    made['llama-3'] = tokenizer

    tokenizer = unigram(pieces, 0, byte_fallback=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True)])
    tokenizer.post_processor = deberta
    made['words'] = tokenizer

    tokenizer = unigram(pieces, 0, byte_fallback=False)
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.CharDelimiterSplit('-'), pre_tokenizers.Split('the', 'merged_with_next'), pre_tokenizers.Split(Regex(r'[aeiou\p{Hiragana}]+'), 'merged_with_previous'), pre_tokenizers.Punctuation('merged_with_previous'),
        pre_tokenizers.Split(Regex(r'[\w\-]+|\d'), 'removed', invert=True), pre_tokenizers.Split(Regex(r'(?<=[a-z])[A-Z]|\W'), 'contiguous')])
    tokenizer.post_processor = deberta
    made['splits'] = tokenizer

    vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'the', 'new', '!?', '..', '12', '123'] + [prefix + c for c in 'abcdefghijklmnopqrstuvwxyz0123456789.,!?のかカ日本é' for prefix in ('', '##')]
    bert = processors.TemplateProcessing(single='[CLS] $A [SEP]', pair='[CLS] $A [SEP] $B:1 [SEP]:1', special_tokens=[('[CLS]', 2), ('[SEP]', 3)])

    def word_pieces(normalizer, pre_tokenizer):
        tokenizer = Tokenizer(models.WordPiece({token: i for i, token in enumerate(vocabulary)}, unk_token='[UNK]', max_input_chars_per_word=20))
        tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.post_processor = normalizer, pre_tokenizer, bert
        return tokenizer

    made['bert-runs'] = word_pieces(normalizers.BertNormalizer(), pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation('contiguous'), pre_tokenizers.Digits()]))
    made['bert-by-steps'] = word_pieces(normalizers.Sequence([normalizers.NFKC(), normalizers.BertNormalizer(strip_accents=False, handle_chinese_chars=False)]), pre_tokenizers.BertPreTokenizer())
    return made, proto


def line_of(e):
    return ' '.join(f'{i},{begin},{end}' for i, (begin, end) in zip(e.ids, e.offsets)) + '\n'


def digest(tokenizer, texts):
    return hashlib.sha256(''.join(line_of(e) for e in tokenizer.encode_batch(texts)).encode()).hexdigest()[:16]


def pairs_of(tokenizer):
    pairs = []
    for max_length in MAX_LENGTHS:
        tokenizer.enable_truncation(max_length)
        for first, second in PAIRS:
            e = tokenizer.encode(first, second)
            pairs.append({'first': first, 'second': second, 'max_length': max_length, 'ids': e.ids, 'type_ids': e.type_ids, 'special': e.special_tokens_mask, 'offsets': [x for pair in e.offsets for x in pair]})
    tokenizer.no_truncation()
    return pairs


def main():
    os.makedirs(os.path.join(FOLDER, 'pipelines'), exist_ok=True)
    made, proto = pipelines()
    with open(os.path.join(FOLDER, 'pipelines', 'sentencepiece.bpe.model'), 'wb') as out:
        out.write(proto.SerializeToString(deterministic=True))
    texts, more = TEXTS + MORE_TEXTS, random_texts(N_RANDOM)
    result = {'made_with': f'tokenizers {tokenizers.__version__}, sentencepiece {sentencepiece.__version__}', 'texts': texts, 'random_block': RANDOM_BLOCK, 'random': more, 'code_point_block': BLOCK, 'pipelines': {}}
    for name, tokenizer in made.items():
        tokenizer.save(os.path.join(FOLDER, 'pipelines', name + '.json'), pretty=False)
        blocks = {}
        for begin in range(0, 0x30000, BLOCK) if name in CODE_POINTS else ():
            points = [c for c in range(max(begin, 1), begin + BLOCK) if not 0xD800 <= c < 0xE000]
            if points:
                blocks[f'{begin:X}'] = digest(tokenizer, [text for c in points for text in texts_of(chr(c))])
        result['pipelines'][name] = {'texts': [digest(tokenizer, [text]) for text in texts], 'random': [digest(tokenizer, more[at:at + RANDOM_BLOCK]) for at in range(0, N_RANDOM, RANDOM_BLOCK)], 'code_points': blocks,
                                     'pairs': pairs_of(tokenizer) if name in PAIRED else []}
    with open(os.path.join(FOLDER, 'pipelines.json'), 'w') as out:
        json.dump(result, out, separators=(',', ':'))


if __name__ == '__main__':
    main()
