"""The peer's pretraining step: Hugging Face BertForMaskedLM on PyTorch. Prints one line of JSON.

usage: peer.py LAYERS HIDDEN HEADS VOCABULARY OPTIONS THREADS SECONDS

Full blocks of 128 tokens, as the library's own script makes them, so that nothing is padded: the peer's best case. OPTIONS: some of
masked (the vocabulary's softmax at hidden words alone; the library computes it everywhere), fused (the fused optimizer), bf16
(autocast), joined by commas, or `none`. Tokens are random: no step depends on what they are.
"""
import json
import sys
import time

import torch
from transformers import BertConfig, BertForMaskedLM

LENGTH, BATCH = 128, 32  # 4,096 tokens a step


def main(layers, hidden, heads, vocabulary, words, threads, seconds):
    options = set(words.split(','))
    torch.set_num_threads(int(threads))
    torch.manual_seed(1)
    config = BertConfig(vocab_size=int(vocabulary), hidden_size=int(hidden), num_hidden_layers=int(layers), num_attention_heads=int(heads),
                        intermediate_size=4 * int(hidden), hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attn_implementation='sdpa')
    model = BertForMaskedLM(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.01, fused='fused' in options)
    generator = torch.Generator().manual_seed(1)
    n_hidden = round(0.15 * LENGTH * BATCH)

    def step():
        ids = torch.randint(5, int(vocabulary), (BATCH, LENGTH), generator=generator)
        chosen = torch.randperm(BATCH * LENGTH, generator=generator)[:n_hidden]
        targets = ids.view(-1)[chosen]
        labels = torch.full((BATCH * LENGTH,), -100)
        labels[chosen] = targets
        ids.view(-1)[chosen] = 4
        with torch.autocast('cpu', torch.bfloat16, enabled='bf16' in options):
            if 'masked' in options:
                states = model.bert(input_ids=ids).last_hidden_state.view(-1, int(hidden))
                loss = torch.nn.functional.cross_entropy(model.cls(states[chosen]).float(), targets)
            else:
                loss = model(input_ids=ids, labels=labels.view(BATCH, LENGTH)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    for _ in range(3):
        step()
    speeds, begin = [], time.perf_counter()
    while len(speeds) < 5 or time.perf_counter() - begin < float(seconds):
        start = time.perf_counter()
        step()
        speeds.append(LENGTH * BATCH / (time.perf_counter() - start))
    speeds.sort()
    print(json.dumps({'tokens_per_second': speeds[len(speeds) // 2], 'best': speeds[-1], 'steps': len(speeds), 'torch': torch.__version__}))


if __name__ == '__main__':
    main(*sys.argv[1:])
