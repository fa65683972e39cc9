"""Makes up the texts that both sides read, and their token ids for the peers. Runs in the peers' Python.

usage: texts.py ENCODER FOLDER N_TEXTS

Words are made of random syllables; a text is as many of them as give the wanted number of tokens, which is log-normal with mean
20 (sigma 0.6, between 3 and 128, the two special ones included). FOLDER gets `all`, `singles` (the first 300) and `eight` (the
first quarter), each as .jsonl for us and .npz for the peers; `calibration.npz`, other texts, for quantisation; and
`train.jsonl`, eight labels a row that its first word decides.
"""
import json
import math
import os
import random
import sys

import numpy as np
from transformers import AutoTokenizer

MEAN, SIGMA, SHORTEST, LONGEST = 20, 0.6, 3, 128
N_SINGLES, N_CALIBRATION, N_TRAIN = 300, 300, 192
N_LABELS, N_TASKS = 6, 8
# Of the words, how many are one, two or three tokens long; about as in English.
SHARES = {1: 0.8, 2: 0.14, 3: 0.06}


def made_up_words(tokenizer, rng):
    """{number of tokens: words}"""
    syllable = lambda: rng.choice('bdfghklmnprstvw') + rng.choice('aeiou') + rng.choice(['', '', 'l', 'n', 'r', 's', 't'])
    words = sorted({''.join(syllable() for _ in range(rng.randint(1, 3))) for _ in range(8000)})
    by_length = {n: [] for n in SHARES}
    for word, ids in zip(words, tokenizer(words, add_special_tokens=False)['input_ids']):
        if len(ids) in by_length:
            by_length[len(ids)].append(word)
    if not all(by_length.values()):
        raise SystemExit('error: the vocabulary of the encoder has no short words of latin letters')
    return by_length


def made_up_text(words, n_tokens, rng):
    text, left = [], n_tokens
    while left > 0:
        n = min(left, rng.choices(list(SHARES), SHARES.values())[0])
        text.append(rng.choice(words[n]))
        left -= n
    return ' '.join(text)


def made_up_texts(words, n, rng):
    lengths = (round(math.exp(rng.gauss(math.log(MEAN) - SIGMA**2 / 2, SIGMA))) for _ in range(n))
    return [made_up_text(words, min(max(length, SHORTEST), LONGEST) - 2, rng) for length in lengths]


def write_rows(path, rows):
    with open(path, 'w', encoding='utf8') as file:
        file.writelines(json.dumps(row) + '\n' for row in rows)


def write_ids(path, tokenizer, texts):
    ids = tokenizer(texts, truncation=True, max_length=LONGEST)['input_ids']
    np.savez(path, ids=np.concatenate([np.asarray(i, np.int64) for i in ids]), lengths=np.asarray([len(i) for i in ids]))
    return sum(map(len, ids))


def main(encoder, folder, n_texts):
    os.makedirs(folder, exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    rng = random.Random(1)
    words = made_up_words(tokenizer, rng)

    texts = made_up_texts(words, n_texts, rng)
    written = {'all': texts, 'singles': texts[:N_SINGLES], 'eight': texts[:max(n_texts // 4, 64)]}
    n_tokens = {}
    for name, part in written.items():
        write_rows(os.path.join(folder, name + '.jsonl'), ({'text': text} for text in part))
        n_tokens[name] = write_ids(os.path.join(folder, name + '.npz'), tokenizer, part)
    write_ids(os.path.join(folder, 'calibration.npz'), tokenizer, made_up_texts(words, N_CALIBRATION, random.Random(2)))

    rng = random.Random(3)
    first_words = rng.sample(words[1], N_LABELS)
    rows = []
    for text in made_up_texts(words, N_TRAIN, rng):
        first = rng.randrange(N_LABELS)
        labels = {f'label_{task}': f'label {(first + task) % N_LABELS}' for task in range(N_TASKS)}
        rows.append({'text': f'{first_words[first]} {text}', **labels})
    write_rows(os.path.join(folder, 'train.jsonl'), rows)
    print(json.dumps({name: {'texts': len(part), 'tokens': n_tokens[name]} for name, part in written.items()}))


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
