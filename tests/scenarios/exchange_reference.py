"""The other side of exchange_test.py: Hugging Face transformers and sentence-transformers, asked line by line.

Runs in the interpreter that has them. Standard input: a JSON object a line, {"do": "logits"|"make"|..., ...}; standard
output: the answer to each, a JSON line. Made with transformers 5.24.0, sentence-transformers 6.2.0, torch 2.13.0.
"""
import json
import os
import sys

os.environ['HF_HUB_OFFLINE'] = os.environ['TRANSFORMERS_OFFLINE'] = '1'
import torch  # noqa: E402
import transformers  # noqa: E402
from sentence_transformers import SentenceTransformer  # noqa: E402

torch.set_num_threads(1)
transformers.logging.set_verbosity_error()

LETTERS = [chr(ord('a') + i) for i in range(26)]
VOCABULARY = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'please', 'lamp', 'osaka', *LETTERS, *('##' + letter for letter in LETTERS)]


def config_of(folder):
    with open(os.path.join(folder, 'config.json'), encoding='utf-8') as file:
        return json.load(file)


def sentence_logits(folder, texts):
    """Of a head: its logits; of a cosine: the value that the line through it gives."""
    model = SentenceTransformer(folder, device='cpu')
    cosine = config_of(folder)['polytask'].get('cosine')
    if cosine is None:
        return [model.encode(text[0]).tolist() for text in texts]
    values = []
    for left, right in texts:
        similarity = model.similarity(model.encode([left]), model.encode([right])).item()
        values.append([cosine['slope'] * similarity + cosine['intercept']])
    return values


def encoded_pair_or_text(tokenizer, text):
    # In lists: of two strings, the library takes an empty second one for none.
    return tokenizer(*([one] for one in text), truncation=True, return_tensors='pt')


def token_rows(tokenizer, text, words):
    """The encoded text, and the tokens that carry tags: the first of each word, or all but the special ones."""
    if not words:
        encoded = tokenizer(*text, truncation=True, return_special_tokens_mask=True, return_tensors='pt')
        special = encoded.pop('special_tokens_mask')[0]
        return encoded, [i for i in range(len(special)) if not special[i]]
    encoded = tokenizer(text[0].split(), is_split_into_words=True, truncation=True, return_tensors='pt')
    word_of = encoded.word_ids()
    return encoded, [i for i, word in enumerate(word_of) if word is not None and word != word_of[i - 1]]


def choices_of(tokenizer, text):
    """A text and its choices: [1, choices, tokens], padded."""
    encoded = tokenizer([text[0]] * (len(text) - 1), text[1:], truncation=True, padding=True, return_tensors='pt')
    return {name: rows.unsqueeze(0) for name, rows in encoded.items()}


@torch.no_grad()
def losses(folder, texts, right):
    """Of a multiple choice, with the number of the right one of each row."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForMultipleChoice.from_pretrained(folder, dtype=torch.float32).eval()
    return [model(**choices_of(tokenizer, text), labels=torch.tensor([gold])).loss.item() for text, gold in zip(texts, right)]


@torch.no_grad()
def logits(folder, texts, words=False):
    if os.path.exists(os.path.join(folder, 'modules.json')):
        return sentence_logits(folder, texts)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    if config_of(folder)['architectures'] == ['BertForTokenClassification']:
        model = transformers.AutoModelForTokenClassification.from_pretrained(folder, dtype=torch.float32).eval()
        answers = []
        for text in texts:
            encoded, rows = token_rows(tokenizer, text, words)
            answers.append(model(**encoded).logits[0][rows].flatten().tolist())
        return answers
    if config_of(folder)['architectures'] == ['BertForMultipleChoice']:
        model = transformers.AutoModelForMultipleChoice.from_pretrained(folder, dtype=torch.float32).eval()
        return [model(**choices_of(tokenizer, text)).logits[0].tolist() for text in texts]
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    return [model(**encoded_pair_or_text(tokenizer, text)).logits[0].tolist() for text in texts]


def make(folder, architecture, labels=None, seed=1, dtype='float32', shard=None, encoder=None, **config):
    """A random model of the library, as its `save_pretrained` writes it."""
    torch.manual_seed(seed)
    if labels is not None:
        config |= {'id2label': dict(enumerate(labels)), 'label2id': {label: i for i, label in enumerate(labels)}}
    kind = getattr(transformers, architecture)
    if encoder is not None:
        model = kind.from_pretrained(encoder, **config)
        tokenizer = transformers.AutoTokenizer.from_pretrained(encoder)
    else:
        sizes = {'hidden_size': 32, 'num_hidden_layers': 2, 'num_attention_heads': 2, 'intermediate_size': 64, 'max_position_embeddings': 64}
        model = kind(transformers.BertConfig(vocab_size=len(VOCABULARY), initializer_range=0.3, **sizes, **config))
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, 'vocab.txt'), 'w', encoding='utf-8') as file:
            file.write(''.join(token + '\n' for token in VOCABULARY))
        tokenizer = transformers.BertTokenizerFast(vocab=os.path.join(folder, 'vocab.txt'), model_max_length=60)
    for parameter in model.parameters():  # biases and norms are all alike at first, and would hide a mistake
        if parameter.dim() == 1:
            parameter.data += 0.2 * torch.randn_like(parameter)
    model.to(getattr(torch, dtype)).save_pretrained(folder, **({'max_shard_size': shard} if shard else {}))
    tokenizer.save_pretrained(folder)
    return sorted(os.listdir(folder))


def first_states(folder, texts):
    """Of the encoder alone: the class that knows no head reads the folder too."""
    tokenizer, model = transformers.AutoTokenizer.from_pretrained(folder), transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        return [model(**encoded_pair_or_text(tokenizer, text)).last_hidden_state[0].mean(0).tolist() for text in texts]


def resave(folder, to):
    """As somebody who loads and saves it again would have it."""
    if os.path.exists(os.path.join(folder, 'modules.json')):
        SentenceTransformer(folder, device='cpu').save(to)
    else:
        kind = getattr(transformers, config_of(folder)['architectures'][0])
        kind.from_pretrained(folder).save_pretrained(to)
        transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(to)
    return sorted(os.listdir(to))


def main():
    commands = {'logits': logits, 'losses': losses, 'make': make, 'first_states': first_states, 'resave': resave}
    answers = os.fdopen(os.dup(1), 'w', encoding='utf-8')
    os.dup2(2, 1)  # what the libraries print is no answer
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {'is': commands[request.pop('do')](**request)}
        except Exception as error:  # pylint: disable=broad-except
            answer = {'error': f'{type(error).__name__}: {error}'}
        answers.write(json.dumps(answer) + '\n')
        answers.flush()


if __name__ == '__main__':
    main()
