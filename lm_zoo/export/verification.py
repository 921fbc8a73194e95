"""Proof that a SavedModel does what the Python model does: run by a process without lm_zoo."""

import contextlib
import dataclasses
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.evaluation.embedding import embed_texts
from lm_zoo.evaluation.scoring import score_texts
from lm_zoo.files import plain_path
from lm_zoo.generation import GenerationOptions, generate
from lm_zoo.generation.options import TEXT

TOLERANCE = 1e-4  # of a log-probability, relative to it where it is larger than 1 nat
MAX_NEW_TOKENS = 32
PROCESS = pathlib.Path(__file__).with_name("verification_process.py")


@dataclasses.dataclass
class Parity:
    """How far a SavedModel's results were from the Python model's.

    Attributes:
        texts: Texts scored.
        prompts: Prompts continued.
        largest_difference: For each signature that was compared, the largest difference; of a
            log-probability relative to the larger of it and 1 nat, of a vector relative to its
            length.
        equal_texts: How many greedy texts were equal, token for token.
        tied_texts: How many were equal up to two tokens of which neither is the likelier, within
            `TOLERANCE`: rounding alone decides there.
    """

    texts: int
    prompts: int
    largest_difference: dict[str, float]
    equal_texts: int = 0
    tied_texts: int = 0

    def written(self):
        """Returns lines about the texts that were generated."""
        if not self.equal_texts:
            return []
        tied = f" ({self.tied_texts} up to a tie)" if self.tied_texts else ""
        return [
            f"{self.equal_texts} of {self.prompts} greedy texts equal, token for token{tied}; "
            f"log-probability {self.largest_difference['generate']:.1e}"
        ]


