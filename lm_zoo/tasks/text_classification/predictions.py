"""What a text classifier can be asked for; needs the standard library alone."""

from lm_zoo.tasks.prediction import Input, Prediction

PREDICTIONS = {
    "classify": Prediction(
        inputs=(
            Input(
                "text", "string", field="text", ends=True, help="Texts, each classified on its own."
            ),
            Input(
                "k",
                "int32",
                1,
                each="call",
                at_least=1,
                help="Number of labels returned, most likely first.",
            ),
        ),
        outputs={"labels": "equal", "log_probs": "log_prob"},
        answer="lm_zoo.tasks.text_classification.answers:classify",
        function="classify",
        example={"k": 2},
        help="The most likely labels of each text, and their log-probabilities in nats.",
    )
}
