"""Writes small random encoders of every family but BERT (make_encoders.py), and what the reference library computes with them.

Made with Python 3.11, torch 2.13.0 (CPU), transformers 5.24.0, safetensors 0.8.0: python make_families.py
Tolerance: hidden states 1e-4; gradients 1e-4 of the largest entry of the parameter's gradient (see encoder_golden_test.cpp).

The files are those of make_encoders.py; gradients have the library's names without the prefix that task models give them.
"""
import inspect
import os
import shutil

import torch
import transformers
from make_encoders import wave
from safetensors.torch import save_file
from transformers import (
    DebertaV2Config, DebertaV2ForSequenceClassification, DebertaV2Model, DistilBertConfig,
    DistilBertForSequenceClassification, ElectraConfig, ElectraForPreTraining, ModernBertConfig,
    ModernBertForSequenceClassification, ModernBertModel, RobertaConfig, RobertaForSequenceClassification,
    XLMRobertaConfig, XLMRobertaModel)

FOLDER = os.path.dirname(os.path.abspath(__file__))
VOCAB = 40
LENGTHS = ((1, None), (5, None), (16, 9), (37, None), (3, 1), (2, None))  # of a text, and where a pair's second begins


def texts():
    """Never an id below 3: they may be the padding, whose embedding the library keeps from being trained."""
    generator = torch.Generator().manual_seed(7)
    made = []
    for length, border in LENGTHS:
        ids = torch.randint(3, VOCAB, (length,), generator=generator)
        types = torch.zeros(length, dtype=torch.long)
        if border is not None:
            types[border:] = 1
        made.append((ids, types))
    return made


def make(name, head, config, base=None):
    """`base`: the attribute of the head that is the encoder; None = the head is it."""
    torch.manual_seed(len(name))
    model = head(config)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            is_norm = 'norm' in key.lower() and key.endswith('weight')
            parameter.normal_(1 if is_norm else 0, 0.25)
    folder = os.path.join(FOLDER, name)
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    encoder = model if base is None else getattr(model, base)
    encoder.set_attn_implementation('eager')
    encoder.eval()
    takes_types = 'token_type_ids' in inspect.signature(encoder.forward).parameters
    n_types = getattr(config, 'type_vocab_size', 0)
    inputs = texts()

    def states_of(ids, types, **more):
        types = {'token_type_ids': types if n_types > 1 else torch.zeros_like(types)} if takes_types else {}
        return encoder(input_ids=ids, **types, **more).last_hidden_state

    states = torch.cat([states_of(ids[None], types[None])[0] for ids, types in inputs])
    (states * wave(states.numel()).float().view_as(states)).sum().backward()

    longest = max(len(ids) for ids, _ in inputs)
    pad = lambda x, value: torch.nn.functional.pad(x, (0, longest - len(x)), value=value)
    mask = torch.stack([pad(torch.ones_like(ids), 0) for ids, _ in inputs])
    padded = states_of(torch.stack([pad(ids, config.pad_token_id) for ids, _ in inputs]), torch.stack([pad(types, 0) for _, types in inputs]), attention_mask=mask)
    difference = (padded[mask.bool()] - states).abs().max().item()
    assert difference < 1e-5, difference

    offsets = [0]
    for ids, _ in inputs:
        offsets.append(offsets[-1] + len(ids))
    found = {'ids': torch.cat([ids for ids, _ in inputs]), 'type_ids': torch.cat([types for _, types in inputs]), 'offsets': torch.tensor(offsets), 'states': states.detach()}
    found |= {'gradient.' + key: value.grad for key, value in encoder.named_parameters() if not key.startswith('pooler.')}
    save_file(found, os.path.join(folder, 'expected.safetensors'))
    sizes = [os.path.getsize(os.path.join(folder, file)) for file in sorted(os.listdir(folder))]
    print(name, sum(sizes), 'bytes, states up to', states.abs().max().item())


SIZES = {'vocab_size': VOCAB, 'hidden_size': 16, 'num_hidden_layers': 2, 'num_attention_heads': 2, 'intermediate_size': 24}
ROBERTA = SIZES | {'max_position_embeddings': 42, 'type_vocab_size': 1, 'layer_norm_eps': 1e-5, 'pad_token_id': 1}

if __name__ == '__main__':
    print('torch', torch.__version__, 'transformers', transformers.__version__)
    make('roberta', RobertaForSequenceClassification, RobertaConfig(**ROBERTA), 'roberta')
    make('xlm_roberta', XLMRobertaModel, XLMRobertaConfig(**(ROBERTA | {'pad_token_id': 2})))
    make('distilbert', DistilBertForSequenceClassification, DistilBertConfig(
        vocab_size=VOCAB, dim=16, n_layers=2, n_heads=2, hidden_dim=24, max_position_embeddings=40, pad_token_id=0), 'distilbert')
    make('electra', ElectraForPreTraining, ElectraConfig(**SIZES, embedding_size=8, max_position_embeddings=40, pad_token_id=0), 'electra')

    small = SIZES | {'num_hidden_layers': 4, 'intermediate_size': 12, 'max_position_embeddings': 40, 'pad_token_id': 0, 'local_attention': 8}
    make('modernbert', ModernBertForSequenceClassification, ModernBertConfig(**small), 'model')
    make('modernbert_with_biases', ModernBertModel, ModernBertConfig(
        **(small | {'num_hidden_layers': 2, 'hidden_activation': 'gelu_pytorch_tanh'}), attention_bias=True, mlp_bias=True, norm_bias=True,
        layer_types=['sliding_attention', 'full_attention'],
        rope_parameters={'full_attention': {'rope_type': 'default', 'rope_theta': 500.0}, 'sliding_attention': {'rope_type': 'default', 'rope_theta': 20.0}}))

    deberta = SIZES | {'max_position_embeddings': 40, 'relative_attention': True, 'layer_norm_eps': 1e-7, 'pad_token_id': 0}
    make('deberta_v3', DebertaV2ForSequenceClassification, DebertaV2Config(
        **deberta, type_vocab_size=0, position_biased_input=False, position_buckets=8, share_att_key=True, norm_rel_ebd='layer_norm', pos_att_type='p2c|c2p'), 'deberta')
    make('deberta_v2_own_projections', DebertaV2Model, DebertaV2Config(
        **deberta, type_vocab_size=2, position_biased_input=True, max_relative_positions=6, embedding_size=8, pos_att_type=['c2p', 'p2c']))
    make('deberta_v2_of_keys', DebertaV2Model, DebertaV2Config(
        **(deberta | {'num_hidden_layers': 1}), type_vocab_size=0, position_biased_input=False, max_relative_positions=16, position_buckets=4, share_att_key=True, pos_att_type=['c2p']))
    make('deberta_v2_convolution', DebertaV2Model, DebertaV2Config(
        **deberta, type_vocab_size=0, position_biased_input=False, position_buckets=8, share_att_key=True, norm_rel_ebd='layer_norm', pos_att_type='p2c|c2p',
        conv_kernel_size=3, conv_act='gelu'))
    make('deberta_v2_wide_convolution', DebertaV2ForSequenceClassification, DebertaV2Config(
        **(deberta | {'num_hidden_layers': 1}), type_vocab_size=2, position_biased_input=True, max_relative_positions=6, pos_att_type=['c2p'], conv_kernel_size=5), 'deberta')