class Verification:
    """What to ask a SavedModel, and what it has to answer.

    Args:
        model: The Python model, with the weights that were exported.
        tokenizer: Its tokenizer.
        signatures: The names of those exported.
        texts: Strings to score.
        prompts: Strings to continue.
        max_length: Most tokens of a prompt, or None.
        examples: Further calls, whose outputs are given back: signature -> inputs, name -> tensor
            as JSON has it.
        max_new_tokens: How many tokens each prompt is continued by.
        special_tokens: What those written out in texts and prompts are.
    """

    def __init__(
        self,
        model,
        tokenizer,
        signatures,
        texts,
        prompts,
        max_length=None,
        examples=None,
        max_new_tokens=MAX_NEW_TOKENS,
        special_tokens=TEXT,
    ):
        self.model = model
        self.tokenizer = tokenizer
        self.signatures = signatures
        self.texts = texts
        self.prompts = prompts
        self.max_length = max_length
        self.examples = examples or {}
        self.max_new_tokens = max_new_tokens
        self.special_tokens = special_tokens
        self.k = min(5, model.vocab_size)

    @property
    def needs(self):
        """The package that has to be imported before the SavedModel is loaded, or ""."""
        return self.tokenizer.saved_model_needs

    def calls(self):
        """Returns `(name, inputs)` for each call, in the form that the process reads."""
        text, prompts = tensor(self.texts), tensor(self.prompts)
        inputs = {
            "score": {"text": text},
            "token_logprobs": {"text": text},
            "embed": {"text": text},
            "next_token": {"text": prompts, "k": tensor(self.k)},
            "generate": {
                "prompt": prompts,
                "max_new_tokens": tensor(self.max_new_tokens),
                "temperature": tensor(0.0),
                "top_k": tensor(0),
                "top_p": tensor(1.0),
                "seed": tensor(0),
                "stop": tensor(""),
            },
        }
        calls = [(name, inputs[name]) for name in self.signatures]
        if "generate" in self.signatures:
            eos_id = -1 if self.tokenizer.eos_id is None else self.tokenizer.eos_id
            longest = max(len(ids) for ids in self._prompt_ids())
            slots = min(longest + self.max_new_tokens, self.max_length or math.inf)
            steps = {
                "max_new_tokens": tensor(self.max_new_tokens),
                "num_slots": tensor(slots),
                "eos_id": tensor(eos_id),
            }
            calls.append(("continue_greedily", {"prompts": prompts, **steps}))
        return calls

    def check(self, answers):
        """Compares the answers with what the Python model gives, on the CPU as the process did.

        Args:
            answers: The outputs of each of `calls`.

        Returns:
            A `Parity`.

        Raises:
            UserError: If one differs by more than `TOLERANCE`, or a text differs.
        """
        found = {}
        for (name, _), outputs in zip(self.calls(), answers, strict=True):
            found[name] = {key: array(value) for key, value in outputs.items()}
        parity = Parity(len(self.texts), len(self.prompts), {})
        with tf.device("CPU"):
            self._check_texts(found, parity.largest_difference)
            if "generate" in found:
                self._check_generated(found["generate"], found["continue_greedily"], parity)
        return parity

    def _check_texts(self, found, largest):
        """Notes the largest difference of each signature that takes texts."""
        if {"score", "token_logprobs"} & set(found):
            scores = score_texts(
                self.model, self.tokenizer, self.texts, special_tokens=self.special_tokens
            )
        if "score" in found:
            largest["score"] = _check_scores(scores, found["score"])
        if "token_logprobs" in found:
            largest["token_logprobs"] = self._check_tokens(scores, found["token_logprobs"])
        if "embed" in found:
            expected = embed_texts(
                self.model, self.tokenizer, self.texts, special_tokens=self.special_tokens
            )
            largest["embed"] = check_vectors(expected, found["embed"]["vector"])
        if "next_token" in found:
            largest["next_token"] = self._check_next(found["next_token"])

    def _prompt_ids(self):
        mode = self.special_tokens
        return [self.tokenizer.encode_prompt(prompt, mode) for prompt in self.prompts]

    def _check_tokens(self, scores, found):
        pieces, log_probs, lengths = [], [], []
        for text, score in zip(self.texts, scores, strict=True):
            ids = self.tokenizer.encode(text, self.special_tokens)
            lengths.append(len(ids))
            pieces += [self.tokenizer.token_bytes(int(token)) for token in ids]
            log_probs += [math.nan if nll is None else -nll for _, nll in score.tokens]
        for name, own in (("row_lengths", lengths), ("tokens", pieces)):
            if found[name].tolist() != own:
                raise different("token_logprobs", self.texts, found[name].tolist(), own)
        return compare("token_logprobs", found["log_probs"], log_probs, self.texts)

    def _check_next(self, found):
        """Reads each prompt in one go, without state."""
        limit = self.model.context_length or 0
        largest = 0.0
        for row, ids in enumerate(self._prompt_ids()):
            logits = self.model(tf.constant([ids[-limit:]], tf.int32))[0, -1]
            log_probs = tf.nn.log_softmax(logits)[: self.model.vocab_size].numpy()
            best = np.argsort(-log_probs, kind="stable")[: self.k]
            pieces = [self.tokenizer.token_bytes(int(token)) for token in best]
            largest = max(
                largest,
                compare("next_token", found["log_probs"][row], log_probs[best], self.prompts[row]),
            )
            apart = np.diff(log_probs[best], prepend=np.inf, append=-np.inf)
            certain = np.minimum(-apart[:-1], -apart[1:]) > 2 * TOLERANCE  # neighbours may swap
            for given, piece, is_certain in zip(found["tokens"][row], pieces, certain):
                if is_certain and given != piece:
                    raise different("next_token", self.prompts[row], repr(given), repr(piece))
        return largest

    def _check_generated(self, found, steps, parity):
        options = GenerationOptions(
            temperature=0,
            max_new_tokens=self.max_new_tokens,
            special_tokens=self.special_tokens,
        )
        expected = generate(self.model, self.tokenizer, self.prompts, options)
        parity.largest_difference["generate"] = 0.0
        for row, (prompt_ids, result) in enumerate(zip(self._prompt_ids(), expected, strict=True)):
            tokens = [token for token in steps["tokens"][row].tolist() if token >= 0]
            if self._is_tie(prompt_ids, tokens, result.token_ids):
                parity.tied_texts += 1
                continue
            own = (result.token_ids, result.text, len(result.token_ids))
            text, count = found["text"][row].decode("utf-8"), found["num_tokens"][row]
            for given, right in zip((tokens, text, count), own, strict=True):
                if given != right:
                    raise different("generate", result.prompt, repr(given), repr(right))
            parity.equal_texts += 1
            parity.largest_difference["generate"] = max(
                parity.largest_difference["generate"],
                compare("generate", found["log_prob"][row], result.log_prob, result.prompt),
            )

    def _is_tie(self, prompt_ids, given, own):
        """Whether two texts part at tokens of the same probability, before the context slides."""
        parted = [i for i, (a, b) in enumerate(zip(given, own)) if a != b]
        read = [*prompt_ids, *own[: parted[0]]] if parted else []
        if not parted or len(read) > (self.model.context_length or len(read)):
            return False
        log_probs = tf.nn.log_softmax(self.model(tf.constant([read], tf.int32))[0, -1]).numpy()
        difference = log_probs[given[parted[0]]] - log_probs[own[parted[0]]]
        return abs(float(difference)) <= TOLERANCE


