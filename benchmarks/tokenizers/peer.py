#!/usr/bin/env python3
"""peer.py FOLDER FILE: as tokenizer_speed, with Hugging Face tokenizers. peer.py --train SHARED FOLDER trains what is compared."""
import gzip
import itertools
import os
import sys
import time

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


def measure(folder, path):
    tokenizer = Tokenizer.from_file(os.path.join(folder, 'tokenizer.json'))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    with open(path, encoding='utf-8', newline='\n') as file:
        lines = [line.removesuffix('\n') for line in file]
    for _ in range(3):
        start, n_tokens = time.process_time(), 0
        for at in range(0, len(lines), BATCH):
            n_tokens += sum(len(encoding) for encoding in tokenizer.encode_batch(lines[at:at + BATCH]))
        print(n_tokens, f'{time.process_time() - start:.4f}')


if __name__ == '__main__':
    if sys.argv[1] == '--train':
        train(*sys.argv[2:])
    else:
        measure(*sys.argv[1:])
