"""Writes answers.json: answers beside gold ones, and what SQuAD's evaluation script says of them.

Made with Python 3.11 and its Unicode 14.0: python make_answers.py
Tolerance: 1e-12. The rules are written out here, from what the script of SQuAD 2.0 does (evaluate-v2.0.py of
rajpurkar.github.io/SQuAD-explorer; the same in squad_metrics.py of transformers 2.11): lower case, no ASCII punctuation,
no articles, words between white space; the best of the gold answers that are not empty then; best threshold by one pass
over the rows sorted by how likely they have no answer. Of equal differences the script would take some rows along and
leave others: the cases have none. `character_f1` is of this project: the same F1 over the characters that are no space.

    python make_answers.py --against squad_metrics.py     # transformers' copy of the script: 4.40's transformers/data/metrics

holds answers.json against the script itself; with that of transformers 4.40.0 all answers and best thresholds were the
same.

Texts without spaces (Japanese, Chinese) are one word: their token F1 is 1 where they are equal and 0 elsewhere.
"""
import json
import os
import random
import re
import string
import sys
from collections import Counter

ARTICLES = re.compile(r'\b(?:a|an|the)\b')
PUNCTUATION = str.maketrans('', '', string.punctuation)


def normalized(text):
    return ' '.join(ARTICLES.sub(' ', text.lower().translate(PUNCTUATION)).split())


def f1(gold, said):
    if not gold or not said:
        return float(gold == said)
    same = (Counter(gold) & Counter(said)).total()
    return 2 * same / (len(gold) + len(said))


def scores(gold, said):
    wanted = [text for text in map(normalized, gold) if text] or ['']
    said = normalized(said)
    return {'exact_match': max(float(text == said) for text in wanted),
            'token_f1': max(f1(text.split(), said.split()) for text in wanted),
            'character_f1': max(f1(text.replace(' ', ''), said.replace(' ', '')) for text in wanted)}


def best_threshold(rows):
    """rows: (difference, score, has_answer). The best mean score, and the largest difference that is still answered."""
    total = best = sum(not has for _, _, has in rows)
    kept = None
    for difference, score, has in sorted(rows):
        total += score if has else -1
        if total > best:
            best, kept = total, difference
    return best / len(rows), kept


CASES = [
    # Articles and punctuation.
    (['the Denver Broncos'], 'Denver Broncos'), (['The'], 'the'), (['The'], ''), (['an a the'], 'A'), (['a'], ''), (['Athens'], 'a thens'),
    (['theatre'], 'the atre'), (["Levi's Stadium"], 'Levis Stadium.'), (['U.S.'], 'us'), (['24–10'], '24-10'), (['3,000'], '3000'),
    (['a-b'], 'ab'), (['the_end'], 'theend'), (['(the) cat'], 'cat'), (['a.b'], 'ab'), (['$5.00'], '5'), (['an hour, a day'], 'hour day'),
    # White space and its relatives.
    (['two  words'], 'two words'), (['two\u00a0words'], 'two words'), (['two\u3000words'], 'two words'), (['two\u200bwords'], 'two words'),
    (['a\x1cb'], 'b'), (['\u2009the\u2009end'], 'end'), ([' '], ''), (['\n'], 'x'),
    # Unicode: case, marks, words.
    (['ÉCOLE'], 'école'), (['É cole'], 'é cole'), (['İstanbul'], 'istanbul'), (['ΟΔΟΣ'], 'οδος'), (['ΟΔΟΣ'], 'οδοσ'), (['STRASSE'], 'straße'),
    (['a\u0301gua'], 'gua'), (['\u00e1'], 'a'), (['the\u0301'], '\u0301'), (['a²'], '²'), (['a½'], '½'), (['Ⅷ a'], 'ⅷ'), (['a৯'], '৯'), (['ＴＨＥ end'], 'end'), (['a’s'], '’s'),
    (['“the” end'], 'end'), (['ａ b'], 'b'), (['𝐀 b'], 'b'), (['ǅ'], 'ǆ'),
    # No spaces.
    (['東大寺'], '東大寺'), (['東大寺'], '東大'), (['約15メートル'], '15メートル'), (['東京都、港区'], '東京都港区'), (['東京 都'], '東京都'), (['the 東京'], '東京'), (['a東京'], '東京'),
    (['小笠原諸島', '小笠原諸島を除く日本'], '小笠原'), (['北京'], '京北'),
    # Several answers, and none.
    (['May 1', 'the first of May', '1 May'], 'first May'), (['x', 'y'], ''), ([], ''), ([], 'x'), ([], 'the'), (['.', '!'], ''), (['.', 'x'], ''), (['.', 'x'], 'x'),
    # Words that stand several times.
    (['to be or not to be'], 'to be'), (['to be'], 'to to to'), (['new new york'], 'new york york'),
]
random.seed(5)
WORDS = ['a', 'the', 'An', 'cat', 'Cat.', 'dog', '犬', 'U.S', 'été', '-', 'two-fold']
for _ in range(120):
    some = lambda n: ' '.join(random.choices(WORDS, k=random.randint(0, n)))
    CASES.append(([some(4) for _ in range(random.randint(0, 3))], some(4)))

thresholds = []
for n in [1, 2, 5, 60, 200]:
    for share in (0.0, 0.3, 0.7, 1.0):
        rows = []
        for difference in random.sample(range(-5000, 5000), n):
            has = random.random() >= share
            difference -= 20000 if has and random.random() < 0.5 else 0  # some answers are surer than all others
            rows.append((difference / 64, random.choice([0, 0.25, 0.5, 1, 1]) if has else 0, has))
        best, kept = best_threshold(rows)
        thresholds.append({'rows': rows, 'best': best, 'kept': kept})

HERE = os.path.dirname(os.path.abspath(__file__))


def compare(script):
    """Stops where the script says anything else than answers.json."""
    with open(script, encoding='utf-8') as file:
        code = re.sub(r'^from (\.\.\.|transformers).*\n|^logger = .*\n', '', file.read(), flags=re.M)  # only its log needs the library
    theirs = {}
    exec(compile(code, script, 'exec'), theirs)
    with open(os.path.join(HERE, 'answers.json'), encoding='utf-8') as file:
        golden = json.load(file)
    for case in golden['answers']:
        gold = [text for text in case['gold'] if theirs['normalize_answer'](text)] or ['']
        found = {'exact_match': max(theirs['compute_exact'](text, case['said']) for text in gold), 'token_f1': max(theirs['compute_f1'](text, case['said']) for text in gold)}
        assert theirs['normalize_answer'](case['said']) == case['normalized'], case
        assert all(value == case['expected'][name] for name, value in found.items()), (case, found)
    for case in golden['thresholds']:
        column = lambda i: {row: values[i] for row, values in enumerate(case['rows'])}
        best, threshold = theirs['find_best_thresh'](dict.fromkeys(range(len(case['rows'])), 'x'), column(1), column(0), column(2))
        assert abs(best / 100 - case['best']) < 1e-12 and threshold == (case['kept'] or 0.0), case  # theirs is 0 where no answer is kept
    print(len(golden['answers']), 'answers and', len(golden['thresholds']), 'thresholds are the same')


if __name__ == '__main__':
    if len(sys.argv) == 3 and sys.argv[1] == '--against':
        compare(sys.argv[2])
        sys.exit()
    with open(os.path.join(HERE, 'answers.json'), 'w') as out:
        json.dump({'answers': [{'gold': gold, 'said': said, 'normalized': normalized(said), 'expected': scores(gold, said)} for gold, said in CASES],
                   'thresholds': thresholds}, out, separators=(',', ':'))
        out.write('\n')
