"""Fetches, cleans and tokenizes the text of a config, and says what came of it.

    lm-zoo prepare --config=wikitext2_lstm_200
    lm-zoo prepare --config=ptb_lstm_small --data_dir=~/corpora/ptb
    lm-zoo prepare --config=mine.py --processes=8

Training does the same when it starts; done beforehand, it needs neither TensorFlow nor the machine
that trains. What is made lies in the cache (--config.data.cache_dir, else $LM_ZOO_CACHE) and is
found there by `lm-zoo train` with the same config. Stopped in any way, the same command goes on.
"""

import dataclasses
import json

from lm_zoo.checked_fields import field
from lm_zoo.cli.flags import CorpusFlags, with_data_dir
from lm_zoo.errors import UserError
from lm_zoo.progress import current_stages


@dataclasses.dataclass
class PrepareFlags:
    processes: int | None = field(
        None,
        at_least=0,
        help="Processes that clean and tokenize; 0 means one a core. Default: the config's.",
    )
    json: bool = field(False, help="Print the summary as JSON.")


FLAGS = (CorpusFlags, PrepareFlags)


def run(flag_values, arguments):
    from lm_zoo.corpus_tools import prepare

    if flag_values.config is None:
        raise UserError("--config is required; `lm-zoo list configs` shows some.")
    config = with_data_dir(flag_values.config, flag_values.data_dir)
    if flag_values.processes is not None:
        config.runtime.data_processes = flag_values.processes
    with current_stages() as listener:
        prepared = prepare(config, listener)
    if flag_values.json:
        prepared = json.dumps(prepared.to_dict(), indent=2, ensure_ascii=False)
    print(prepared)
