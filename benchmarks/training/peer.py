"""The peer's training loop: Hugging Face BertModel on PyTorch. One configuration a process; prints one line of JSON.

usage: peer.py ENCODER ROWS WORKLOAD OPTIONS THREADS BATCH SECONDS

ROWS is JSONL with `text` and label columns. WORKLOAD: mean, first (pooling of one task), plain (mean, without dropout), eight (a joint
loop over tasks that all rows have labels of) or five (each task has rows of its own); joint loops pass each task's batch by itself, as
multi-task trainers do. OPTIONS: some of sorted,fused,bf16 joined by commas, or `none`; with `trainer`, the library's Trainer trains its
classifier, grouping texts by length.
"""
import json
import random
import resource
import sys
import time

import torch
from transformers import AutoModel, AutoTokenizer

LONGEST, LEARNING_RATE, WEIGHT_DECAY = 128, 2e-4, 0.01
BATCHES_A_PASS = 12  # any of all: so many texts that batches of one length can be made take too long to pass whole


def batches_of(lengths, size, is_sorted, rng):
    order = list(range(len(lengths)))
    rng.shuffle(order)
    if is_sorted:  # by length, with chance among equals, and the batches in any order
        order.sort(key=lambda i: lengths[i])
    batches = [order[i:i + size] for i in range(0, len(order), size)]
    rng.shuffle(batches)
    return batches[:BATCHES_A_PASS]


def padded(ids, batch):
    width = max(len(ids[i]) for i in batch)
    x, mask = torch.zeros(len(batch), width, dtype=torch.long), torch.zeros(len(batch), width, dtype=torch.long)
    for row, i in enumerate(batch):
        x[row, :len(ids[i])], mask[row, :len(ids[i])] = torch.tensor(ids[i]), 1
    return x, mask


def train_by_trainer(encoder, ids, labels, options, size, seconds):
    from transformers import AutoModelForSequenceClassification, DataCollatorWithPadding, Trainer, TrainerCallback, TrainingArguments  # needs accelerate
    import tempfile

    class Clock(TrainerCallback):
        """Leaves out the first steps, and stops after the seconds."""
        def on_step_end(self, args, state, control, **more):
            now = time.perf_counter()
            if state.global_step == 3:
                self.begin, self.first = now, state.global_step
            if state.global_step > 6 and now - self.begin > seconds:
                self.end, self.last = now, state.global_step
                control.should_training_stop = True

    class Rows(torch.utils.data.Dataset):
        n_tokens = 0
        def __len__(self):
            return len(ids)
        def __getitem__(self, i):
            return {'input_ids': ids[i], 'labels': int(labels[i])}

    model = AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=int(labels.max()) + 1, attn_implementation='sdpa')
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(folder, per_device_train_batch_size=size, learning_rate=LEARNING_RATE, weight_decay=WEIGHT_DECAY, num_train_epochs=1000,
                                      train_sampling_strategy='group_by_length', bf16='bf16' in options, use_cpu=True, report_to=[], save_strategy='no', logging_strategy='no',
                                      disable_tqdm=True, optim='adamw_torch_fused' if 'fused' in options else 'adamw_torch')
        tokenizer = AutoTokenizer.from_pretrained(encoder)
        Trainer(model, arguments, train_dataset=Rows(), data_collator=DataCollatorWithPadding(tokenizer), callbacks=[clock]).train()
    mean = sum(map(len, ids)) / len(ids)  # of its batches only the number is known
    return (clock.last - clock.first) * size * mean / (clock.end - clock.begin)


def main(encoder, file, workload, words, threads, size, seconds):
    options = set(words.split(','))
    torch.set_num_threads(int(threads))
    torch.manual_seed(1)
    rows = [json.loads(line) for line in open(file, encoding='utf8')]
    columns = [column for column in rows[0] if column != 'text'][:{'eight': 8, 'five': 5}.get(workload, 1)]
    ids = AutoTokenizer.from_pretrained(encoder)([row['text'] for row in rows], truncation=True, max_length=LONGEST)['input_ids']
    targets = {}
    for column in columns:
        names = sorted({row[column] for row in rows})
        targets[column] = torch.tensor([names.index(row[column]) for row in rows])
    if 'trainer' in options:
        speed = train_by_trainer(encoder, ids, targets[columns[0]], options, int(size), float(seconds))
        print(json.dumps({'tokens_per_second': speed, 'memory_mib': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 'torch': torch.__version__}))
        return
    dropout = {'hidden_dropout_prob': 0.0, 'attention_probs_dropout_prob': 0.0} if workload == 'plain' else {}
    model = AutoModel.from_pretrained(encoder, attn_implementation='sdpa', add_pooling_layer=False, **dropout).train()
    heads = torch.nn.ModuleList(torch.nn.Linear(model.config.hidden_size, int(targets[column].max()) + 1) for column in columns)
    parameters = [*model.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(parameters, LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused='fused' in options)

    def step(x, mask, batch, task):
        with torch.autocast('cpu', torch.bfloat16, enabled='bf16' in options):
            hidden = model(input_ids=x, attention_mask=mask).last_hidden_state
        if workload == 'first':
            pooled = hidden[:, 0].float()
        else:
            weights = mask.unsqueeze(2).float()
            pooled = (hidden.float() * weights).sum(1) / weights.sum(1)
        loss = torch.nn.functional.cross_entropy(heads[task](torch.nn.functional.dropout(pooled, 0.0 if workload == 'plain' else 0.1)), targets[columns[task]][batch])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    rng = random.Random(1)
    lengths = [len(i) for i in ids]
    speeds, begin, losses = [], time.perf_counter(), []
    while len(speeds) < 3 or time.perf_counter() - begin < float(seconds):
        batches = batches_of(lengths, int(size), 'sorted' in options, rng)
        of_batch = lambda i: [i % len(columns)] if workload == 'five' else range(len(columns))
        steps = [(padded(ids, batch), batch, task) for i, batch in enumerate(batches) for task in of_batch(i)]
        rng.shuffle(steps)
        start = time.perf_counter()
        losses.append(sum(step(*inputs, torch.tensor(batch), task) for inputs, batch, task in steps) / len(steps))
        speeds.append(sum(lengths[i] for batch in batches for i in batch) / (time.perf_counter() - start))  # each text once
    measured = sorted(speeds[1:])  # the first pass warms up
    print(json.dumps({'tokens_per_second': measured[len(measured) // 2], 'best': measured[-1], 'passes': len(measured), 'losses': [losses[0], losses[-1]],
                      'memory_mib': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 'torch': torch.__version__}))


if __name__ == '__main__':
    main(*sys.argv[1:])
