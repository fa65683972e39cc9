"""Writes small random encoders, and what the reference library computes with them: hidden states and gradients.

Made with Python 3.11, torch 2.13.0 (CPU), transformers 5.24.0, safetensors 0.8.0: python make_encoders.py [ENCODER]
ENCODER is the folder of all-MiniLM-L6-v2, which is not part of this repository; of it only the results are written.
Tolerance: hidden states 1e-4; gradients 1e-4 of the largest entry of the parameter's gradient (see encoder_golden_test.cpp).

Each folder is what save_pretrained writes, with `expected.safetensors` beside it:
  ids, type_ids [tokens], offsets [texts + 1]: the texts one after another
  states [tokens, hidden]: of each text alone, without padding
  gradient.NAME: of the sum of states * cos(0.7 i + 0.3), i counting their entries row by row
Of the real encoder only projections of the gradients are kept: projection.NAME holds the norm of the gradient and the sum of
its entries times cos(0.7 i + 0.3).
"""
import os
import shutil
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification, BertModel

FOLDER = os.path.dirname(os.path.abspath(__file__))
SENTENCES = [('A small red boat drifts past the old lighthouse.', None), ('Refund me!', None), ('Is the ferry late today?', 'The noon ferry leaves forty minutes after its time, said the port.'), ('', None)]


def texts_of(vocab_size, n_types):
    """Lengths from one token to all positions; some texts are pairs. Never id 0, the padding: the library keeps its embedding
    from being trained, we never see it."""
    generator = torch.Generator().manual_seed(7)
    texts = []
    for length, border in ((1, None), (5, None), (16, 9), (12, None), (3, 1), (2, None)):
        ids = torch.randint(1, vocab_size, (length,), generator=generator)
        types = torch.zeros(length, dtype=torch.long)
        if border is not None and n_types > 1:
            types[border:] = 1
        texts.append((ids, types))
    return texts


def wave(n):
    return torch.cos(0.7 * torch.arange(n, dtype=torch.float64) + 0.3)


def results(model, texts):
    """The states and, by plain name, the gradients."""
    model.eval()
    model.zero_grad()
    states = torch.cat([model(input_ids=ids[None], token_type_ids=types[None]).last_hidden_state[0] for ids, types in texts])
    (states * wave(states.numel()).float().view_as(states)).sum().backward()
    offsets = [0]
    for ids, _ in texts:
        offsets.append(offsets[-1] + len(ids))
    found = {'ids': torch.cat([ids for ids, _ in texts]), 'type_ids': torch.cat([types for _, types in texts]), 'offsets': torch.tensor(offsets), 'states': states.detach()}
    gradients = {name: parameter.grad for name, parameter in model.named_parameters() if not name.startswith('pooler.')}
    return found, gradients


def check_padding_changes_nothing(model, texts, states):
    longest = max(len(ids) for ids, _ in texts)
    pad = lambda x: torch.nn.functional.pad(x, (0, longest - len(x)))
    mask = torch.stack([pad(torch.ones_like(ids)) for ids, _ in texts])
    out = model(input_ids=torch.stack([pad(ids) for ids, _ in texts]), token_type_ids=torch.stack([pad(types) for _, types in texts]), attention_mask=mask)
    difference = (out.last_hidden_state[mask.bool()] - states).abs().max().item()
    assert difference < 1e-5, difference


def make(name, head=BertModel, dtype=torch.float32, with_gradients=True, shard_size='1GB', old_names=False, **config):
    torch.manual_seed(len(name))
    model = head(BertConfig(vocab_size=40, max_position_embeddings=16, **config), **({} if head is not BertModel else {'add_pooling_layer': True}))
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            parameter.normal_(0, 0.25)
            if key.endswith('LayerNorm.weight'):
                parameter += 1
    folder = os.path.join(FOLDER, name)
    shutil.rmtree(folder, ignore_errors=True)
    model.to(dtype).save_pretrained(folder, max_shard_size=shard_size)
    if old_names:  # as checkpoints of 2018 call them, with the buffer that they carry
        path = os.path.join(folder, 'model.safetensors')
        weights = {key.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'): value for key, value in load_file(path).items()}
        weights['embeddings.position_ids'] = torch.arange(16)[None]
        save_file(weights, path, {'format': 'pt'})
    reference = model.float().bert if head is not BertModel else model.float()
    reference.set_attn_implementation('eager')
    texts = texts_of(40, reference.config.type_vocab_size)
    found, gradients = results(reference, texts)
    check_padding_changes_nothing(reference, texts, found['states'])
    if with_gradients:
        found |= {'gradient.' + key: value for key, value in gradients.items()}
    save_file(found, os.path.join(folder, 'expected.safetensors'))
    print(name, sorted(os.listdir(folder)), 'states up to', found['states'].abs().max().item())


def make_real(folder):
    model = BertModel.from_pretrained(folder, attn_implementation='eager')
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = []
    for first, second in SENTENCES:
        encoding = tokenizer(first, second)
        texts.append((torch.tensor(encoding['input_ids']), torch.tensor(encoding['token_type_ids'])))
    found, gradients = results(model, texts)
    check_padding_changes_nothing(model, texts, found['states'])
    for name, gradient in gradients.items():
        flat = gradient.double().flatten()
        found['projection.' + name] = torch.stack([flat.norm(), (flat * wave(flat.numel())).sum()])
    save_file(found, os.path.join(FOLDER, 'all-MiniLM-L6-v2.safetensors'))
    print('all-MiniLM-L6-v2', len(found['ids']), 'tokens')


if __name__ == '__main__':
    print('torch', torch.__version__, 'transformers', transformers.__version__)
    sizes = {'hidden_size': 16, 'num_hidden_layers': 2, 'num_attention_heads': 2, 'intermediate_size': 24}
    make('gelu', hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, hidden_act='gelu', layer_norm_eps=1e-12)
    make('gelu_new_in_shards', shard_size='16KB', hidden_act='gelu_new', layer_norm_eps=1e-5, **(sizes | {'num_hidden_layers': 3}))
    make('relu_in_a_classifier', head=BertForSequenceClassification, hidden_act='relu', layer_norm_eps=1e-3, num_labels=3, **sizes)
    make('float16_with_old_names', dtype=torch.float16, with_gradients=False, old_names=True, hidden_act='gelu', layer_norm_eps=1e-7, **sizes)
    make('bfloat16_of_one_type', dtype=torch.bfloat16, with_gradients=False, hidden_act='gelu_pytorch_tanh', type_vocab_size=1, **sizes)
    if len(sys.argv) > 1:
        make_real(sys.argv[1])
