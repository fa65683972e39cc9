"""The sets that are measured: task type and metric of each."""
KINDS = {'banking77': 'classification', 'clinc150': 'classification', 'hwu64': 'classification', 'wnut17': 'tagging',
         'mr_polarity': 'classification', 'subj': 'classification', 'stsb_ccbysa': 'regression'}
METRICS = {'classification': 'accuracy', 'tagging': 'span_f1', 'regression': 'pearson'}
