"""Writes a model that we trained in the forms the peers read. Runs in the peers' Python.

usage: exports.py MODEL FOLDER CALIBRATION.npz

MODEL is the `model/` of a run with one classification task. Every form takes `input_ids`, `attention_mask` and
`token_type_ids` and gives the logits of that task, so that the peers do what we do:

  exported.onnx        torch.onnx.export; ONNX Runtime and OpenVINO read it (OpenVINO's own conversion from PyTorch was no faster)
  fused.onnx           the same after ONNX Runtime's transformer optimizer
  *.int8.onnx          of each, products and embeddings quantised dynamically, weights by channel (ONNX Runtime)
  exported.int8.xml    exported.onnx after NNCF's post-training quantisation (OpenVINO)
"""
import json
import os
import sys
import warnings

import nncf
import numpy as np
import onnx
import openvino
import torch
import transformers
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import optimizer
from safetensors.torch import load_file

from peer import batches_of

warnings.filterwarnings('ignore')
transformers.logging.set_verbosity_error()
INPUTS = ['input_ids', 'attention_mask', 'token_type_ids']


def attention(module, query, key, value, mask, **_):
    """Written with a division, which ONNX Runtime's optimizer recognises; transformers multiplies, which it does not."""
    scores = query @ key.transpose(2, 3) / module.attention_head_size**0.5 + mask
    return (torch.softmax(scores, -1) @ value).transpose(1, 2).contiguous(), None


transformers.AttentionInterface.register('divided', attention)


class Classifier(torch.nn.Module):
    """Encoder, pooling and one linear head, as in our model folder."""

    def __init__(self, folder):
        super().__init__()
        with open(os.path.join(folder, 'model.json'), encoding='utf8') as file:
            self.pooling = json.load(file)['pooling']
        task, = os.listdir(os.path.join(folder, 'tasks'))
        head = load_file(os.path.join(folder, 'tasks', task, 'head.safetensors'))
        self.encoder = transformers.AutoModel.from_pretrained(
            os.path.join(folder, 'encoder'), attn_implementation='divided', add_pooling_layer=False)
        self.head = torch.nn.Linear(*reversed(head['weight'].shape))
        self.head.load_state_dict(head)
        self.eval().requires_grad_(False)

    def forward(self, input_ids, attention_mask, token_type_ids):
        # A mask of four dimensions is taken as it is; one of two is traced with the sizes of the example as constants.
        added = (1.0 - attention_mask[:, None, None, :].to(torch.float32)) * -10000.0
        hidden = self.encoder(input_ids=input_ids, attention_mask=added, token_type_ids=token_type_ids).last_hidden_state
        if self.pooling == 'first':
            return self.head(hidden[:, 0])
        weights = attention_mask[..., None].to(hidden.dtype)
        return self.head((hidden * weights).sum(1) / weights.sum(1))


def example():
    ids = torch.full((2, 16), 1)
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    return ids, mask, torch.zeros_like(ids)


def main(model_folder, folder, calibration):
    os.makedirs(folder, exist_ok=True)
    at = lambda name: os.path.join(folder, name)
    model = Classifier(model_folder)
    torch.onnx.export(model, example(), at('exported.onnx'), dynamo=False, opset_version=17, input_names=INPUTS,
                      output_names=['logits'],
                      dynamic_axes={name: {0: 'batch', 1: 'seq'} for name in INPUTS} | {'logits': {0: 'batch'}})

    config = model.encoder.config
    fused = optimizer.optimize_model(at('exported.onnx'), model_type='bert', num_heads=config.num_attention_heads,
                                     hidden_size=config.hidden_size)
    fused.save_model_to_file(at('fused.onnx'))
    for name in ('exported', 'fused'):
        quantize_dynamic(at(f'{name}.onnx'), at(f'{name}.int8.onnx'), weight_type=QuantType.QInt8, per_channel=True,
                         extra_options={'DefaultTensorType': onnx.TensorProto.FLOAT})

    samples = batches_of(np.load(calibration), 8)
    quantised = nncf.quantize(openvino.Core().read_model(at('exported.onnx')), nncf.Dataset(samples),
                              model_type=nncf.ModelType.TRANSFORMER, subset_size=len(samples))
    openvino.save_model(quantised, at('exported.int8.xml'), compress_to_fp16=False)

    # A change in transformers can quietly undo what the optimizer recognises; then its graph would be no peer at its best.
    n_attentions = fused.get_fused_operator_statistics()['Attention']
    if n_attentions != config.num_hidden_layers:
        print(f'note: ONNX Runtime\'s optimizer fused {n_attentions} of {config.num_hidden_layers} attentions')


if __name__ == '__main__':
    main(*sys.argv[1:])
