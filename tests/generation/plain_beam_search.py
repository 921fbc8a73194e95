"""Beam search in plain loops: every text is read from its start, and no search stops early."""

import numpy as np

from tests.generation.toy import log_softmax


def plain_beam_search(logits_after, num_beams, longest, end_id, length_penalty=1.0, **how):
    """Returns `(ids, score, log-probability)` of the texts that end, best first.

    Args:
        logits_after: Called with lists of ids, all of one length; returns logits after each, of
            tokens alone.
        num_beams: Beams.
        longest: Most tokens of a text.
        end_id: The token that ends a text.
        length_penalty: Scores are divided by the number of tokens to this power.
        how: `rank_by`, called with the ids of a text and the logits after it, returns the logits
            that it is ranked by; `is_stopped`, called with ids, says whether they end a text.
    """
    rank_by = how.get("rank_by", lambda ids, logits: logits)
    is_stopped = how.get("is_stopped", lambda ids: False)
    beams, ended = [([], 0.0, 0.0)], []
    for length in range(1, longest + 1):
        candidates = []
        every_logits = np.asarray(logits_after([ids for ids, *_ in beams]), np.float64)
        for (ids, score, own), logits in zip(beams, every_logits, strict=True):
            ranking = log_softmax(rank_by(ids, logits.copy()))
            for token, log_prob in enumerate(log_softmax(logits)):
                candidates.append(([*ids, token], score + ranking[token], own + log_prob))
        candidates.sort(key=lambda candidate: -candidate[1])
        beams = []
        for rank, (ids, score, own) in enumerate(candidates):
            if ids[-1] == end_id or length == longest or is_stopped(ids):
                if rank < num_beams:
                    ended.append((ids, score / length**length_penalty, own))
            elif len(beams) < num_beams:
                beams.append((ids, score, own))
        if not beams:
            break
    return sorted(ended, key=lambda entry: -entry[1])


def penalized(prompt_ids, penalty):
    """Returns a `rank_by`: a token that was read before is less likely."""

    def rank_by(ids, logits):
        for token in {*prompt_ids, *ids}:
            logits[token] *= penalty if logits[token] < 0 else 1 / penalty
        return logits

    return rank_by
