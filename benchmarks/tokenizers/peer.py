#!/usr/bin/env python3
"""peer.py FOLDER FILE: as tokenizer_speed, with Hugging Face tokenizers, or transformers' BertJapaneseTokenizer.

peer.py --train SHARED FOLDER trains what is compared, and prints the folder of each dictionary of MeCab's that it found.
"""
import array
import collections
import gzip
import importlib.util
import itertools
import json
import os
import sys
import time
import unicodedata
import zlib

os.environ['TOKENIZERS_PARALLELISM'] = 'false'
os.environ['RAYON_NUM_THREADS'] = '1'
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers  # noqa: E402

CORPORA = ('corpora/openstax_en/textbooks.txt.gz', 'corpora/jaquad_contexts_ja/contexts.txt.gz')
BATCH = 256


def lines_of(shared, n):
    for name in CORPORA:
        with gzip.open(os.path.join(shared, name), 'rt', encoding='utf-8') as file:
            yield from (line.rstrip('\n') for line in itertools.islice(file, n))


def save(tokenizer, folder, name):
    os.makedirs(os.path.join(folder, name), exist_ok=True)
    tokenizer.save(os.path.join(folder, name, 'tokenizer.json'))


def train(shared, folder):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(lines_of(shared, 8000), trainers.BpeTrainer(vocab_size=30000, special_tokens=['<s>', '</s>', '<unk>'], initial_alphabet=alphabet, show_progress=False))
    tokenizer.post_processor = processors.RobertaProcessing(('</s>', 1), ('<s>', 0), trim_offsets=True, add_prefix_space=False)
    save(tokenizer, folder, 'byte-level-bpe')

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.train_from_iterator(lines_of(shared, 4000), trainers.UnigramTrainer(vocab_size=16000, special_tokens=['<s>', '</s>', '<unk>'], unk_token='<unk>', show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(single='<s> $A </s>', pair='<s> $A </s> </s> $B </s>', special_tokens=[('<s>', 0), ('</s>', 1)])
    save(tokenizer, folder, 'unigram')
    if importlib.util.find_spec('fugashi'):
        for name in 'ipadic', 'unidic_lite':
            if importlib.util.find_spec(name):
                train_japanese(shared, folder, name)


def train_japanese(shared, folder, dictionary):
    """The words that are most, and all characters, whole and as pieces of words."""
    from fugashi import GenericTagger
    place = importlib.import_module(dictionary).DICDIR
    tagger = GenericTagger(f'-d "{place}" -r "{place}/mecabrc"')
    with gzip.open(os.path.join(shared, CORPORA[1]), 'rt', encoding='utf-8') as file:
        words = collections.Counter(word.surface for line in itertools.islice(file, 4000) for word in tagger(unicodedata.normalize('NFKC', line.strip())))
    characters = sorted({c for word in words for c in word})
    tokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', *[word for word, _ in words.most_common(16000)], *characters, *['##' + c for c in characters]]
    os.makedirs(os.path.join(folder, dictionary), exist_ok=True)
    with open(os.path.join(folder, dictionary, 'vocab.txt'), 'w', encoding='utf-8', newline='\n') as file:
        file.writelines(token + '\n' for token in dict.fromkeys(tokens))
    config = {'tokenizer_class': 'BertJapaneseTokenizer', 'word_tokenizer_type': 'mecab', 'subword_tokenizer_type': 'wordpiece', 'mecab_kwargs': {'mecab_dic': dictionary}}
    with open(os.path.join(folder, dictionary, 'tokenizer_config.json'), 'w', encoding='utf-8') as file:
        json.dump(config, file)
    print(dictionary, place)


def encoder_of(folder):
    """Lists of ids from lists of texts."""
    if not os.path.exists(os.path.join(folder, 'tokenizer.json')):
        from transformers import BertJapaneseTokenizer
        tokenizer = BertJapaneseTokenizer.from_pretrained(folder)
        return lambda lines: [tokenizer(line)['input_ids'] for line in lines]
    tokenizer = Tokenizer.from_file(os.path.join(folder, 'tokenizer.json'))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda lines: [encoding.ids for encoding in tokenizer.encode_batch(lines)]


def measure(folder, path):
    encode = encoder_of(folder)
    with open(path, encoding='utf-8', newline='\n') as file:
        lines = [line.removesuffix('\n') for line in file]
    for _ in range(3):
        seconds, n_tokens, digest = 0.0, 0, 0
        for at in range(0, len(lines), BATCH):
            start = time.process_time()
            batch = encode(lines[at:at + BATCH])
            seconds += time.process_time() - start
            for ids in batch:
                n_tokens += len(ids)
                digest = zlib.crc32(array.array('i', ids).tobytes(), digest)
        print(n_tokens, f'{digest:08x} {seconds:.4f}')


if __name__ == '__main__':
    if sys.argv[1] == '--train':
        train(*sys.argv[2:])
    else:
        measure(*sys.argv[1:])
