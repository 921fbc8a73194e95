"""The mood of sentences, by a user's own task, model, corpus, tokenizer and cleaning step."""

import dataclasses

import numpy as np

import lm_zoo
from lm_zoo.checked_fields import field
from lm_zoo.config import *
from lm_zoo.data.corpora.corpus import RecordCorpus

WORDS = {"glad": ("sun", "Song", "dance"), "sad": ("rain", "Loss", "grey")}


@dataclasses.dataclass
class Moods:
    """Sentences with their moods, drawn at random."""

    num_records: int = field(200, at_least=10)

    def load(self, cache_dir):
        random = np.random.default_rng(1)
        records = []
        for _ in range(self.num_records):
            mood = ("glad", "sad")[random.integers(2)]
            words = [WORDS[mood][random.integers(3)] for _ in range(random.integers(2, 6))]
            records.append((" ".join(words) + "!!!", mood))
        held_out = self.num_records // 5
        splits = {
            "train": records[2 * held_out :],
            "validation": records[:held_out],
            "test": records[held_out : 2 * held_out],
        }
        return RecordCorpus("moods", splits, "drawn", "none needed", ("text", "mood"))


lm_zoo.register("task", "mood", "mood:Mood")
lm_zoo.register("model", "tiny_gru", "tiny_gru:TinyGRU")
lm_zoo.register("corpus", "moods", Moods)
lm_zoo.register("tokenizer", "letters", "letters:Letters")
lm_zoo.register("cleaning_step", "calm", "letters:CALM")


def get_config():
    return ExperimentConfig(
        task=TaskConfig("mood"),
        corpus=CorpusConfig("moods"),
        data=DataConfig(batch_size=16),
        cleaning=CleaningConfig(steps=("calm",)),
        tokenizer=TokenizerConfig("letters"),
        model=ModelConfig("tiny_gru", "toy"),
        optimizer=OptimizerConfig("adam", learning_rate=0.02),
        training=TrainingConfig(steps=40, validation_interval=20, best_by="accuracy"),
    )
