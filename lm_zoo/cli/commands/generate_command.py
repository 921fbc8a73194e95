"""Continues prompts with a trained run, streaming the text as it appears.

    lm-zoo generate --workdir=runs/quickstart_lstm --prompt="The class" --temperature=0.7
    lm-zoo generate --workdir=runs/quickstart_transformer --prompt="The" --num_beams=4
    lm-zoo generate --workdir=runs/quickstart_lstm --num_return_sequences=3 --top_p=0.9 --json
    lm-zoo generate --workdir=runs/quickstart_lstm --num_return_sequences=64 --strategy=mirrored

One continuation is written as it is made; of several, each when all are done.
"""

import dataclasses
import json

from lm_zoo.checked_fields import field
from lm_zoo.cli import prediction_flags
from lm_zoo.cli.distribution_flags import DeviceFlags
from lm_zoo.cli.flags import RunFlags


@dataclasses.dataclass
class GenerateFlags:
    json: bool = field(False, help="Print one JSON object per continuation.")


FLAGS = (RunFlags, DeviceFlags, GenerateFlags)
MEANT = "prompt"


def define_task_flags(flag_values, arguments):
    prediction_flags.define_prediction_flags(
        prediction_flags.predictions_named("generate", arguments), flag_values
    )


def run(flag_values, arguments):
    prediction_flags.require_one_process("generate")
    prediction = prediction_flags.prediction_of_run("generate", flag_values)
    options = prediction_flags.settings_of_flags(prediction, flag_values)
    (text,) = prediction.texts
    prompts = flag_values[text.name].value or [""]  # "" begins a text
    prediction.checked([prompts], options)  # before the model is loaded
    loaded = prediction_flags.load_on_devices(flag_values)
    streams = len(prompts) * options["num_return_sequences"] == 1 and not flag_values.json
    opening = iter(prompts)  # written when it is certain that text follows
    results = loaded.generate(
        prompts,
        on_text=(lambda row, piece: _write(next(opening, "") + piece)) if streams else None,
        **options,
    )
    if streams:
        _write(next(opening, "") + "\n")
        return
    for number, result in enumerate(results, 1):
        if flag_values.json:
            print(json.dumps(_as_dict(result), ensure_ascii=False))
        else:
            print(f"--- {number} of {len(results)} (log-probability {result.log_prob:.2f} nats)")
            print(result.prompt + result.text)


def _as_dict(result):
    return {
        "prompt": result.prompt,
        "text": result.text,
        "log_prob": float(result.log_prob),
        "num_tokens": len(result.token_ids),
        "finished_by": result.finished_by,
    }


def _write(text):
    print(text, end="", flush=True)