def verify(exports):
    """Runs SavedModels in one new process, and checks what comes back.

    Args:
        exports: `(folder, Verification)` of each; all need the same package, or none.

    Returns:
        `(parity, examples)` of each: a `Parity`, and the example calls' `(inputs, outputs)` by
        signature.

    Raises:
        UserError: If one differs, or the process fails.
    """
    models = [
        (str(folder), [*verification.calls(), *verification.examples.items()])
        for folder, verification in exports
    ]
    needs = sorted({verification.needs for _, verification in exports} - {""})
    results = []
    for (_, verification), answers in zip(exports, run_alone(models, needs), strict=True):
        count = len(verification.calls())
        parity = verification.check(answers[:count])
        named = zip(verification.examples.items(), answers[count:], strict=True)
        results.append((parity, {name: (inputs, outputs) for (name, inputs), outputs in named}))
    return results


def run_alone(models, needs=()):
    """Calls SavedModels in a new process that has TensorFlow and no lm_zoo.

    Args:
        models: `(folder, calls)` of each, as `Verification.calls` gives them.
        needs: Packages to import before.

    Returns:
        For each model the outputs of each call, name -> tensor as JSON has it.

    Raises:
        UserError: If the process fails.
    """
    paths = [str(pathlib.Path(tf.__file__).parents[1])]  # -I may leave out where it was found
    with contextlib.ExitStack() as stack:
        plain = [(stack.enter_context(plain_path(folder)), calls) for folder, calls in models]
        prefix = "lm_zoo-verification-"
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=prefix))
        request, answer = pathlib.Path(folder, "request.json"), pathlib.Path(folder, "answer.json")
        asked = {"paths": paths, "needs": list(needs), "models": plain}
        request.write_text(json.dumps(asked), encoding="utf-8")
        command = [sys.executable, "-I", str(PROCESS), str(request), str(answer)]
        finished = subprocess.run(command, capture_output=True, text=True, errors="replace")
        if finished.returncode or not answer.exists():
            lines = finished.stderr.strip().splitlines() or ["it said nothing"]
            raise UserError(
                "export: the SavedModel could not be run by a process of its own (exit status "
                f"{finished.returncode}: {lines[-1]:.500})."
            )
        return json.loads(answer.read_text(encoding="utf-8"))


def tensor(value):
    """Returns a string, a number or a list of them in the form that the process reads."""
    value = np.asarray(value)
    if value.dtype.kind == "U":
        values = [text.encode("utf-8").decode("latin-1") for text in value.reshape(-1).tolist()]
        return {"dtype": "string", "shape": list(value.shape), "values": values}
    kind = "int32" if value.dtype.kind == "i" else "float32"
    return {"dtype": kind, "shape": list(value.shape), "values": value.reshape(-1).tolist()}


def array(value):
    """Returns the numpy array of a tensor that the process wrote; strings as bytes."""
    values = value["values"]
    if value["dtype"] == "string":
        values = np.array([text.encode("latin-1") for text in values], object)
    else:
        values = np.array(values, value["dtype"])
    return values.reshape(value["shape"])


def _check_scores(scores, found):
    largest = 0.0
    for row, score in enumerate(scores):
        text = " ".join(token for token, _ in score.tokens)
        if found["num_tokens"][row] != score.num_tokens:
            raise different("score", text, found["num_tokens"][row], score.num_tokens)
        largest = max(largest, compare("score", found["log_prob"][row], score.log_prob, text))
        if score.num_tokens:
            compare("score", np.log(found["perplexity"][row]), np.log(score.perplexity), text)
    return largest


def check_vectors(expected, found):
    lengths = np.maximum(np.linalg.norm(expected, axis=1), 1e-6)
    difference = float(np.max(np.linalg.norm(found - expected, axis=1) / lengths, initial=0))
    if not difference <= TOLERANCE:
        raise different("embed", "all", f"a vector {difference:.1e} away", "another")
    return difference


def compare(name, found, expected, text):
    """Returns the largest difference of log-probabilities, relative above 1 nat."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    with np.errstate(invalid="ignore"):
        difference = np.abs(found - expected) / np.maximum(np.abs(expected), 1)
    difference = np.where(same, 0, difference)
    if not np.all(difference <= TOLERANCE):
        worst = np.unravel_index(np.argmax(np.nan_to_num(difference, nan=np.inf)), found.shape)
        raise different(name, text, found[worst], expected[worst])
    return float(np.max(difference, initial=0))


def different(name, text, found, expected):
    return UserError(
        f"export: {name} of {text!r:.60} gives {found!s:.200} in the SavedModel, but "
        f"{expected!s:.200} in Python, so nothing was written; this is a defect of lm_zoo or "
        "TensorFlow: please report it."
    )
