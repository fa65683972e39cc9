"""Runs ctest and sums up: every failure with its output, every skipped test with its reason, one closing line.

usage: run_tests.py BUILD_FOLDER LOG [ctest options]
"""
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

build, log, options = sys.argv[1], sys.argv[2], sys.argv[3:]
with tempfile.TemporaryDirectory() as folder:
    report = os.path.join(folder, 'report.xml')
    with open(log, 'ab') as out:
        subprocess.run(['ctest', '--test-dir', build, '--output-junit', report, '--no-tests=error',
                        '--test-output-size-passed', '10000000', '--test-output-size-failed', '10000000', *options], stdout=out, stderr=out)
    try:
        cases = xml.parse(report).getroot().findall('testcase')
    except (OSError, xml.ParseError):
        sys.exit(f'error: ctest wrote no report\n       the log: {log}')

passed = failed = skipped = 0
for case in cases:
    name, text = case.get('name'), case.findtext('system-out') or ''
    counts = dict(re.findall(r'\[  (PASSED|FAILED)  \] (\d+) tests?[.,]', text)[::-1])
    # GoogleTest names a skipped test's place and reason on the lines before it.
    for reason, test in re.findall(r'(?:Skipped\n)(.*?)\n+\[  SKIPPED \] (\S+)', text, re.S):
        print(f'skipped: {name}: {test}: {" ".join(reason.split())}')
    n_skipped = len(re.findall(r'^\[  SKIPPED \] \S+ \(\d+ ms\)', text, re.M))
    # Python's unittest: "test_name (...) ... skipped 'reason'", "Ran 12 tests in 3.4s", "FAILED (failures=1, skipped=2)".
    for test, reason in re.findall(r"^(test_\w+) \(\S+\) \.\.\. skipped '(.*)'$", text, re.M):
        print(f'skipped: {name}: {test}: {reason}')
        n_skipped += 1
    if ran := re.search(r'^Ran (\d+) tests? in ', text, re.M):
        n_bad = sum(map(int, re.findall(r'(?:failures|errors)=(\d+)', text[ran.end():])))
        counts = {'PASSED': max(0, int(ran[1]) - n_bad - n_skipped), 'FAILED': n_bad}
    bad = case.get('status') == 'fail' or case.find('failure') is not None
    if bad:
        print(f'--- failed: {name}\n{text[-4000:]}')
    elif case.find('skipped') is not None:
        print(f'skipped: {name}: {" ".join(text.split())[-300:]}')
        skipped += 1
        continue
    skipped += n_skipped
    n_failed = int(counts.get('FAILED', 0))
    failed += max(n_failed, 1) if bad else 0
    passed += int(counts.get('PASSED', 0 if bad else 1))
print(f'{passed} passed, {failed} failed, {skipped} skipped')
sys.exit(1 if failed else 0)
