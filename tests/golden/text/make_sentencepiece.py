"""Writes pipelines/spm.model and sentencepiece.json: what transformers makes of folders with a SentencePiece model alone.

Made with Python 3.11, transformers 5.24.0, tokenizers 0.23.3, sentencepiece 0.2.3, after make_pipelines.py, whose model
and texts it uses: python make_sentencepiece.py
Tolerance: none. Of each text the first 16 hexadecimal digits of the SHA-256 of its encoding, as in make_pipelines.py.
"""
import json
import os
import shutil
import tempfile

import sentencepiece
import sentencepiece.sentencepiece_model_pb2 as sentencepiece_model
import tokenizers
import transformers

from make_pipelines import FOLDER, digest


def tokenizer_of(name, class_name):
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(os.path.join(FOLDER, 'pipelines', name), folder)
        return getattr(transformers, class_name).from_pretrained(folder).backend_tokenizer


def main():
    proto = sentencepiece_model.ModelProto()
    with open(os.path.join(FOLDER, 'pipelines', 'sentencepiece.bpe.model'), 'rb') as file:
        proto.ParseFromString(file.read())
    pieces = list(proto.pieces)[3:]
    del proto.pieces[:]
    for token in ('[PAD]', '[CLS]', '[SEP]', '[UNK]'):
        proto.pieces.add(piece=token, score=0.0, type=2 if token == '[UNK]' else 3)
    proto.pieces.extend(pieces)
    proto.trainer_spec.unk_id, proto.trainer_spec.unk_piece = 3, '[UNK]'
    with open(os.path.join(FOLDER, 'pipelines', 'spm.model'), 'wb') as out:
        out.write(proto.SerializeToString(deterministic=True))
    with open(os.path.join(FOLDER, 'pipelines.json')) as file:
        texts = json.load(file)['texts']
    versions = f'transformers {transformers.__version__}, tokenizers {tokenizers.__version__}, sentencepiece {sentencepiece.__version__}'
    result = {'made_with': versions, 'models': {}}
    for name, class_name in (('sentencepiece.bpe.model', 'XLMRobertaTokenizer'), ('spm.model', 'DebertaV2Tokenizer')):
        tokenizer = tokenizer_of(name, class_name)
        result['models'][name] = {'vocabulary_size': tokenizer.get_vocab_size(), 'texts': [digest(tokenizer, [text]) for text in texts]}
    with open(os.path.join(FOLDER, 'sentencepiece.json'), 'w') as out:
        json.dump(result, out, indent=0, separators=(',', ':'))
        out.write('\n')


if __name__ == '__main__':
    main()
