"""Special tokens written out in a prompt are text to the server, unless it is told otherwise."""

import numpy as np

from lm_zoo.serving.limits import ServingLimits
from lm_zoo.serving.openai.prompts import PromptReader
from lm_zoo.serving.served_model import ServedModel
from tests.serving.conftest import NAME


def test_a_completions_prompt_is_read_as_text_or_as_asked(exported_run, model, run):
    text = "the <eos> cat"
    assert model.special_tokens == model.card["special_tokens"] == "text"
    _, typed = PromptReader(model, ServingLimits()).read(text)
    assert run.tokenizer.eos_id not in typed
    asked = ServedModel(exported_run / "exports" / NAME, special_tokens="control")
    _, control = PromptReader(asked, ServingLimits()).read(text)
    assert control == run.tokenizer.encode(text).tolist() and run.tokenizer.eos_id in control
    token_ids, lengths = model.functions.encode_prompts(np.array([text.encode()]))
    assert token_ids.numpy()[0, : lengths.numpy()[0]].tolist() == typed
